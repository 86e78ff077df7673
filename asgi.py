"""Entry point of the web for a server with an event loop (ASGI), as started by `make run`."""

import sys

from admin.app import create_front
from outreach.core.schema import require_current
from outreach.rules.errors import WrongState
from wsgi import app as site

try:
    require_current(site.extensions["runtime"].db)
except WrongState as error:
    print(error, file=sys.stderr)
    sys.exit(3)  # as in wsgi.py
app = create_front(site)
