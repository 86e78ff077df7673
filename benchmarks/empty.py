"""A web application that does nothing: what the server and Flask themselves take of a callback's time."""

from flask import Flask

app = Flask(__name__)


@app.post("/webhooks/twilio/status/<attempt>")
def status(attempt: str) -> tuple[str, int]:
    return "", 204
