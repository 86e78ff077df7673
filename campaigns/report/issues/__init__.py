"""What is issued: frozen, built, kept as bytes, shown by links."""
