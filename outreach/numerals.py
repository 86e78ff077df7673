"""Numbers as they are written in Vietnamese. Pure."""


def number(value: int) -> str:
    """1.234.567"""
    return f"{value:,}".replace(",", ".")
