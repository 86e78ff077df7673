"""The training phones and the control page."""
