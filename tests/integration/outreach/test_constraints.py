"""What the database refuses by itself, whatever the code above it does."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from campaigns.models.campaigns import Campaign, Drive, Recipient, Step
from campaigns.models.messages import Attempt, Incident, Message
from campaigns.models.replies import Answer, AnswerSource, InstallReport, Reply, ReplyState
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import AttemptState, Exclusion, MessageKind
from outreach.core.db import Database
from outreach.core.schema import upgrade
from outreach.models.accounts import Area, AreaLevel, Role, User
from outreach.models.contacts import Contact, Phone, Suppression, SuppressionReason, Wish, WishNumber
from outreach.rules.wishes import WishSource
from tests.support.servers import both_databases
from tests.support.world import number

pytestmark = both_databases

NOW = datetime(2020, 8, 18, 9, tzinfo=UTC)


@pytest.fixture
def db(database_url):
    opened = Database(database_url.replace("postgresql://", "postgresql+psycopg://"))
    upgrade(opened)
    yield opened
    opened.close()


class Rows:
    """The rows that others refer to; `id`s begin at 1."""

    def __init__(self, session):
        self.session = session
        self.user = self.add(User(email="a@loa.example", role=Role.STAFF, password_hash="x", created_at=NOW))
        drive = self.add(Drive(kind="bluezone", name="d", starts_on="2020-08-01", created_at=NOW))
        campaign = {"name": "c", "sender": "MTTQ", "content": {}, "created_by": self.user.id}
        self.campaign = self.add(Campaign(drive_id=drive.id, **campaign, created_at=NOW))
        self.step = self.add(Step(campaign_id=self.campaign.id, number=1, text="x"))
        self.phone, self.other_phone = (self.add(Phone(e164=number(i), created_at=NOW)) for i in (1, 2))
        self.contact = self.add(Contact(created_at=NOW, updated_at=NOW))
        of_campaign = {"campaign_id": self.campaign.id, "phone_id": self.phone.id}
        # What a row has where nothing else is said.
        self.usual = {
            Area: {"code": "1", "name": "x", "kind": "Xã", "level": AreaLevel.COMMUNE},
            Recipient: of_campaign,
            Message: {**of_campaign, "kind": MessageKind.STEP, "step_id": self.step.id},
            Answer: {
                "phone_id": self.phone.id,
                "label": Label.INSTALLED,
                "source": AnswerSource.SMS,
                "at": NOW,
            },
            Reply: {
                **{"gateway_id": "SM1", "sender": number(1), "body": "1", "label": Label.INSTALLED},
                **{"confidence": 1.0, "state": ReplyState.APPLIED, "received_at": NOW},
            },
            Suppression: {
                **{
                    "number_hash": "h",
                    "reason": SuppressionReason.DO_NOT_CALL,
                    "source": "sms",
                    "created_at": NOW,
                }
            },
            Wish: {"source": WishSource.SMS, "said_at": NOW, "learned_at": NOW},
        }
        self.recipient, self.message, self.answer = (
            self.add(self.make(kind)) for kind in (Recipient, Message, Answer)
        )
        of_install = {"recipient_id": self.recipient.id, "answer_id": self.answer.id}
        self.usual[InstallReport] = {
            **of_campaign,
            **of_install,
            "source": AnswerSource.PAGE,
            "reported_at": NOW,
        }
        self.usual[Attempt] = {
            **{
                "message_id": self.message.id,
                "n": 1,
                "phone_id": self.phone.id,
                "stream_id": 1,
                "worker": "w",
            },
            **{"body": "x", "segments": 1, "claimed_at": NOW},
        }

    def add(self, row):
        self.session.add(row)
        self.session.flush()
        return row

    def make(self, kind, **changes):
        return kind(**{**self.usual[kind], **changes})


# name: rows that stand beside each other, the last of which is one too many
TOO_MANY = {
    "two messages for one campaign, step and phone": lambda r: [r.make(Message)],
    "two acknowledgements of one answer": lambda r: [
        r.make(Message, step_id=None, answer_id=r.answer.id),
        r.make(Message, step_id=None, answer_id=r.answer.id),
    ],
    "two recipients on one phone": lambda r: [r.make(Recipient)],
    "one person twice in an audience": lambda r: [
        r.make(Recipient, phone_id=None, contact_id=r.contact.id, exclusion=Exclusion.NO_PHONE),
        r.make(Recipient, phone_id=None, contact_id=r.contact.id, exclusion=Exclusion.NO_PHONE),
    ],
    "two active suppressions of a kind": lambda r: [r.make(Suppression), r.make(Suppression)],
    "a wish that is taken back twice": lambda r: [
        wish := r.add(r.make(Wish)),
        r.make(Wish, undoes_id=wish.id),
        r.make(Wish, undoes_id=wish.id),
    ],
    "two counted installs": lambda r: [r.make(InstallReport), r.make(InstallReport)],
    "two answers from one reply": lambda r: [
        reply := r.make(Reply),
        r.make(Answer, reply_id=r.add(reply).id),
        r.make(Answer, reply_id=reply.id),
    ],
    "a reply twice": lambda r: [r.make(Reply), r.make(Reply)],
    "an attempt twice": lambda r: [r.make(Attempt), r.make(Attempt)],
    "one gateway id for two attempts": lambda r: [
        r.make(Attempt, gateway_id="SM1"),
        r.make(Attempt, n=2, gateway_id="SM1"),
    ],
    "a number twice": lambda r: [Phone(e164=number(1), created_at=NOW)],
    "a step twice": lambda r: [Step(campaign_id=r.campaign.id, number=1, text="y")],
    "an incident twice": lambda r: [
        Incident(kind="k", subject="messages:1", at=NOW),
        Incident(kind="k", subject="messages:1", at=NOW),
    ],
}


def test_the_database_refuses_what_may_be_there_only_once(db):
    for name, make in TOO_MANY.items():
        with db.read() as session:
            rows = Rows(session)
            *allowed, too_many = make(rows)
            for row in allowed:
                rows.add(row)
            try:
                rows.add(too_many)
            except IntegrityError:
                continue
            pytest.fail(f"the database took {name}")


# name: rows that look alike and may all stand
SIDE_BY_SIDE = {
    "messages of a phone without a step": lambda r: [r.make(Message, step_id=None) for _ in range(2)],
    "messages of one step to two phones": lambda r: [r.make(Message, phone_id=r.other_phone.id)],
    "people who are excluded because they share a phone": lambda r: [
        r.make(Recipient, exclusion=Exclusion.SHARED_PHONE) for _ in range(2)
    ],
    "recipients whose person was erased": lambda r: [r.make(Recipient, phone_id=r.other_phone.id)],
    "suppressions of two kinds": lambda r: [
        r.make(Suppression),
        r.make(Suppression, reason=SuppressionReason.WRONG_NUMBER),
    ],
    "a suppression and those that were lifted": lambda r: [
        r.make(Suppression, lifted_at=NOW),
        r.make(Suppression, lifted_at=NOW),
        r.make(Suppression),
    ],
    "an install and those that were withdrawn": lambda r: [
        r.make(InstallReport, withdrawn_at=NOW),
        r.make(InstallReport, withdrawn_at=NOW),
        r.make(InstallReport),
    ],
    "attempts whose gateway id is not known": lambda r: [r.make(Attempt), r.make(Attempt, n=2)],
}


def test_the_database_takes_what_may_stand_side_by_side(db):
    for name, make in SIDE_BY_SIDE.items():
        with db.read() as session:
            rows = Rows(session)
            try:
                for row in make(rows):
                    rows.add(row)
            except IntegrityError as error:
                pytest.fail(f"the database refused {name}: {error}")


STRANGE = (
    "UPDATE campaigns SET state = 'sent'",
    "UPDATE messages SET state = 'lost'",
    "UPDATE messages SET kind = 'letter'",
    "UPDATE messages SET skip_reason = 'mood'",
    "UPDATE recipients SET exclusion = 'mood'",
    "UPDATE recipients SET answer = 'maybe'",
    "UPDATE answers SET label = 'maybe'",
    "UPDATE answers SET source = 'dream'",
    "UPDATE attempts SET state = 'queued'",
    "UPDATE wishes SET source = 'dream'",
    "DELETE FROM wishes WHERE undoes_id IS NULL",
    "UPDATE users SET role = 'king'",
    "UPDATE areas SET level = 'planet'",
    "DELETE FROM phones",
    "DELETE FROM campaigns",
    "UPDATE phones SET e164 = NULL",
)


def test_the_database_knows_its_words_and_its_rows(db):
    with db.write() as session:
        rows = Rows(session)
        rows.add(rows.make(Attempt, state=AttemptState.UNKNOWN))
        rows.add(rows.make(Area))
        wish = rows.add(rows.make(Wish))
        rows.add(rows.make(Wish, undoes_id=wish.id))
    for statement in STRANGE:
        with db.read() as session:
            try:
                session.execute(text(statement))
            except IntegrityError:
                continue
            pytest.fail(f"the database took {statement}")


def test_suppressions_and_wishes_outlive_the_number_they_are_of(db):
    with db.write() as session:
        phone = Phone(e164=number(9), created_at=NOW)
        session.add(phone)
        session.flush()
        rows = Rows(session)
        session.add_all([rows.make(Suppression, phone_id=phone.id), wish := rows.make(Wish)])
        session.flush()
        session.add(WishNumber(wish_id=wish.id, number_hash="h", phone_id=phone.id))
        session.flush()
        session.delete(phone)
    with db.read() as session:
        (kept,) = session.query(Suppression).all()
        assert kept.phone_id is None
        assert kept.lifted_at is None
        assert [(each.number_hash, each.phone_id) for each in session.query(WishNumber)] == [("h", None)]


def test_a_moment_without_a_zone_is_refused_and_all_come_back_in_utc(db):
    with db.write() as session:
        session.add(Phone(e164=number(3), created_at=datetime.fromisoformat("2020-08-18T16:00:00+07:00")))
    with db.read() as session:
        (phone,) = session.query(Phone).all()
        assert phone.created_at == NOW
        assert phone.created_at.tzinfo == UTC
    with pytest.raises(Exception, match="time zone"), db.write() as session:
        session.add(Phone(e164=number(4), created_at=NOW.replace(tzinfo=None)))
