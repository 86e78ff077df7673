"""HTTP API under /api/v1 for other systems: contacts in, campaigns and figures out, no phone numbers."""
