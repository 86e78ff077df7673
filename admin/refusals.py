"""What the web refuses: noted as security events, and the quota on opening full numbers."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, Response, g, request
from flask_login import current_user
from limits import RateLimitItemPerHour

from outreach.accounts.security_events import SecurityEvent, note_event
from outreach.core.rate_limits import hit, nothing_limited_without_redis
from outreach.rules.errors import WrongState
from outreach.runtime import Runtime

R = TypeVar("R")
_BY_ENDPOINT = {
    ("login.sign_in", 401): SecurityEvent.LOGIN_REFUSED,
    ("login.sign_in", 429): SecurityEvent.LOGIN_BRAKED,
    ("login.return_from_provider", 401): SecurityEvent.LOGIN_REFUSED,
    ("login.check", 401): SecurityEvent.CODE_REFUSED,
    ("login.check", 429): SecurityEvent.LOGIN_BRAKED,
    ("login.ask_for_link", 429): SecurityEvent.LOGIN_BRAKED,
}


def note_refusals(app: Flask, runtime: Runtime) -> None:
    """Note refused requests after they were answered. A view may say whom it is about in `g.refused_user`."""

    @app.after_request
    def note(response: Response) -> Response:
        if response.status_code in (401, 403, 429):
            endpoint = request.endpoint or ""
            event = _BY_ENDPOINT.get((endpoint, response.status_code))
            who = f"users:{g.refused_user}" if g.get("refused_user") else ""
            if event is None and endpoint.startswith("api."):
                event = SecurityEvent.API_REFUSED
                who = f"api_tokens:{g.bearer.token_id}" if g.get("bearer") else ""
            elif event is None and response.status_code == 403:
                if endpoint.startswith(("gateway_callbacks.", "reply_channels.", "exchange.")):
                    event = SecurityEvent.WEBHOOK_REFUSED
                elif current_user.is_authenticated:
                    event, who = SecurityEvent.FORBIDDEN, f"users:{current_user.id}"
            if event is not None:
                note_event(runtime.redis, event, address=request.remote_addr or "", who=who)
        return response


def within_quota(use_case: Callable[..., R], *, numbers: int = 1) -> Callable[..., R]:
    """Return a use case that opens this many full numbers, within its user's quota of an hour.

    It raises WrongState beyond. Without Redis nothing is limited; every number that is opened is in the audit log.
    """

    def run(runtime: Runtime, *args: Any, user: Any, **values: Any) -> R:
        most = runtime.settings.full_numbers_per_hour
        if numbers > most:
            raise WrongState("numbers_beyond_quota", numbers=numbers, most=most)
        limit = RateLimitItemPerHour(most, 1, "numbers")
        wait = 0
        with nothing_limited_without_redis("numbers.limits_away"):
            wait = hit(runtime.redis, limit, str(user.id), count=numbers) if numbers else 0
        if wait:
            address = request.remote_addr or ""
            note_event(runtime.redis, SecurityEvent.NUMBERS_QUOTA, address=address, who=f"users:{user.id}")
            raise WrongState("numbers_quota_used", minutes=-(-wait // 60))
        return use_case(runtime, *args, user=user, **values)

    return run
