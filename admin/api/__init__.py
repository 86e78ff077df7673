"""HTTP API under /api/v1 for other systems: contacts in, campaigns and figures out, never a phone number."""
