"""Public web: callbacks of the gateways, pages of residents, agencies and report readers, and the ASGI bridge."""
