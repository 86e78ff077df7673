"""Webhooks: signed events to addresses that an organisation has named, sent until they arrive."""
