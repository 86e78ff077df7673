"""The daily report: a snapshot of figures and sources at a set hour, its documents, and what happens to them."""
