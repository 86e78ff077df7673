"""Entry point of the web (WSGI) and of the command line."""

import gc
import sys

# All that is loaded stays: looking through it while it is loaded costs a fifth of each start.
gc.disable()

from admin.app import create_app  # noqa: E402
from deploy import language_of_environment  # noqa: E402
from outreach.core.sentences import word_error  # noqa: E402
from outreach.core.settings import BadSettings, Settings  # noqa: E402
from outreach.runtime import freeze_loaded_objects  # noqa: E402

try:
    app = create_app(Settings.from_env())
    freeze_loaded_objects()
    gc.enable()
except BadSettings as error:
    print(word_error(error, language_of_environment()), file=sys.stderr)
    # With this status gunicorn ends; with any other it would restart the worker again and again.
    sys.exit(3)
