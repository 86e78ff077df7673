"""Reply text to label and confidence."""
