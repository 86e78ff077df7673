"""Files as organisations keep them to checked rows."""
