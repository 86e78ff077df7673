"""Tables of accounts, contacts, places and backups."""
