"""What flow tests are made of: people, officers, a campaign, and a way to let the work run."""

import asyncio
import inspect
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy import inspect as inspect_row
from sqlalchemy.orm import Session

from admin.app import create_app
from campaigns.analytics.campaign_status import read_status
from campaigns.cases.conversation import record_answer as record_told
from campaigns.delivery.open_gateways import OpenGateway, OpenGateways
from campaigns.delivery.reconcile import decide_unknown, reconcile
from campaigns.delivery.record_outcomes import apply_reports
from campaigns.delivery.send_messages import MessageSender, call_backend
from campaigns.lifecycle import change_campaign, create_campaign, perform_action
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.messages import Attempt, Message
from campaigns.models.privacy import RequestKind
from campaigns.models.replies import Answer, AnswerPlace, AnswerSource, Case, Reply
from campaigns.planning.drives import open_drive_of, save_drive
from campaigns.planning.kinds import load_kinds
from campaigns.privacy.requests import record_consent, record_request
from campaigns.privacy.retention import erase_contact
from campaigns.replies.gateway_inbox import GatewayInbox
from campaigns.replies.receive_reply import receive_reply
from campaigns.replies.record_answer import (
    record_answer,
    record_officer_answer,
    record_page_answer,
    undo_answer,
)
from campaigns.rules.approvals import LaunchTerms
from campaigns.rules.draft import read_draft
from campaigns.rules.links import LinkCipher
from campaigns.rules.own_answers import GivenAnswer
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import AttemptReport, AttemptState, CampaignAction, CampaignState, MessageState
from campaigns.sweep import sweep
from campaigns.visits.sheets import create_sheet
from outreach.accounts.api_tokens import create_token
from outreach.accounts.users import create_organisation, create_user, find_user
from outreach.contacts.phones import find_or_create_phones
from outreach.contacts.suppressions import suppress
from outreach.core.db import Base
from outreach.core.sentences import word_stored
from outreach.models.accounts import (
    Area,
    AreaLevel,
    AuditEvent,
    Organisation,
    OrganisationKind,
    Right,
    Role,
    User,
)
from outreach.models.contacts import Contact, ContactList, ContactPhone, Membership, Phone, SuppressionReason
from outreach.models.office import ENVIRONMENT
from outreach.rules.gateway import InboundMessage
from outreach.rules.keys import Purpose
from outreach.runtime import Runtime
from tests.support.simulator import RunningSimulator

T = TypeVar("T")
LIST = "Hội viên"
AUTHOR, APPROVER = "canbo@loa.example", "duyet@loa.example"
TERMS = LaunchTerms(approvals=1, estimate_vnd=None)
PASSWORD = "mật khẩu dài"
TEXT = "[Chào {name}, ]mời ông/bà cài Bluezone: {link}"


def number(index: int) -> str:
    """The index-th sample number."""
    return f"+849{index // 1000:02d}000{index % 1000:03d}"


def _row_of(session: Session, value: Any) -> Any:
    """The same row in this session, where it is one, so that what it leads to can be read."""
    identity = inspect_row(value).identity if isinstance(value, Base) else None
    return session.get(type(value), identity) or value if identity else value


def _call(session: Session, function: Callable[..., T], args: Any, given: dict[str, Any]) -> T:
    rows = {name: _row_of(session, value) for name, value in given.items()}
    return function(session, *(_row_of(session, each) for each in args), **rows)


class OneGateway:
    """What a sending job takes for its open gateways: one of the test's own, as the environment's."""

    active = frozenset({ENVIRONMENT})

    def __init__(self, runtime: Runtime, gateway: Any) -> None:
        settings = runtime.settings
        self._opened = OpenGateway(ENVIRONMENT, gateway, settings, settings.account, datetime.now(UTC))

    def all(self) -> list[OpenGateway]:
        return [self._opened]

    def get(self, _account_id: int) -> OpenGateway:
        return self._opened


