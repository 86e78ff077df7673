"""The web's entry point, and the command line's."""

import sys

from admin.app import create_app
from outreach.core.settings import BadSettings, Settings
from outreach.runtime import freeze_loaded_objects

try:
    app = create_app(Settings.from_env())
    freeze_loaded_objects()
except BadSettings as error:
    print(error, file=sys.stderr)
    # At this status gunicorn ends; at any other it would start the same worker again and again.
    sys.exit(3)
