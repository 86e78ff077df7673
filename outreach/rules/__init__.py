"""Pure rules of contact lists, phone numbers, SMS texts, gateways and the audit chain."""
