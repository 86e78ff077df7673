"""Web application that does nothing, to measure the share of the server and Flask in a request."""

from flask import Flask

from admin.app import MAX_FORM_BYTES, THREADS
from campaigns.web.asgi import WsgiBridge

app = Flask(__name__)


@app.post("/webhooks/twilio/status/<attempt>")
def status(attempt: str) -> tuple[str, int]:
    return "", 204


@app.get("/<string(length=8):token>")
def page(token: str) -> str:
    return ""


served = WsgiBridge(
    app, threads=THREADS, usual_bytes=MAX_FORM_BYTES, most_bytes=lambda _environ: MAX_FORM_BYTES
)
