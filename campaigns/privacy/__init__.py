"""Privacy requests: export, correction and erasure of a person's data, and retention."""
