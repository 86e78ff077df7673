"""What is personal beside the campaigns goes by its own age, and is counted before; hashes of suppressed numbers stay."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update

from campaigns.models.privacy import PersonRequest, RequestKind
from campaigns.models.replies import Case, Reply
from campaigns.privacy.expiry import ExpiryResult, preview_expired, remove_expired
from outreach.accounts import audit
from outreach.accounts.audit import check_audit
from outreach.models.accounts import AuditValues
from outreach.models.contacts import ImportIssue, ListImport, Phone, WishNumber
from simulator.testing import RunningSimulator
from tests.support.servers import both_databases
from tests.support.wishes import numbers_left_alone
from tests.support.world import APPROVER, World, number

DAYS = 90
STRANGER, FRIEND = number(500), number(501)


def foreseen(world: World, now: datetime) -> ExpiryResult:
    with world.runtime.db.read() as session:
        return preview_expired(session, days=DAYS, now=now)


def keep_rows(world: World, *rows: tuple[str, str | None, dict[str, Any]]) -> int:
    """An import that kept rows for review, each with status, decision and cells; its id."""
    with world.runtime.db.write() as session:
        brought = ListImport(
            list_id=world.list_id,
            file_name="ds.xlsx",
            sha256="0" * 64,
            counts={"review": sum(row[:2] == ("review", None) for row in rows), "rejected": 0},
            imported_at=world.now,
        )
        session.add(brought)
        session.flush()
        for n, (status, decision, cells) in enumerate(rows, start=1):
            session.add(
                ImportIssue(
                    import_id=brought.id,
                    row=n,
                    status=status,
                    reason="no_number",
                    key=f"k{n}",
                    cells=cells,
                    decision=decision,
                )
            )
        return brought.id


def test_rows_kept_for_review_go_whatever_was_decided_and_what_a_list_in_use_remembers_stays(
    world: World,
) -> None:
    said = {"name": "A Thun", "phone": number(3)}
    brought = keep_rows(
        world,
        ("reject", None, said),
        ("review", None, said),
        ("question", None, said),
        ("review", "superseded", said),
        ("review", "taken", said),
    )
    now = world.now + timedelta(days=DAYS, minutes=1)
    assert foreseen(world, now - timedelta(days=1)).rows == 0
    world.now = now
    world.draft()  # uses the list
    assert foreseen(world, now) == ExpiryResult(rows=4)
    assert remove_expired(world.runtime, days=DAYS, now=now) == ExpiryResult(rows=4)
    with world.runtime.db.read() as session:
        rows = session.execute(
            select(ImportIssue.cells, ImportIssue.key, ImportIssue.decision).order_by(ImportIssue.row)
        ).all()
        assert [tuple(row) for row in rows] == [
            ({}, "", "dropped"),
            ({}, "", "dropped"),
            ({}, "", "answered"),
            ({}, "", "dropped"),
            (said, "k5", "taken"),
        ]
        assert session.get_one(ListImport, brought).counts == {"review": 0, "rejected": 1}
    assert foreseen(world, now) == ExpiryResult()
    assert foreseen(world, now + timedelta(days=DAYS, minutes=1)).rows == 1, (
        "nobody has touched the draft since"
    )


@both_databases
def test_what_strangers_wrote_goes_and_their_opt_out_holds(world: World, simulator: RunningSimulator) -> None:
    world.reply(STRANGER, "TC", gateway_id="SM1")
    world.reply(FRIEND, "xin chào, tôi là Thun", gateway_id="SM2")
    world.send()
    [case] = world.cases()
    with world.runtime.db.write() as session:
        session.execute(update(Case).where(Case.id == case.id).values(note="Gọi cho bà Thun"))
        hashed = session.scalars(select(WishNumber.number_hash)).one()
    now = datetime.now(UTC) + timedelta(days=DAYS)
    assert foreseen(world, now - timedelta(days=1)) == ExpiryResult()
    now += timedelta(minutes=1)
    said = foreseen(world, now)
    assert (said.replies, said.cases, said.numbers) == (2, 1, 1)
    assert remove_expired(world.runtime, days=DAYS, now=now) == said
    assert foreseen(world, now) == ExpiryResult()
    assert world.cases() == []
    assert {(reply.sender, reply.body) for reply in world.all(select(Reply))} == {("", "")}
    assert world.all(select(Case.note)) == [""]
    assert world.one(select(Phone.e164)).startswith("#")
    kept = world.one(select(WishNumber))
    assert (kept.number_hash, kept.phone_id) == (hashed, None)
    # It meets the number when it returns.
    world.reply(STRANGER, "TC", gateway_id="SM3", now=now)
    with world.runtime.db.read() as session:
        assert numbers_left_alone(session) == {STRANGER}


def test_who_asked_for_what_of_their_data_goes_and_what_was_corrected(world: World) -> None:
    person = world.add_person("A Thun", number(1))
    user = world.user(APPROVER)
    with world.runtime.db.write() as session:
        for done_at in (world.now, None):
            session.add(
                PersonRequest(
                    kind=RequestKind.EXPORT,
                    contact_id=person,
                    asked_by="con gái",
                    asked_at=world.now,
                    due_at=world.now,
                    recorded_by=user.id,
                    recorded_at=world.now,
                    done_at=done_at,
                    answer="Đã đưa bản in",
                )
            )
        for subject in (f"contacts:{person}", f"users:{user.id}"):
            audit.record_change(
                session, "contact.correct", subject, user, world.now, {"name": ("A Thun", "A Thuần")}
            )
    now = world.now + timedelta(days=DAYS, minutes=1)
    assert foreseen(world, now - timedelta(days=1)) == ExpiryResult()
    assert foreseen(world, now) == ExpiryResult(requests=1, entries=1)
    done = remove_expired(world.runtime, days=DAYS, now=now)
    assert asdict(done) == asdict(ExpiryResult(requests=1, entries=1))
    with world.runtime.db.read() as session:
        asked = session.execute(
            select(PersonRequest.asked_by, PersonRequest.answer).order_by(PersonRequest.id)
        ).all()
        assert [tuple(row) for row in asked] == [("", ""), ("con gái", "Đã đưa bản in")]
        assert session.scalar(select(func.count()).where(AuditValues.changes.is_not(None))) == 1
        assert check_audit(session).broken is None
