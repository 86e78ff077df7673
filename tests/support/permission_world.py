"""What the matrix walks over: one organisation with something of everything, its people, and a neighbour's.

All that belongs to the organisation carries the same mark, so that it is noticed wherever it shows.
"""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask, session, url_for
from flask.testing import FlaskClient
from flask_wtf.csrf import generate_csrf
from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from campaigns.activities.activity_log import add_activity
from campaigns.delivery.record_outcomes import add_incident
from campaigns.lifecycle import change_campaign, create_campaign
from campaigns.models import campaigns
from campaigns.models.activities import SheetOfficer, VisitLine, VisitSheet
from campaigns.models.figures import AgencyLink
from campaigns.models.privacy import Breach, PersonRequest, RequestKind
from campaigns.models.replies import Case, SavedText
from campaigns.models.reports import ReportLink
from campaigns.models.webhooks import DeliveryState, Subscription
from campaigns.planning.approvals import LaunchTerms
from campaigns.planning.kinds import load_kinds
from campaigns.replies.receive_reply import receive_reply
from campaigns.rules.activities import ActivityEntry, ActivityKind
from campaigns.rules.draft import read_draft
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import CampaignAction
from campaigns.rules.visits import VisitReason
from campaigns.rules.webhooks import EventKind
from campaigns.sweep import sweep
from campaigns.webhooks.collect_events import new_delivery
from outreach.accounts.users import begin_session, find_session
from outreach.models import contacts
from outreach.models.accounts import (
    ApiToken,
    Area,
    AreaLevel,
    KeptFilters,
    Organisation,
    OrganisationKind,
    Role,
    User,
    UserSession,
)
from outreach.models.office import ENVIRONMENT
from outreach.rules.gateway import InboundMessage
from outreach.runtime import Runtime

MARK = "7319"
NUMBER = "+84912000731"
NAME = f"Y Blốc {MARK}"
LIST = f"Hội viên {MARK}"
BODY = f"cài ở đâu vậy {MARK}"
HERE, THERE, ELSEWHERE = "PN", "TN", "another area"


@dataclass(frozen=True)
class Visitor:
    """Who asks: a role of the organisation (HERE), there in another area than its person (ELSEWHERE), or of its neighbour (THERE); nobody without an id."""

    name: str
    user_id: str = ""


