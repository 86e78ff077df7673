"""The office's pages. Each view reads in one snapshot, acts through a use case, and hands plain data to its template."""
