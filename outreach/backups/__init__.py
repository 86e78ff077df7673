"""Backup of the database to one file, and its restore."""
