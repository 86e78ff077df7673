"""Worker processes: the jobs, and what runs them."""
