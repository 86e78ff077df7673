"""What the matrix walks over: one organisation with something of everything, its people, and a neighbour's.

All that belongs to the organisation carries the same mark, so that it is noticed wherever it shows.
"""

from __future__ import annotations

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
from campaigns.models.activities import SheetOfficer, VisitLine, VisitSheet
from campaigns.models.campaigns import (
    Campaign,
    CampaignComment,
    CommentCard,
    Drive,
    MadeKind,
    Recipient,
    Sender,
)
from campaigns.models.figures import AgencyLink
from campaigns.models.privacy import Breach, PersonRequest, RequestKind
from campaigns.models.replies import Case, SavedText
from campaigns.models.reports import ReportLink
from campaigns.models.templates import RegisteredTemplate
from campaigns.models.webhooks import DeliveryState, Subscription
from campaigns.planning.approvals import LaunchTerms
from campaigns.planning.kinds import load_kinds
from campaigns.replies.receive_reply import receive_reply
from campaigns.replies.record_answer import AnswerContext
from campaigns.rules.activities import ActivityEntry, ActivityKind
from campaigns.rules.draft import read_draft
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import CampaignAction
from campaigns.rules.visits import VisitReason
from campaigns.rules.webhooks import EventKind
from campaigns.sweep import sweep
from campaigns.webhooks.collect_events import new_delivery
from outreach.accounts.sessions import begin_session, find_session
from outreach.models.accounts import (
    ApiToken,
    KeptFilters,
    Organisation,
    OrganisationKind,
    Role,
    User,
    UserSession,
)
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactPhone,
    ImportIssue,
    ListImport,
    Membership,
    Phone,
    Upload,
    UploadState,
)
from outreach.models.gateways import ENVIRONMENT
from outreach.models.places import Area, AreaLevel
from outreach.rules.gateway import InboundMessage
from outreach.runtime import Runtime

MARK = "7319"
NUMBER = "+84912000731"
NAME = f"Y Blốc {MARK}"
LIST = f"Hội viên {MARK}"
BODY = f"cài ở đâu vậy {MARK}"
HERE, THERE = "PN", "TN"


