"""The web's entry point for a server with an event loop, as `make run` starts it."""

import sys

from admin.app import create_front
from outreach.core.schema import require_current
from outreach.rules.errors import WrongState
from wsgi import app as office

try:
    require_current(office.extensions["runtime"].db)
except WrongState as error:
    print(error, file=sys.stderr)
    sys.exit(3)  # as in wsgi.py
app = create_front(office)
