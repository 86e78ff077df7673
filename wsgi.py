"""The web's entry point, and the command line's."""

from admin.app import create_app
from outreach.settings import Settings

app = create_app(Settings.from_env())
