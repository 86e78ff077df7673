"""Replies and answers: receiving, classification, recording, undoing."""
