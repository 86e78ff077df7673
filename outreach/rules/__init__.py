"""Any cell of a real list to numbers, or to the reason why not. Pure."""
