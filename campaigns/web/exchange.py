"""What other installations read here: the wishes to be left alone that are told to them."""

from datetime import UTC, datetime

from flask import Blueprint, Response, abort, request

from outreach.imports.exchange import PATH, SIGNATURE, answer_reader
from outreach.runtime import Runtime


def create_exchange(runtime: Runtime) -> Blueprint:
    """Create `/exchange/wishes`."""
    exchange = Blueprint("exchange", __name__)

    @exchange.get(PATH)
    def wishes() -> Response:
        """Tell another installation of EXCHANGE_PEERS, by its signature, the wishes after an entry, signed; 403 to others."""
        asked = {name: request.args.get(name, "")[:200] for name in ("reader", "after", "nonce", "signature")}
        with runtime.db.read() as session:
            answer = answer_reader(session, runtime.settings, **asked, now=datetime.now(UTC))
        if answer is None:
            abort(403)
        return Response(answer[0], headers={SIGNATURE: answer[1]}, content_type="application/json")

    return exchange
