"""Entry point of the web (WSGI) and of the command line."""

import sys

from admin.app import create_app
from outreach.core.sentences import language_of_environment, word_error
from outreach.core.settings import BadSettings, Settings
from outreach.runtime import freeze_loaded_objects

try:
    app = create_app(Settings.from_env())
    freeze_loaded_objects()
except BadSettings as error:
    print(word_error(error, language_of_environment()), file=sys.stderr)
    # With this status gunicorn ends; with any other it would restart the worker again and again.
    sys.exit(3)
