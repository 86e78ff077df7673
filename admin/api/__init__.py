"""The interface for other systems under /api/v1: contacts in, campaigns and figures out. No phone number leaves by it."""
