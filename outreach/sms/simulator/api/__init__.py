"""Twilio's REST API as a client sees it."""
