"""One headline: home, the leader's page, the API, the report with its charts and its mail say the same, and the database agrees."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from io import BytesIO

import pytest
from pypdf import PdfReader
from sqlalchemy import select, text, update

from campaigns.goals.goals import enter_denominator, find_subject, set_goal
from campaigns.models.reports import FileKind, Purpose, ReportIssue, ReportMail
from campaigns.reports.documents import read_files, words_of
from campaigns.reports.issue_report import approve_report, compose_letter, freeze, issue, prepare_report
from campaigns.rules.replies.labels import Label
from campaigns.rules.reports.document import Chart, percent, read_document, said
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts.api_tokens import create_token
from outreach.accounts.users import find_user
from outreach.models.accounts import Organisation, Right, Role
from outreach.models.contacts import Contact
from tests.support.admin_client import signed_in
from tests.support.report_sample import save_sample_form
from tests.support.world import APPROVER, AUTHOR

ADMINISTRATOR, LEADER = "quantri@loa.example", "lanhdao@loa.example"
PLACES = {"608": "Kon Tum", "615": "Đắk Hà"}
HOUR = time(13, 31)
REPORTED = "SELECT COUNT(DISTINCT phone_id) FROM install_reports WHERE withdrawn_at IS NULL"
COULD = (
    "SELECT COUNT(DISTINCT r.phone_id) FROM recipients r WHERE r.exclusion IS NULL AND r.phone_id NOT IN"
    " (SELECT a.phone_id FROM answers a WHERE a.label = 'no_smartphone' AND a.undone_at IS NULL)"
)
ENTERED = "SELECT SUM(value) FROM denominators WHERE area_code = '62'"


@pytest.fixture
def answered(world):
    return launch_and_answer(world)


def launch_and_answer(world, **changes):
    """A campaign to eight people in two places: three have done it, one has no smartphone or cannot come."""
    world.add_areas(PLACES)
    world.officer(ADMINISTRATOR, Role.ADMINISTRATOR)
    world.officer(LEADER, Role.LEADER)
    world.add_people(8)
    with world.runtime.db.write() as session:
        save_sample_form(session, AUTHOR, world.now)
        people = session.scalars(select(Contact.id).order_by(Contact.id)).all()
        for code, part in (("608", people[:4]), ("615", people[4:])):
            session.execute(update(Contact).where(Contact.id.in_(part)).values(area_code=code))
    campaign_id = world.launch(goal={"share": 0.5}, **changes)
    said = (Label.INSTALLED, Label.INSTALLED, Label.NO_SMARTPHONE, Label.NOT_YET, Label.INSTALLED)
    world.answers(campaign_id, dict(enumerate(said)))
    return campaign_id


def enter_goal(world):
    """Half of 40 people of the province, of whom 25 live in one place and 15 in the other."""
    with world.runtime.db.write() as session:
        user, now = find_user(session, ADMINISTRATOR), datetime.now(UTC)
        for area, people in (("62", "40"), ("608", "25"), ("615", "15")):
            subject = find_subject(session, drive=1, scope="residents", place=area)
            if area == "62":
                set_goal(session, subject, share="50", deadline="", basis="Công văn", user=user, now=now)
            enter_denominator(
                session, subject, value=people, as_of=now.date().isoformat(), source="Sở", user=user, now=now
            )


def test_who_cannot_come_to_what_they_were_invited_to_stays_in_the_base_everywhere(client, world):
    campaign_id = launch_and_answer(world, kind="moi-du", text="Mời ông/bà dự họp. Soạn TC để từ chối")
    world.send()
    done, people = 3, 8
    told = world.status(campaign_id)["self_reported"]
    assert (told["installed"], told["denominator"]) == (done, people)
    progress = f"/admin/progress/?campaign={campaign_id}"
    signed_in(client, LEADER)
    assert f'<strong class="headline-share">{percent(done / people)}</strong>' in client.get(progress).text
    signed_in(client, AUTHOR)
    assert f", đã đến dự {done}<" in client.get("/admin/campaigns/").text


@pytest.mark.parametrize(("has_goal_of_place", "base"), [(True, ENTERED), (False, COULD)])
def test_the_headline_is_the_same_everywhere_and_as_counted_by_hand(
    client, world, answered, has_goal_of_place, base
):
    if has_goal_of_place:
        enter_goal(world)
    settings = replace(world.runtime.settings, report_recipients=(LEADER,))
    runtime = replace(world.runtime, settings=settings)
    with runtime.db.read() as session:
        done, people = (int(session.scalar(text(query))) for query in (REPORTED, base))
    share = percent(done / people)
    missing = -(-people // 2) - done  # short of half of them

    # Home, the leader's page, and other systems.
    signed_in(client, LEADER)
    assert f'<strong class="goal-share">{share}</strong>' in client.get("/admin/").text
    page = client.get("/admin/progress/").text
    assert f'<strong class="headline-share">{share}</strong>' in page
    with runtime.db.write() as session:
        _made, token = create_token(
            session,
            name="Cổng",
            organisation_id=session.scalars(select(Organisation.id)).first(),
            rights=[Right.FIGURES_READ],
            days=30,
            user=find_user(session, ADMINISTRATOR),
            now=world.now,
        )
    figures = client.get(
        f"/api/v1/campaigns/{answered}/figures", headers={"Authorization": f"Bearer {token}"}
    ).get_json()
    told = figures["self_reported"]
    assert (told["installed"], told["denominator"], told["missing"]) == (done, people, max(0, missing))
    assert told["share"] == pytest.approx(done / people)

    # The report of the day, its files, charts and mail.
    day = (datetime.now(VIETNAM) + timedelta(days=1)).date()
    now, iso = datetime.combine(day, HOUR, VIETNAM).astimezone(UTC), day.isoformat()
    freeze(runtime, 1, day, now=now)
    prepare_report(runtime, 1, iso, user=world.user(AUTHOR), now=now)
    approve_report(runtime, 1, iso, prepared_at=now.isoformat(), user=world.user(APPROVER), now=now)
    assert issue(runtime, 1, day, now=now)
    with runtime.db.read() as session:
        files = read_files(session, 1, iso)
        issued = session.scalars(select(ReportIssue)).one()
        mail = session.scalars(select(ReportMail).where(ReportMail.purpose == Purpose.REPORT)).one()
        letter = compose_letter(session, mail, settings).body
    assert f"{said(done)}/{said(people)} người tự khai báo, đạt {share}" in letter
    pdf = PdfReader(BytesIO(files[f"report-{iso}.pdf"]))
    texts = {
        "docx": " ".join(words_of(files[f"report-{iso}.docx"], FileKind.DOCX)),
        "xlsx": " ".join(words_of(files[f"report-{iso}.xlsx"], FileKind.XLSX)),
        "pdf": " ".join(" ".join(page.extract_text() for page in pdf.pages).split()),
    }
    for name, words in texts.items():
        assert f"{said(done)} người tự khai báo đã cài đặt trên " in words, name
        assert f"đạt {share}" in words, name
    assert issued.document
    [chart] = [
        block
        for block in read_document(issued.document).blocks
        if isinstance(block, Chart) and block.name == "reported"
    ]
    by_place = {
        line["name"]: percent(line["share"]) for line in figures["districts"]["lines"] if line["code"]
    }
    assert {bar.label: bar.text for bar in chart.bars} == by_place
    assert chart.goal == 0.5
