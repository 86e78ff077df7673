"""Page behind the link in a copy to a control phone: its holder says when the text came and how it looked."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Response, redirect, request

from campaigns.delivery.control_phones import answer_control_copy, find_control_copy
from campaigns.rules.control_phones import ControlLook
from campaigns.rules.sending_hours import VIETNAM
from campaigns.web.responses import add_security_headers, public_page
from outreach.core.sentences import word_error
from outreach.rules.errors import BadInput
from outreach.runtime import Runtime

LOOKS = {
    ControlLook.CLEAR: "Đã đến, chữ đúng và đủ",
    ControlLook.GARBLED: "Đã đến, nhưng sai chữ, sai dấu",
    ControlLook.CUT: "Đã đến, nhưng thiếu chữ hoặc bị chia nhiều tin",
    ControlLook.SENDER: "Đã đến, nhưng tên người gửi sai",
}


def show_control_page(runtime: Runtime, token_id: int, token: str) -> Response | None:
    """Answer `GET` or `POST` of a copy's link: 200, 303, 422 with what is to be corrected; None where it opens nothing.

    `POST` takes `look`, one of `ControlLook`, and `at`, the time of day when it came, empty for just now.
    """
    now, error, typed = datetime.now(UTC), "", request.form.get("at", "")[:10]
    with runtime.db.read() as session:
        found = find_control_copy(session, token_id)
    if found is None:
        return None
    copy, text = found
    if request.method == "POST":
        try:
            with runtime.db.write() as session:
                answer_control_copy(
                    session, token_id, look=request.form.get("look", ""), clock=typed, now=now
                )
            return add_security_headers(redirect(f"/{token}", code=303))
        except BadInput as refusal:
            error = word_error(refusal)
    return public_page(
        "control.html",
        422 if error else 200,
        text=text,
        queued_at=copy.queued_at.astimezone(VIETNAM),
        came_at=copy.came_at and copy.came_at.astimezone(VIETNAM),
        look=copy.look,
        looks=LOOKS,
        error=error,
        typed=typed,
    )
