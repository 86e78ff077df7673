"""A browser's long name of itself in two words, so that people know their devices again. Pure."""

from __future__ import annotations

# Each names itself after those it claims to be like: the first that is found is meant.
_BROWSERS = (
    ("coc_coc", "Cốc Cốc"),
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("CriOS", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


def name_device(user_agent: str) -> str:
    """`Chrome, Android`; "" for what names itself like nothing known."""
    known = [
        next((name for mark, name in table if mark in user_agent), "") for table in (_BROWSERS, _SYSTEMS)
    ]
    return ", ".join(filter(None, known))
