"""Public web: gateway callbacks, the answer page, pages behind links, and the ASGI bridge."""
