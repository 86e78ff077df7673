"""Checked rows to the directory."""
