"""Classification of replies: from text to label and confidence."""
