"""Views of the admin site: each reads in one snapshot, acts through use cases and renders plain data."""
