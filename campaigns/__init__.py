"""Outreach campaigns: planning, sending, replies, and figures about what they achieved."""
