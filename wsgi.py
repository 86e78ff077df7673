"""The web's entry point, and the command line's."""

import sys

from admin.app import create_app
from outreach.runtime import spare_what_is_loaded
from outreach.settings import BadSettings, Settings

try:
    app = create_app(Settings.from_env())
    spare_what_is_loaded()
except BadSettings as error:
    print(error, file=sys.stderr)
    # At this status gunicorn ends; at any other it would start the same worker again and again.
    sys.exit(3)
