"""Random checks at the door: unmarked on every paper and phone, and what they leave of the self-reports."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from campaigns.models.activities import VisitLine
from campaigns.models.replies import InstallReport
from campaigns.reports.settings import current_template
from campaigns.reports.take_snapshot import take_snapshot
from campaigns.reports.writers.pdf import draw_charts
from campaigns.reports.writers.xlsx import write_xlsx
from campaigns.rules.replies.labels import Label
from campaigns.rules.reports.compose import compose
from campaigns.rules.reports.snapshot import read_snapshot
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import MessageState
from campaigns.rules.visits import VisitOutcome, VisitReason
from campaigns.visits import candidates
from campaigns.visits.assignments import assign_sheet
from campaigns.visits.checks import read_corrected
from campaigns.visits.results import enter_results
from outreach.rules.errors import BadInput
from tests.integration.campaigns.test_answer_totals import recipients, says
from tests.integration.campaigns.test_visit_phones import VisitPhone
from tests.support.admin_client import signed_in
from tests.support.world import AUTHOR, World, number

REPORTED = 24


def test_a_check_looks_like_any_visit_and_corrects_the_count_beside_it(
    world: World, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        candidates, "is_drawn", lambda _campaign, recipient, percent: percent and recipient % 2
    )
    world.add_people(REPORTED + 2)
    campaign = world.launch()
    world.send()
    world.set_all(MessageState.NO_REPORT)
    for recipient in recipients(world)[:REPORTED]:
        says(world, recipient, Label.INSTALLED)
    author = world.user(AUTHOR)

    def make(percent: int) -> int:
        return world.make_sheet(campaign, list_id=1, check_percent=percent)

    with pytest.raises(BadInput, match="check_percent_wrong"):
        make(31)
    sheet = make(5)
    with world.runtime.db.read() as session:
        lines = session.execute(select(VisitLine.n, VisitLine.why).order_by(VisitLine.n)).all()
        assert read_corrected(session, 1, author, as_of=world.now) is None
    checks = [n for n, why in lines if why is VisitReason.CHECK]
    assert (len(lines), len(checks)) == (2 + REPORTED // 2, REPORTED // 2)
    # Neither the phone, nor the page, nor the paper tells who is checked.
    phone = VisitPhone(world, client, "A Lăng", number(900))
    assign_sheet(
        world.runtime, sheet, officer_id=phone.officer.id, day=None, target=None, user=author, now=world.now
    )
    people = phone.join().sync()["data"]["people"]
    assert {
        json.dumps(sorted({**each, "name": "", "code": "", "house": 0, "line": 0}.items())) for each in people
    } == {
        json.dumps(
            [
                ["code", ""],
                ["first", 3],
                ["house", 0],
                ["line", 0],
                ["name", ""],
                ["sheet", sheet],
                ["village", ""],
                ["why", "Cần hỏi tại nhà"],
            ]
        )
    }
    signed_in(client, AUTHOR)
    assert "Đã cài, lúc" not in client.get(f"/admin/rounds/{sheet}/").text
    found = {
        n: VisitOutcome.INSTALLED if place % 4 else VisitOutcome.NOT_YET for place, n in enumerate(checks)
    }
    enter_results(world.runtime, sheet, found, user=author, keys=world.keys, now=world.now)
    with world.runtime.db.read() as session:
        left = session.scalars(
            select(InstallReport).where(InstallReport.withdrawn_at.is_(None)).order_by(InstallReport.id)
        ).all()
        corrected = read_corrected(session, 1, author, as_of=world.now)
    assert len(left) == REPORTED - 3  # what was not so is taken back, as by any answer
    assert corrected is not None
    assert (corrected.reported, corrected.checks, corrected.confirmed) == (21, 12, 9)
    assert corrected.likely == 9 + 12 * 9 / 12
    assert 9 < corrected.low < corrected.likely < corrected.high < 21
    page = client.get("/admin/progress/").text
    assert "Ước tính sau kiểm tra: 18" in page
    assert "Số báo cáo: 21" in page
    with world.runtime.db.read() as session:
        tomorrow = world.now.astimezone(VIETNAM).date() + timedelta(days=1)
        form = current_template(session, 1)
        snapshot = take_snapshot(
            session, form, drive=1, day=tomorrow, known_until=world.now + timedelta(minutes=1)
        )
    assert read_snapshot(json.loads(json.dumps(snapshot.as_data()))) == snapshot
    assert snapshot.checked is not None
    assert (snapshot.whole.reported.reported, snapshot.checked.likely) == (21, 18)
    document = compose(snapshot, form)
    workbook = write_xlsx(document, draw_charts(document), made_at=world.now)
    with zipfile.ZipFile(io.BytesIO(workbook)) as book:
        cells = "".join(book.read(name).decode() for name in book.namelist() if name.endswith(".xml"))
    for said in ("21 người tự khai báo đã", "Ước tính sau kiểm tra: 18 người, trong khoảng"):
        assert any(said in getattr(block, "text", "") for block in document.blocks)
        assert said in cells
    # Nobody is checked twice.
    with pytest.raises(BadInput, match="nobody_to_visit"):
        make(5)
