"""SMS gateways (Twilio, an Android phone) and their HTTP client."""
