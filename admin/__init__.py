"""Admin site, HTTP API, command line, demo data and the assembled web application."""
