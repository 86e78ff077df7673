"""Errors in the language of the page, of the API's caller or of the command."""

import click
from flask import has_request_context
from flask_babel import get_locale

from deploy import language_of_environment
from outreach.core.sentences import DEFAULT_LANGUAGE, word_error, word_stored
from outreach.rules.errors import LoaError

LANGUAGE_KEY = "loa.language"  # in the context of a command


def show_error(error: LoaError) -> str:
    """Return the sentence of an error."""
    return word_error(error, _language())


def show_stored_error(stored: str) -> str:
    """Return the sentence of an error that is stored in a column: `{{ upload.error | stored_error }}`."""
    return word_stored(stored, _language())


def command_language() -> str:
    """Return the language of the running command: its option `--lang`, else that of the environment."""
    context = click.get_current_context(silent=True)
    return (context.meta.get(LANGUAGE_KEY) if context else None) or language_of_environment()


def _language() -> str:
    return str(get_locale() or DEFAULT_LANGUAGE) if has_request_context() else command_language()
