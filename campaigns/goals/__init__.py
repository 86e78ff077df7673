"""What is to be reached: whose share, by when, and out of how many people."""