@dataclass
class Site:
    """A runtime, and its rows and use cases as a test asks for them."""

    runtime: Runtime
    now: datetime = field(default_factory=lambda: datetime.now(UTC), kw_only=True)
    list_id: int = field(default=0, init=False)  # of those who are added; 0 is none

    # -- reading

    def all(self, query: Any) -> list[Any]:
        """The first column of all rows of a query, or their objects."""
        with self.runtime.db.read() as session:
            return list(session.scalars(query))

    def one(self, query: Any) -> Any:
        """The one object that a query must find."""
        (found,) = self.all(query)
        return found

    def first(self, query: Any) -> Any:
        return next(iter(self.all(query)), None)

    def scalar(self, query: Any) -> Any:
        """The first column of a query's first row; None without one."""
        with self.runtime.db.read() as session:
            return session.scalar(query)

    def get_one(self, table: Any, key: Any) -> Any:
        with self.runtime.db.read() as session:
            return session.get_one(table, key)

    def rows(self, query: Any) -> list[tuple[Any, ...]]:
        """All columns of all rows of a query."""
        with self.runtime.db.read() as session:
            return [tuple(row) for row in session.execute(query)]

    def count(self, table: Any) -> int:
        """How many rows a table has."""
        return self.scalar(select(func.count()).select_from(table)) or 0

    def audited(self, *actions: str, subject: str = "") -> list[AuditEvent]:
        """What the audit log has of these actions or of a subject, in order."""
        which = AuditEvent.subject == subject if subject else AuditEvent.action.in_(actions)
        return self.all(select(AuditEvent).where(which).order_by(AuditEvent.id))

    def contact(self, name: str) -> int:
        """The id of the one person of this name."""
        found: int = self.one(select(Contact.id).where(Contact.name == name))
        return found

    def organisation_id(self, code: str = "MTTQ") -> int:
        found: int = self.one(select(Organisation.id).where(Organisation.code == code))
        return found

    def phone(self, e164: str) -> int:
        """A known number's id."""
        found: int = self.one(select(Phone.id).where(Phone.e164 == e164))
        return found

    # -- writing

    def add(self, *rows: Any) -> Any:
        """Store rows, each after the one before it; the first."""
        with self.runtime.db.write() as session:
            for row in rows:
                session.add(row)
                session.flush()
        return rows[0]

    def execute(self, statement: Any) -> None:
        """One statement in a transaction of its own."""
        with self.runtime.db.write() as session:
            session.execute(statement)

    def change(self, table: Any, key: Any, **values: Any) -> None:
        """Set these columns of one row."""
        with self.runtime.db.write() as session:
            row = session.get_one(table, key)
            for name, value in values.items():
                setattr(row, name, value)

    def read(self, query: Callable[..., T], *args: Any, by: str = "", **given: Any) -> T:
        """What a function that takes a session finds; it gets what it needs as in `do`."""
        given = self._complete(query, args, given, by)
        with self.runtime.db.read() as session:
            return _call(session, query, args, given)

    def do(self, function: Callable[..., T], *args: Any, by: str = "", **given: Any) -> T:
        """What a function that takes a session does, now and for AUTHOR or whom `by` names; a use case as a page calls it.

        `user`, `now` and `settings` are filled in where it needs them and they are not given.
        """
        given = self._complete(function, args, given, by)
        if hasattr(function, "__wrapped__"):
            return function(self.runtime, *args, **given)
        with self.runtime.db.write() as session:
            return _call(session, function, args, given)

    def _complete(
        self, function: Callable[..., Any], args: Any, given: dict[str, Any], by: str
    ) -> dict[str, Any]:
        """What is given by name, and what else the function needs."""
        signature = inspect.signature(function)
        named = signature.bind_partial(None, *args, **given).arguments
        needed = {name for name, each in signature.parameters.items() if each.default is each.empty}
        needed -= named.keys()
        known: dict[str, Any] = {"now": self.now, "settings": self.runtime.settings}
        if by or "user" in needed:
            given = {**given, "user": self.user(by or AUTHOR)}
        return {**given, **{name: known[name] for name in needed & known.keys()}}

    # -- people

    def user(self, email: str) -> User:
        return self.read(find_user, email)

    def organisation(
        self,
        code: str = "PN",
        name: str = "Hội Phụ nữ",
        *,
        kind: OrganisationKind = OrganisationKind.MASS,
        below: str | None = "MTTQ",
    ) -> int:
        """Another organisation, below the Front's committee or beside it (None); its id."""
        return self.do(create_organisation, code=code, name=name, kind=kind, parent_code=below).id

    def add_person(self, name: str, *numbers: str, **about: Any) -> int:
        """One person with these phones, new or shared; the contact's id."""
        about = {"name_key": name.lower(), "created_at": self.now, "updated_at": self.now, **about}
        with self.runtime.db.write() as session:
            person = Contact(name=name, **about)
            session.add(person)
            session.flush()
            phones = find_or_create_phones(session, numbers, now=self.now)
            for position, e164 in enumerate(dict.fromkeys(numbers), start=1):
                session.add(ContactPhone(contact_id=person.id, phone_id=phones[e164], position=position))
            if self.list_id:
                session.add(Membership(list_id=self.list_id, contact_id=person.id))
            return person.id

    def add_list(self, name: str, *members: int, owner: int | None = None, **more: Any) -> int:
        """Another list with these people, the Front's committee's or another organisation's; its id."""
        owner = owner or self.organisation_id()
        made = ContactList(organisation_id=owner, name=name, created_at=self.now, **more)
        list_id: int = self.add(made).id
        if members:
            self.add(*(Membership(list_id=list_id, contact_id=each) for each in members))
        return list_id

    # -- campaigns

    def draft(self, **changes: Any) -> int:
        """A draft campaign; its id."""
        data = {"name": "Bluezone", "text": TEXT, "lists": [LIST], "sender": "MTTQ", **changes}
        return self.do(create_campaign, read_draft(data, kinds=load_kinds())).id

    def act(self, campaign_id: int, action: CampaignAction, email: str = AUTHOR) -> None:
        """Let a campaign take a step; no job is enqueued for it."""
        told = {"terms": TERMS, "now": datetime.now(UTC), "reason": "Xin sửa lại câu đầu."}
        self.do(inspect.unwrap(change_campaign), campaign_id, action, by=email, **told)

    def begin(self, campaign_id: int) -> None:
        """Submit, approve and launch a draft."""
        self.act(campaign_id, CampaignAction.SUBMIT)
        self.act(campaign_id, CampaignAction.APPROVE, APPROVER)
        self.act(campaign_id, CampaignAction.LAUNCH)

    def reply(self, sender: str, body: str, *, gateway_id: str, **more: Any) -> Reply | None:
        stop, asks = more.get("is_opt_out", False), more.get("is_help_request", False)
        inbound = InboundMessage(gateway_id, sender, "MTTQ", body, stop, asks)
        return self.do(receive_reply, inbound, now=more.get("now", datetime.now(UTC)))

    def link(self, campaign: int, index: int = 0) -> str:
        """The end of the index-th person's personal link."""
        keys = self.runtime.settings.keys_of(Purpose.LINKS)
        return LinkCipher(keys).token(self.recipient(number(index), campaign).id)

    def recipient(self, e164: str, campaign_id: int) -> Recipient:
        with self.runtime.db.read() as session:
            found = session.scalar(
                select(Recipient)
                .join(Phone, Phone.id == Recipient.phone_id)
                .where(
                    Phone.e164 == e164, Recipient.campaign_id == campaign_id, Recipient.exclusion.is_(None)
                )
            )
            assert found is not None
            return found


