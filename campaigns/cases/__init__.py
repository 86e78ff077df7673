"""What residents need a person for: one work list of help asked for, questions, and replies to be read."""
