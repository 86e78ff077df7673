"""Set-up and operation of the system; imports none of the product's own packages."""

import os

# The one place of the version: the wheel, the image, `loa --version` and the changelog follow it.
VERSION = "1.2.0"
LANGUAGES = ("vi", "en")


def language_of_environment() -> str:
    """Return the language of a process that nobody chose one for: `LOA_LANG`, else English for an English locale."""
    if (chosen := os.environ.get("LOA_LANG", "")) in LANGUAGES:
        return chosen
    locale = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return "en" if locale.startswith("en") else LANGUAGES[0]