@dataclass
class World(Site):
    simulator: RunningSimulator

    def __post_init__(self) -> None:
        with self.runtime.db.write() as session:
            front = create_organisation(session, code="MTTQ", name="Ủy ban MTTQ", kind=OrganisationKind.FRONT)
            for email, role in ((AUTHOR, Role.STAFF), (APPROVER, Role.APPROVER)):
                self.add_officer(session, email, role, front.id)
            made = ContactList(organisation_id=front.id, name=LIST, created_at=self.now)
            session.add(made)
            session.flush()
            self.list_id = made.id

    def add_officer(
        self,
        session: Session,
        email: str,
        role: Role,
        organisation_id: int | None = None,
        area: str | None = None,
    ) -> User:
        """A user with PASSWORD, in the caller's transaction; without organisation and area they see everything."""
        about = {"password": PASSWORD, "role": role, "area_code": area, "now": self.now}
        return create_user(session, email=email, organisation_id=organisation_id, **about)

    def officer(self, email: str, role: Role = Role.STAFF, *of: Any, **where: Any) -> str:
        """A user as `add_officer` makes them, in a transaction of its own; their address."""
        with self.runtime.db.write() as session:
            self.add_officer(session, email, role, *of, **where)
        return email

    def add_areas(self, districts: dict[str, str], communes: dict[str, str] | None = None) -> None:
        """A province, its districts by name, and communes by their district."""
        areas = [("62", "Kon Tum", "Tỉnh", AreaLevel.PROVINCE, None)]
        areas += [(code, name, "Huyện", AreaLevel.DISTRICT, "62") for code, name in districts.items()]
        for code, district in (communes or {}).items():
            areas.append((code, f"Xã {code}", "Xã", AreaLevel.COMMUNE, district))
        named = ("code", "name", "kind", "level", "parent_code")
        self.add(*(Area(**dict(zip(named, each, strict=True))) for each in areas))

    # -- people

    def add_people(self, count: int, *, first: int = 0) -> None:
        """`count` people, each with a phone of their own."""
        with self.runtime.db.write() as session:
            people = [
                Contact(name=f"A Thun {i}", name_key=f"athun{i}", created_at=self.now, updated_at=self.now)
                for i in range(first, first + count)
            ]
            session.add_all(people)
            numbers = [number(i) for i in range(first, first + count)]
            phones = find_or_create_phones(session, numbers, now=self.now)
            session.flush()
            for person, e164 in zip(people, numbers, strict=True):
                session.add(ContactPhone(contact_id=person.id, phone_id=phones[e164], position=1))
                session.add(Membership(list_id=self.list_id, contact_id=person.id))

    def live_in(self, areas: Iterable[str | None], **about: Any) -> None:
        """The people live in these areas, in order."""
        with self.runtime.db.write() as session:
            people = session.scalars(select(Contact).order_by(Contact.id))
            for person, area in zip(people, areas, strict=True):
                for name, value in {"area_code": area, **about}.items():
                    setattr(person, name, value)

    def suppress(self, e164: str, reason: SuppressionReason, *, at: datetime | None = None) -> None:
        """Close a known number, as an officer does."""
        phone = self.get_one(Phone, self.phone(e164))
        self.do(suppress, phone, reason=reason, source="officer", now=at or self.now)

    def token(self, by: str, **changes: Any) -> tuple[Any, str]:
        """Another system's token, with every right unless `changes` say otherwise, and its text."""
        owner = self.organisation_id()
        values = {"name": "Cổng dữ liệu", "organisation_id": owner, "rights": list(Right), "days": 30}
        return self.do(create_token, by=by, **values | changes)

    def consent(self, person: int, purpose: str = "", **changes: Any) -> None:
        """A person's word on one purpose or all, as an officer records it."""
        values = {"is_given": True, "on": None, "evidence": "Phiếu số 7", "guardian": "", "purposes": ()}
        self.do(record_consent, person, purpose=purpose, **values | changes)

    # -- campaigns

    def drive(self, kind: str = "bluezone") -> int:
        """The open drive of a kind, opened where there is none; its id."""
        return self.do(open_drive_of, kind).id

    def decide(
        self, campaign_id: int, action: CampaignAction, email: str = AUTHOR, **read: Any
    ) -> CampaignState:
        """A user presses an action, on terms that are computed as on the page; the campaign's state then."""
        now, user = datetime.now(UTC), self.user(email)
        done = perform_action(
            self.runtime, campaign_id, action, user=user, now=now, reason="Sửa câu đầu.", **read
        )
        return done.state

    def open_drive(self, name: str) -> None:
        """A drive of the usual kind, beside others."""
        self.do(save_drive, kind="bluezone", name=name, starts_on=self.now.date(), ends_on=None)

    def launch(self, *, people: int = 0, **changes: Any) -> int:
        """A campaign, approved and launched, its first step opened, to everybody and `people` more; its id."""
        if people:
            self.add_people(people)
        campaign_id = self.draft(**changes)
        self.begin(campaign_id)
        self.sweep()
        return campaign_id

    def sent(self, *, people: int = 0, **changes: Any) -> int:
        """A campaign as `launch` makes it, sent to all whom it may be sent to now; its id."""
        campaign_id = self.launch(people=people, **changes)
        self.send()
        return campaign_id

    def status(self, campaign_id: int) -> dict[str, Any]:
        with self.runtime.db.read() as session:
            status = read_status(session, session.get_one(Campaign, campaign_id))
        return {**status, "pause_reason": word_stored(status["pause_reason"])}

    # -- work

    def sweep(self, *, at: datetime | None = None) -> None:
        sweep(self.runtime, now=at or datetime.now(UTC))

    async def run_in_database(self, function: Any, *args: Any) -> Any:
        return await asyncio.to_thread(call_backend, self.runtime, function, *args)

    async def _open_gateways(self) -> OpenGateways:
        gateways = OpenGateways(self.runtime, GatewayInbox(self.runtime))
        await gateways.refresh()
        return gateways

    def send(self, seconds: float = 120, *, worker: str = "test") -> None:
        """What a sending worker does until there is nothing to send."""

        async def job() -> None:
            gateways = await self._open_gateways()
            try:
                await MessageSender(
                    self.runtime, gateways, self.run_in_database, worker, lambda: False, lambda: None
                ).run(seconds)
            finally:
                await gateways.close()

        asyncio.run(job())

    def listen_until(self, holds: Callable[[], bool], seconds: float = 20) -> None:
        """What a worker's connection takes in while nothing is sent, until it holds."""

        async def job() -> None:
            gateways = await self._open_gateways()
            ends = time.monotonic() + seconds
            try:
                while not await asyncio.to_thread(holds):
                    assert time.monotonic() < ends, "it has not come to hold"
                    await asyncio.sleep(0.02)
            finally:
                await gateways.close()

        asyncio.run(job())

    def send_until(self, holds: Callable[[], bool], seconds: float = 60) -> None:
        """Sending jobs of two seconds, one after the other, until it holds."""
        ends = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < ends, "it has not come to hold"
            self.send(2)

    def reconcile(self) -> None:
        async def job() -> None:
            gateways = await self._open_gateways()
            try:
                await reconcile(self.runtime, gateways)
            finally:
                await gateways.close()

        asyncio.run(job())

    def decide_unresolved(self, campaign_id: int) -> int:
        """What an officer does with messages that are absent again after a repeat: sent once more; how many."""
        return self.do(inspect.unwrap(decide_unknown), campaign_id, resend=True, now=datetime.now(UTC))

    def lose_sight(self) -> None:
        """Of all that was sent nobody has seen the outcome for two hours."""
        now = datetime.now(UTC)
        with self.runtime.db.write() as session:
            left = {"claimed_at": now - timedelta(hours=2), "due_at": now + timedelta(hours=1)}
            lost = {"state": AttemptState.UNKNOWN, "gateway_id": None, **left}
            session.execute(update(Attempt).values(lost))
            session.execute(
                update(Message)
                .where(Message.id.in_(select(Attempt.message_id)))
                .values(state=MessageState.UNKNOWN)
            )

    def report(self, state: AttemptState, *which: Any, now: datetime | None = None, **of: Any) -> None:
        """The gateway reports this state of all attempts, or of `which`."""
        ids = self.all(select(Attempt.id).where(*which).order_by(Attempt.id))
        reports = [AttemptReport(each, state, **of) for each in ids]
        self.do(apply_reports, reports, now=now or datetime.now(UTC))

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def in_hours(self, hours: float) -> datetime:
        return self.now + timedelta(hours=hours)

    def close_window(self, campaign: int) -> None:
        """From now on it is not the campaign's hour."""
        opens, closes = self.closed_window()
        self.change(Campaign, campaign, window_from=opens, window_to=closes)

    def closed_window(self) -> list[str]:
        """Hours of which now is none."""
        return ["00:30", "01:00"] if self.now.astimezone(VIETNAM).hour > 2 else ["12:00", "13:00"]

    def use(self, **settings: Any) -> None:
        """Go on with other settings."""
        self.runtime = replace(self.runtime, settings=replace(self.runtime.settings, **settings))

    def use_aggregator(self, **settings: Any) -> None:
        """Go on with the simulator as an aggregator, by the profile of eSMS."""
        self.use(
            sms_gateway="aggregator",
            aggregator_profile="esms",
            aggregator_url=f"{self.simulator.url}/aggregator",
            aggregator_key=self.simulator.account_sid,
            aggregator_secret=self.simulator.auth_token,
            **settings,
        )

    def app(self) -> Flask:
        """The web over what this world has now."""
        return create_app(self.runtime.settings, runtime=self.runtime)

    def use_token(self, token: str) -> None:
        """Go on with other credentials for the gateway."""
        self.use(twilio_auth_token=token)

    def sent_to(self) -> list[str]:
        """The numbers in the gateway's ledger, in order."""
        return [line["To"] for line in self.simulator.ledger()]

    # -- answers

    def hear(self, recipient: Any, label: str, *, place: AnswerPlace = AnswerPlace.HOME, **more: Any) -> Any:
        """What an officer writes down that a recipient told them; the answer."""
        found = self.get_one(Recipient, recipient.id)
        return self.do(record_officer_answer, found, label, place=place, **{"note": "", **more})

    def undo(self, campaign: int, index: int = 0, *, at: datetime | None = None) -> None:
        """Take back what the index-th person said last."""
        self.do(undo_answer, self.recipient(number(index), campaign), now=at or self.now)

    def answer(
        self,
        session: Session,
        recipient: Recipient,
        label: Label,
        *,
        source: AnswerSource = AnswerSource.PAGE,
        now: datetime | None = None,
        **said: Any,
    ) -> Answer | None:
        """Record what a recipient says, in the caller's transaction."""
        return record_answer(
            session,
            GivenAnswer(label, **said),
            phone_id=recipient.phone_id or 0,
            recipient=session.merge(recipient),
            source=source,
            now=now or datetime.now(UTC),
        )

    def tell(
        self, contact_id: int, campaign: int, label: Label, place: AnswerPlace = AnswerPlace.HOME
    ) -> None:
        """Let an officer record what somebody said to them."""
        self.do(record_told, contact_id, campaign, label, place=place, note="")

    def press(self, campaign: int, word: str, *, index: int = 0, **more: Any) -> None:
        """Press a button on the page of the index-th person."""
        self.do(record_page_answer, self.recipient(number(index), campaign).id, word, **more)

    def set_all(self, state: MessageState = MessageState.DELIVERED) -> None:
        """Let all messages that left have come so far."""
        left = Message.state.not_in((MessageState.SKIPPED, MessageState.CANCELLED))
        with self.runtime.db.write() as session:
            session.execute(update(Message).where(left).values(state=state))
            if state is MessageState.DELIVERED:
                session.execute(update(Attempt).values(state=AttemptState.DELIVERED))

    def make_sheet(self, campaign: int, **more: Any) -> int:
        """A visit sheet of the list, by AUTHOR; its id."""
        of_list = {"list_id": self.list_id, "area_code": None, "village": None, "officer": "", "again": False}
        return self.do(create_sheet, campaign, **of_list | more).id

    def ask(
        self, contact_id: int, kind: RequestKind, email: str = AUTHOR, *, asked_by: str = "chính họ"
    ) -> int:
        """A person's request about their data, recorded now; its id."""
        return self.do(record_request, contact_id, kind, by=email, asked_by=asked_by, asked_on=None).id

    def erase(self, contact_id: int) -> None:
        """Erase a person at their own request."""
        self.do(erase_contact, self.ask(contact_id, RequestKind.ERASE), by=APPROVER)

    def answers(
        self,
        campaign_id: int,
        labels: Mapping[int, Label],
        *,
        own: Mapping[int, int] | None = None,
        source: AnswerSource = AnswerSource.PAGE,
        at: datetime | None = None,
    ) -> None:
        """The people with these sample numbers say this of a campaign; `own`: which of its own answers."""
        for index, label in labels.items():
            recipient = self.recipient(number(index), campaign_id)
            with self.runtime.db.write() as session:
                self.answer(session, recipient, label, source=source, now=at, own=(own or {}).get(index))

    def cases(self) -> list[Case]:
        """The open ones, the oldest first."""
        with self.runtime.db.read() as session:
            return list(session.scalars(select(Case).where(Case.done_at.is_(None)).order_by(Case.id)))
