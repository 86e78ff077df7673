"""Areas: provinces, districts and communes."""
