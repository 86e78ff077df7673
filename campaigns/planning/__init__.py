"""A campaign before it is launched: its text, its audience, its cost, its approval."""
