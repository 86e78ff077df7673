"""Checks of an installation: what runs, what is missing, and whether live sending may begin."""
