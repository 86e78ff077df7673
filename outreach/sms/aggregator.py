"""Gateway for an aggregator by HTTP, as its profile describes it (`outreach.rules.aggregator`)."""

import base64
import json
import logging
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from outreach.core.settings import PROFILES, Settings
from outreach.rules import aggregator, gateway
from outreach.sms.http_gateway import HttpGateway, is_over

log = logging.getLogger(__name__)
_TYPES = {
    "json": {"Content-Type": "application/json"},
    "form": {"Content-Type": "application/x-www-form-urlencoded"},
}


@cache
def load_profile(name: str) -> aggregator.Profile:
    """Return a profile that ships with Loa, or of a file where `name` is a path. Raises OSError, ValueError."""
    return aggregator.read_profile(_read_file(name))


def _read_file(name: str) -> dict[str, Any]:
    path = Path(name) if "/" in name else PROFILES / f"{name}.toml"
    data = tomllib.loads(path.read_text("utf-8"))
    return _read_file(data.pop("base")) | data if "base" in data else data


class AggregatorGateway(HttpGateway):
    """Gateway by an aggregator's interface. Prices come with the callbacks.

    Messages cannot be listed by number: see `request_id`. Repeated for the same attempt a message has the same id.
    """

    def __init__(self, settings: Settings, *, id_prefix: str = "") -> None:
        super().__init__(settings)
        self._id_prefix = id_prefix
        self.profile = load_profile(settings.aggregator_profile)
        # An address of a request, or of the host alone, is taken as the interface's.
        given = settings.aggregator_url.removesuffix(self.profile.send["path"].rstrip("/"))
        self._base = given or self.profile.url
        self._other_base = (
            given + urlsplit(self.profile.url).path if given and not urlsplit(given).path else ""
        )
        self._key, self._secret = settings.aggregator_key, settings.aggregator_secret
        self._account = settings.notice_account
        self._names = aggregator.AttemptNames(settings.secret_key)
        self._callback = f"{settings.public_base_url}/webhooks/aggregator/"

    @property
    def request_id(self) -> gateway.Lasting | None:
        """For how long `send` may be called again for the same attempt: no second message comes of it. None: never."""
        return self.profile.request_id

    async def send(self, message: gateway.OutboundMessage) -> gateway.Outcome:
        """Send a message as any other gateway. A notice by a way that the profile has no more is not sent: its words are no text."""
        if message.notice and message.notice.channel is not self.profile.channel:
            return gateway.RequestExpired()
        return await super().send(message)

    def _prepare(
        self, message: gateway.OutboundMessage
    ) -> tuple[Mapping[str, Any], dict[str, Any], dict[str, Any]]:
        values = aggregator.values_of(
            message,
            self.profile,
            key=self._key,
            secret=self._secret,
            request=self._names.request(message.attempt_id),
            callback=self._callback + self._names.callback(message.attempt_id),
            account=self._account,
        )
        how = (self.profile.notice if message.notice else None) or self.profile.send
        return how, aggregator.fill(how["fields"], values), values

    async def _post(
        self, prepared: tuple[Mapping[str, Any], dict[str, Any], dict[str, Any]]
    ) -> gateway.Outcome:
        status, answer = await self._request(*prepared)
        outcome = aggregator.read_answer(self.profile, status, answer)
        if isinstance(outcome, gateway.Accepted) and outcome.gateway_id:
            outcome = outcome._replace(gateway_id=(self._id_prefix + outcome.gateway_id)[:64])
        if isinstance(outcome, gateway.Refused) and outcome.cause is gateway.Cause.OTHER:
            log.warning("aggregator.new_refusal code=%s", outcome.code)
        return outcome

    async def ask(self, gateway_id: str, *, of_notice: bool = False) -> gateway.StatusReport | None:
        """Ask what became of a message; None where the interface has no such question. Raises GatewayUnavailable."""
        question = self.profile.status
        if question is None:
            return None
        values = {"id": gateway_id.removeprefix(self._id_prefix), "key": self._key, "secret": self._secret}
        fields = aggregator.fill(question.get("fields", {}), values)
        is_over.set(None)
        with self._reading():
            status, answer = await self._request({"body": "query", **question}, fields, values)
        if status // 100 != 2 or answer is None:
            raise gateway.GatewayUnavailable(f"http_{status}")
        return replace(
            aggregator.read_report(self.profile, answer, of_notice=of_notice), gateway_id=gateway_id
        )

    async def _request(
        self, how: Mapping[str, Any], fields: Mapping[str, Any], values: Mapping[str, str]
    ) -> tuple[int, Any]:
        used = self._base
        status, answer = await self._request_at(used, how, fields, values)
        if status != 404:
            self._other_base = ""
            return status, answer
        if self._other_base:
            self._base, self._other_base = self._other_base, ""
        return (
            (status, answer)
            if self._base == used
            else await self._request_at(self._base, how, fields, values)
        )

    async def _request_at(
        self, base: str, how: Mapping[str, Any], fields: Mapping[str, Any], values: Mapping[str, str]
    ) -> tuple[int, Any]:
        path = aggregator.fill(
            how["path"], {name: quote(str(value), safe="") for name, value in values.items()}
        )
        basic = aggregator.fill(how.get("basic", ""), values)
        kind = how["body"]
        status, text, _ = await self._transport.request(
            "GET" if kind == "query" else "POST",
            base + path,
            params=fields if kind == "query" else None,
            form=fields if kind == "form" else None,
            body=json.dumps(fields, ensure_ascii=False).encode() if kind == "json" else None,
            headers=_TYPES.get(kind, {}),
            authorization="Basic " + base64.b64encode(basic.encode()).decode() if basic else "",
        )
        try:
            return status, json.loads(text)
        except ValueError:
            return status, None
