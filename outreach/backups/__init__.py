"""The database in one file, and back: PostgreSQL by its own programs, SQLite by itself."""