class Office:
    """The web over one database, and a session for each visitor made without its login page."""

    def __init__(self, app: Flask, runtime: Runtime) -> None:
        self.app, self.runtime = app, runtime
        self.now = datetime.now(UTC)
        self.visitors: dict[tuple[str, Role], Visitor] = {}
        self.values: dict[str, Any] = {
            "guide": "can-bo",
            "picture": "home.png",
            "chart": "days",
            "language": "vi",
            "account_id": ENVIRONMENT,
            "name": "1-guessed",
            "recipient_id": 1,
            "reply_id": 1,
        }
        with app.test_request_context():
            self.token = generate_csrf()
            self.secret = session["csrf_token"]
        with runtime.db.write() as db:
            self._add_people(db)
            self._add_lists(db)
        self._add_campaigns()
        for visitor in self.visitors.values():
            self.open_session(visitor)

    def read(self, function: Any) -> Any:
        with self.runtime.db.read() as db:
            return function(db)

    def ask(
        self,
        visitor: Visitor,
        method: str,
        path: str,
        form: dict[str, Any] | None = None,
        *,
        token: bool = True,
        language: str = "vi",
    ) -> TestResponse:
        """One request in a session of its own, with the page's token unless it is to be forged."""
        browser: FlaskClient = self.app.test_client()
        with browser.session_transaction() as begun:
            begun.update(csrf_token=self.secret, language=language)
            if visitor.user_id:
                begun["_user_id"] = f"{visitor.user_id}.{self.open_session(visitor)}"
        if method == "GET":
            return browser.get(path)
        return browser.open(
            path, method=method, data={**(form or {}), **({"csrf_token": self.token} if token else {})}
        )

    def open_session(self, visitor: Visitor) -> str:
        """The visitor's session, begun anew where what was asked before has ended it; its key."""
        number = int(visitor.user_id.split(".")[0])
        with self.runtime.db.read() as db:
            held = find_session(db, number, f"matrix{number}", now=datetime.now(UTC))
        if held is None:
            with self.runtime.db.write() as db:
                db.execute(delete(UserSession).where(UserSession.key == f"matrix{number}"))
                begin_session(
                    db, number, address="", user_agent="", now=datetime.now(UTC)
                ).key = f"matrix{number}"
        return f"matrix{number}"

    def path(self, endpoint: str, **more: Any) -> str:
        """The address of a route, with the organisation's objects in it."""
        rule = next(self.app.url_map.iter_rules(endpoint))
        with self.app.test_request_context():
            return url_for(endpoint, **{name: self.values[name] for name in rule.arguments}, **more)

    # -- what there is

    def _add(self, db: Session, row: Any, name: str = "") -> Any:
        """Store a row, whose id is then a value of addresses where it has a name."""
        db.add(row)
        db.flush()
        if name:
            self.values[name] = row.id
        return row

    def _add_user(self, db: Session, email: str, role: Role, organisation_id: int | None, hash: str) -> User:
        about = {
            "password_hash": hash.rjust(12, "-"),
            "created_at": self.now,
            "organisation_id": organisation_id,
        }
        return self._add(db, User(email=f"{email}@loa.example", role=role, **about))

    def _add_people(self, db: Session) -> None:
        now, later = self.now, self.now + timedelta(days=1)
        for code, level, above in (
            ("62", AreaLevel.PROVINCE, None),
            ("608", AreaLevel.DISTRICT, "62"),
            ("609", AreaLevel.DISTRICT, "62"),
            ("60801", AreaLevel.COMMUNE, "608"),
        ):
            self._add(db, Area(code=code, name="Kon Tum", kind="Tỉnh", level=level, parent_code=above))
        front = self._add(db, Organisation(code="MTTQ", name="Ủy ban MTTQ", kind=OrganisationKind.FRONT))
        for code, name in ((HERE, f"Hội Phụ nữ {MARK}"), (THERE, "Đoàn Thanh niên")):
            self._add(
                db, Organisation(code=code, name=name, kind=OrganisationKind.MASS, parent_id=front.id), code
            )
            for role in Role:
                owner = None if role is Role.ADMINISTRATOR else self.values[code]
                email = f"{role.value}.{MARK if code == HERE else 'x'}.{code.lower()}"
                user = self._add_user(db, email, role, owner, f"{code}-{role.value}")
                self.visitors[code, role] = Visitor(
                    f"{role.value} of {code}", f"{user.id}.{user.password_hash[-12:]}"
                )
        here = self.values["organisation_id"] = self.values[HERE]
        for role in (Role.STAFF, Role.APPROVER):
            user = self._add_user(db, f"{role.value}.609", role, here, f"609-{role.value}")
            user.area_code = "609"
            self.visitors[ELSEWHERE, role] = Visitor(
                f"{role.value} of {ELSEWHERE}", f"{user.id}.{user.password_hash[-12:]}"
            )
        made = {"made_by": self._id_of(Role.ADMINISTRATOR), "made_at": now}
        token = ApiToken(name=MARK, hash=MARK, organisation_id=here, rights=[], expires_at=later, **made)
        self._add(db, token, "api_token_id")
        about = {"url": "http://127.0.0.1:1/", "kinds": ["opt_out"], "salt": MARK}
        hook = self._add(db, Subscription(name=MARK, organisation_id=here, **about, **made), "hook_id")
        told = new_delivery(hook, EventKind.OPT_OUT, "opt_out:1", {}, at=now, now=now)
        told.state = DeliveryState.FAILED
        self._add(db, told, "delivery_id")
        agency = Organisation(
            code="SYT", name=f"Trạm Y tế {MARK}", kind=OrganisationKind.AGENCY, parent_id=here
        )
        self._add(db, agency, "agency_id")
        drive = campaigns.Drive(kind="bluezone", name="Đợt của tỉnh", starts_on="2020-08-01", created_at=now)
        self._add(db, drive, "drive_id")
        nine = now + timedelta(days=9)
        self._add(
            db,
            ReportLink(drive_id=drive.id, day="2020-08-20", expires_at=nine, made_at=now),
            "report_link_id",
        )
        # One who visits nothing: what is done to them must not end a visitor's session.
        spare = self._add_user(db, f"spare.{MARK}", Role.STAFF, here, "spare").id
        template = campaigns.RegisteredTemplate(sender="MTTQ", text="Chao ba con", made_by=spare, made_at=now)
        self._add(db, template, "template_id")
        filters = KeptFilters(user_id=spare, page="inbox.index", name=MARK, query="kind=help", kept_at=now)
        self._add(db, filters, "filters_id")
        begun = begin_session(db, spare, address="", user_agent="", now=now)
        self.values |= {"user_id": spare, "session_id": begun.id, "n": 0, "kind": "pdf"}
        self.values["webhook_id"] = hook.id

    def _id_of(self, role: Role) -> int:
        """The id of who has this role here."""
        return int(self.visitors[HERE, role].user_id.split(".")[0])

    def _add_lists(self, db: Session) -> None:
        now, file = self.now, {"file_name": f"{MARK}.csv", "sha256": "0" * 64}
        made = contacts.ContactList(organisation_id=self.values[HERE], name=LIST, created_at=now)
        self._add(db, made, "list_id")
        about = {"name": NAME, "name_key": f"yblok{MARK}", "village": MARK, "area_code": "60801"}
        person = self._add(db, contacts.Contact(**about, created_at=now, updated_at=now), "contact_id")
        phone = self._add(db, contacts.Phone(e164=NUMBER, created_at=now), "phone_id")
        self._add(db, campaigns.Sender(name="MTTQ"))
        counts = {"created": 0, "updated": 0, "merged": 0, "unchanged": 0, "review": 1, "rejected": 0}
        brought = contacts.ListImport(list_id=made.id, **file, imported_at=now, counts=counts)
        self._add(db, brought, "import_id")
        by = {
            "uploaded_by": self._id_of(Role.STAFF),
            "uploaded_at": now,
            "state": contacts.UploadState.CHECKING,
        }
        self._add(db, contacts.Upload(list_id=made.id, **file, size=1, **by), "upload_id")
        cells = {
            **dict.fromkeys(("sheet", "name", "village", "commune", "unit", "phone"), NAME),
            **{"line": 3, "source": [NAME], "numbers": [], "birth_doubt": ""},
            **dict.fromkeys(("birth_year", "sex", "area_code", "has_smartphone")),
        }
        doubt = {"status": "review", "reason": "letter_substitution", "key": "1", "cells": cells}
        self._add(db, contacts.ImportIssue(import_id=brought.id, row=2, **doubt), "issue_id")
        add_incident(db, kind="sent_twice", subject="messages:1", now=now, gateway_ids=["a", "b"])
        self._add(db, contacts.ContactPhone(contact_id=person.id, phone_id=phone.id, position=1))
        self._add(db, contacts.Membership(list_id=made.id, contact_id=person.id, import_id=brought.id, row=2))
        self.values |= {
            "incident_id": 1,
            "place_question_id": 1,
            "spelling_id": 1,
            "action": "pause",
            "choice": "keep",
            "filename": "admin.css",
            "token": "AAAAAAAA",
            "attempt": "1",
        }

    def _add_campaigns(self) -> None:
        now, here = self.now, self.values[HERE]
        with self.runtime.db.write() as db:
            staff, approver = (db.get_one(User, self._id_of(role)) for role in (Role.STAFF, Role.APPROVER))
            content = {**load_kinds()["khao-sat"], "title": "Khám sức khỏe"}
            db.add(campaigns.MadeKind(code="kham", content=content, created_by=staff.id, created_at=now))
            written = {"text": "[{name} ơi, ]mời cài Bluezone: {link}", "lists": [f"{HERE}/{LIST}"]}
            written |= {"sender": "MTTQ", "goal": {"share": 0.5}}
            text = {state: {"name": f"Bluezone {state} {MARK}", **written} for state in ("sending", "draft")}
            launched, drafted = (
                create_campaign(db, read_draft(each, kinds=load_kinds()), user=staff, now=now).id
                for each in text.values()
            )
            self.values |= {"code": "kham", "launched_id": launched, "campaign_id": drafted}
            terms = LaunchTerms(approvals=1, estimate_vnd=None)
            change_campaign(db, launched, CampaignAction.SUBMIT, terms=terms, user=staff, now=now)
            change_campaign(db, launched, CampaignAction.APPROVE, terms=terms, user=approver, now=now)
            change_campaign(db, launched, CampaignAction.LAUNCH, terms=terms, user=staff, now=now)
        sweep(self.runtime, now=now)
        with self.runtime.db.write() as db:
            said = InboundMessage(f"SM{MARK}", NUMBER, "MTTQ", BODY, False)
            reply = receive_reply(db, said, now=datetime.now(UTC))
            assert reply is not None
            # As if the message to it had been sent.
            reply.campaign_id, reply.recipient_id = launched, db.scalars(select(campaigns.Recipient.id)).one()
            case = db.scalars(select(Case)).one()
            case.recipient_id, case.campaign_id, case.organisation_id = reply.recipient_id, launched, here
            case.area_code = "60801"
            self.values["case_id"] = case.id
            db.get_one(campaigns.Campaign, launched).urgent_reason = "bão"
            recorded, made = (
                {"recorded_by": staff.id, "recorded_at": now},
                {"made_by": staff.id, "made_at": now},
            )
            text = {"title": f"Hẹn gọi lại {MARK}", "text": "Can bo se goi lai."}
            changed = {"changed_by": staff.id, "changed_at": now}
            self._add(db, SavedText(organisation_id=here, **text, **changed), "text_id")
            self._add(db, Breach(found_at=now, due_at=now, what=MARK, **recorded), "breach_id")
            asked = {"asked_by": MARK, "asked_at": now, "due_at": now, "organisation_id": here}
            person = self.values["contact_id"]
            request = PersonRequest(kind=RequestKind.CORRECT, contact_id=person, **asked, **recorded)
            self._add(db, request, "request_id")
            to = {"drive_id": self.values["drive_id"], "organisation_id": self.values["agency_id"]}
            link = AgencyLink(**to, holder=MARK, expires_at=now + timedelta(days=1), **made)
            self._add(db, link, "link_id")
            today = now.astimezone(VIETNAM).date()
            entry = ActivityEntry(ActivityKind.LOUDSPEAKER, today, today, 2, place=f"Thôn {MARK}")
            about = {"area": "62", "organisation_id": here, "campaign_id": None, "form_key": ""}
            self.values["entry_id"] = add_activity(db, entry, **about, user=staff, now=now).id
            of_list = {"list_id": self.values["list_id"], "village": MARK, "officer": MARK}
            sheet = VisitSheet(campaign_id=launched, organisation_id=here, **of_list, **made)
            self._add(db, sheet, "round_id")
            whom = {"contact_id": person, "recipient_id": reply.recipient_id, "why": VisitReason.NO_ANSWER}
            self._add(db, VisitLine(round_id=sheet.id, n=1, **whom))
            officer = self._add_user(db, f"thon.{MARK}", Role.VILLAGE, here, "officer")
            officer.name, officer.phone = MARK, "+84912000798"
            self.values["officer_id"] = officer.id
            assigned = {"assigned_by": staff.id, "assigned_at": now}
            self._add(db, SheetOfficer(round_id=sheet.id, user_id=officer.id, **assigned))
            said = {
                "card": campaigns.CommentCard.WHOM,
                "text": MARK,
                "written_by": staff.id,
                "written_at": now,
            }
            self._add(db, campaigns.CampaignComment(campaign_id=drafted, **said), "comment_id")


def dump(runtime: Runtime, *, without: str = "-") -> list[str]:
    """Every row of the database; of all tables but those whose name begins so, and the row that health checks write."""
    with sqlite3.connect(str(runtime.db.url.database)) as connection:
        left_out = (f'"{without}', '"write_probes"')
        return [line for line in connection.iterdump() if not any(each in line for each in left_out)]
