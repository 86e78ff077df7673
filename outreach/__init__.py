"""Contacts, accounts, imports and SMS gateways: what does not depend on campaigns."""
