"""The daily report: a snapshot of figures, its documents, mail and links, and their schedule."""