@dataclass(frozen=True)
class Visitor:
    """Who asks: a role of the organisation (HERE) or of its neighbour (THERE); nobody without an id."""

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

    def _add_people(self, db: Session) -> None:
        front = Organisation(code="MTTQ", name="Ủy ban MTTQ", kind=OrganisationKind.FRONT)
        db.add(front)
        db.flush()
        for code, name in ((HERE, f"Hội Phụ nữ {MARK}"), (THERE, "Đoàn Thanh niên")):
            made = Organisation(code=code, name=name, kind=OrganisationKind.MASS, parent_id=front.id)
            db.add(made)
            db.flush()
            self.values[code] = made.id
            for role in Role:
                is_above = role is Role.ADMINISTRATOR
                user = User(
                    email=f"{role.value}.{MARK if code == HERE else 'x'}.{code.lower()}@loa.example",
                    role=role,
                    organisation_id=None if is_above else made.id,
                    password_hash=f"{code}-{role.value}".rjust(12, "-"),
                    created_at=self.now,
                )
                db.add(user)
                db.flush()
                self.visitors[code, role] = Visitor(
                    f"{role.value} of {code}", f"{user.id}.{user.password_hash[-12:]}"
                )
        self.values["organisation_id"] = self.values[HERE]
        token = ApiToken(
            name=MARK,
            hash=MARK,
            organisation_id=self.values[HERE],
            rights=[],
            made_by=int(self.visitors[HERE, Role.ADMINISTRATOR].user_id.split(".")[0]),
            made_at=self.now,
            expires_at=self.now + timedelta(days=1),
        )
        db.add(token)
        db.flush()
        self.values["api_token_id"] = token.id
        hook = Subscription(
            name=MARK,
            url="http://127.0.0.1:1/",
            organisation_id=self.values[HERE],
            kinds=["opt_out"],
            salt=MARK,
            made_by=token.made_by,
            made_at=self.now,
        )
        db.add(hook)
        db.flush()
        told = new_delivery(hook, EventKind.OPT_OUT, "opt_out:1", {}, at=self.now, now=self.now)
        told.state = DeliveryState.FAILED
        db.add(told)
        db.flush()
        self.values |= {"hook_id": hook.id, "webhook_id": hook.id, "delivery_id": told.id}
        agency = Organisation(
            code="SYT", name=f"Trạm Y tế {MARK}", kind=OrganisationKind.AGENCY, parent_id=self.values[HERE]
        )
        db.add(agency)
        db.flush()
        self.values["agency_id"] = agency.id
        drive = Drive(kind="bluezone", name="Đợt của tỉnh", starts_on="2020-08-01", created_at=self.now)
        db.add(drive)
        db.flush()
        self.values["drive_id"] = drive.id
        report_link = ReportLink(
            drive_id=drive.id, day="2020-08-20", expires_at=self.now + timedelta(days=9), made_at=self.now
        )
        db.add(report_link)
        db.flush()
        self.values |= {"report_link_id": report_link.id, "n": 0, "kind": "pdf"}
        # One who visits nothing: what is done to them must not end a visitor's session.
        spare = User(
            email=f"spare.{MARK}@loa.example",
            role=Role.STAFF,
            organisation_id=self.values[HERE],
            password_hash="spare".rjust(12, "-"),
            created_at=self.now,
        )
        db.add(spare)
        db.flush()
        self.values["user_id"] = spare.id
        template = RegisteredTemplate(sender="MTTQ", text="Chao ba con", made_by=spare.id, made_at=self.now)
        db.add(template)
        db.flush()
        self.values["template_id"] = template.id
        self.values["session_id"] = begin_session(db, spare.id, address="", user_agent="", now=self.now).id
        kept = KeptFilters(
            user_id=spare.id, page="inbox.index", name=MARK, query="kind=help", kept_at=self.now
        )
        db.add(kept)
        db.flush()
        self.values["filters_id"] = kept.id

    def _add_lists(self, db: Session) -> None:
        made = ContactList(organisation_id=self.values[HERE], name=LIST, created_at=self.now)
        person = Contact(
            name=NAME, name_key=f"yblok{MARK}", created_at=self.now, updated_at=self.now, village=MARK
        )
        phone = Phone(e164=NUMBER, created_at=self.now)
        db.add_all([made, person, phone, Sender(name="MTTQ")])
        db.flush()
        file = f"{MARK}.csv"
        brought = ListImport(
            list_id=made.id,
            file_name=file,
            sha256="0" * 64,
            imported_at=self.now,
            counts={"created": 0, "updated": 0, "merged": 0, "unchanged": 0, "review": 1, "rejected": 0},
        )
        db.add(brought)
        db.flush()
        upload = Upload(
            list_id=made.id,
            file_name=file,
            size=1,
            sha256="0" * 64,
            state=UploadState.CHECKING,
            uploaded_by=int(self.visitors[HERE, Role.STAFF].user_id.split(".")[0]),
            uploaded_at=self.now,
        )
        issue = ImportIssue(
            import_id=brought.id,
            row=2,
            status="review",
            reason="letter_substitution",
            key="1",
            cells={
                **dict.fromkeys(("sheet", "name", "village", "commune", "unit", "phone"), NAME),
                **{"line": 3, "source": [NAME], "numbers": [], "birth_doubt": ""},
                **dict.fromkeys(("birth_year", "sex", "area_code", "has_smartphone")),
            },
        )
        add_incident(db, kind="sent_twice", subject="messages:1", now=self.now, gateway_ids=["a", "b"])
        db.add_all(
            [
                ContactPhone(contact_id=person.id, phone_id=phone.id, position=1),
                Membership(list_id=made.id, contact_id=person.id, import_id=brought.id, row=2),
                upload,
                issue,
            ]
        )
        db.flush()
        self.values |= {
            "list_id": made.id,
            "contact_id": person.id,
            "phone_id": phone.id,
            "import_id": brought.id,
            "upload_id": upload.id,
            "issue_id": issue.id,
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
        with self.runtime.db.write() as db:
            staff, approver = (
                db.get_one(User, int(self.visitors[HERE, role].user_id.split(".")[0]))
                for role in (Role.STAFF, Role.APPROVER)
            )
            content = {**load_kinds()["khao-sat"], "title": "Khám sức khỏe"}
            db.add(MadeKind(code="kham", content=content, created_by=staff.id, created_at=self.now))
            self.values["code"] = "kham"
            ids = []
            for state in ("sending", "draft"):
                draft = read_draft(
                    {
                        "name": f"Bluezone {state} {MARK}",
                        "text": "[{name} ơi, ]mời cài Bluezone: {link}",
                        "lists": [f"{HERE}/{LIST}"],
                        "sender": "MTTQ",
                        "goal": {"share": 0.5},
                    },
                    kinds=load_kinds(),
                )
                ids.append(create_campaign(db, draft, user=staff, now=self.now).id)
            for action, user in (
                (CampaignAction.SUBMIT, staff),
                (CampaignAction.APPROVE, approver),
                (CampaignAction.LAUNCH, staff),
            ):
                terms = LaunchTerms(approvals=1, estimate_vnd=None)
                change_campaign(db, ids[0], action, terms=terms, user=user, now=self.now)
        sweep(self.runtime, now=self.now)
        with self.runtime.db.write() as db:
            keys = AnswerContext(secret_key=self.runtime.settings.secret_key, is_live=False)
            reply = receive_reply(
                db, InboundMessage(f"SM{MARK}", NUMBER, "MTTQ", BODY, False), keys=keys, now=datetime.now(UTC)
            )
            # As if the message to it had been sent.
            reply.campaign_id = ids[0]
            reply.recipient_id = db.scalars(select(Recipient.id)).one()
            case = db.scalars(select(Case)).one()
            case.recipient_id, case.campaign_id = reply.recipient_id, ids[0]
            case.organisation_id = self.values[HERE]
            db.get_one(Campaign, ids[0]).urgent_reason = "bão"
            kept = SavedText(
                organisation_id=self.values[HERE],
                title=f"Hẹn gọi lại {MARK}",
                text="Can bo se goi lai.",
                changed_by=staff.id,
                changed_at=self.now,
            )
            db.add(kept)
            db.flush()
            breach = Breach(
                found_at=self.now, due_at=self.now, what=MARK, recorded_by=staff.id, recorded_at=self.now
            )
            db.add(breach)
            db.flush()
            self.values["breach_id"] = breach.id
            asked = PersonRequest(
                kind=RequestKind.CORRECT,
                contact_id=self.values["contact_id"],
                organisation_id=self.values[HERE],
                asked_by=MARK,
                asked_at=self.now,
                due_at=self.now,
                recorded_by=staff.id,
                recorded_at=self.now,
            )
            link = AgencyLink(
                drive_id=self.values["drive_id"],
                organisation_id=self.values["agency_id"],
                holder=MARK,
                expires_at=self.now + timedelta(days=1),
                made_by=staff.id,
                made_at=self.now,
            )
            db.add_all([asked, link, Area(code="62", name="Kon Tum", kind="Tỉnh", level=AreaLevel.PROVINCE)])
            db.flush()
            today = self.now.astimezone(VIETNAM).date()
            told = add_activity(
                db,
                ActivityEntry(ActivityKind.LOUDSPEAKER, today, today, 2, place=f"Thôn {MARK}"),
                area="62",
                organisation_id=self.values[HERE],
                campaign_id=None,
                form_key="",
                user=staff,
                now=self.now,
            )
            self.values["entry_id"] = told.id
            sheet = VisitSheet(
                campaign_id=ids[0],
                organisation_id=self.values[HERE],
                list_id=self.values["list_id"],
                village=MARK,
                officer=MARK,
                made_by=staff.id,
                made_at=self.now,
            )
            db.add(sheet)
            db.flush()
            line = VisitLine(
                round_id=sheet.id,
                n=1,
                contact_id=self.values["contact_id"],
                recipient_id=db.scalars(select(Recipient.id)).one(),
                why=VisitReason.NO_ANSWER,
            )
            db.add(line)
            officer = User(
                email=f"thon.{MARK}@loa.example",
                name=MARK,
                phone="+84912000798",
                role=Role.VILLAGE,
                organisation_id=self.values[HERE],
                password_hash="officer".rjust(12, "-"),
                created_at=self.now,
            )
            db.add(officer)
            db.flush()
            db.add(
                SheetOfficer(
                    round_id=sheet.id, user_id=officer.id, assigned_by=staff.id, assigned_at=self.now
                )
            )
            self.values |= {"round_id": sheet.id, "officer_id": officer.id}
            self.values["link_id"] = link.id
            comment = CampaignComment(
                campaign_id=ids[1], card=CommentCard.WHOM, text=MARK, written_by=staff.id, written_at=self.now
            )
            db.add(comment)
            db.flush()
            self.values["comment_id"] = comment.id
            self.values |= {
                "request_id": asked.id,
                "launched_id": ids[0],
                "campaign_id": ids[1],
                "case_id": case.id,
                "text_id": kept.id,
            }


def dump(runtime: Runtime, *, without: str = "-") -> list[str]:
    """Every row of the database; of all tables but those whose name begins so, and the row that health checks write."""
    with sqlite3.connect(str(runtime.db.url.database)) as connection:
        left_out = (f'"{without}', '"write_probes"')
        return [line for line in connection.iterdump() if not any(each in line for each in left_out)]
