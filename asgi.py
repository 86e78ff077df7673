"""The web's entry point for a server with an event loop, as `make run` starts it."""

from admin.app import create_front
from wsgi import app as office

app = create_front(office)
