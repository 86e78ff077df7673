"""Pages, agencies' forms, mail and the report speak of what a drive's kind asks for, and of nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from campaigns.agencies.links import address_of, make_link
from campaigns.agencies.reports import read_counts, submit_by_officer
from campaigns.goals.official_figures import enter_official
from campaigns.models.figures import AgencyReport
from campaigns.models.reports import FileKind, Purpose, ReportMail
from campaigns.planning.drives import current_drive_id
from campaigns.planning.kinds import load_kinds
from campaigns.replies.record_answer import record_page_answer
from campaigns.reports.documents import words_of as words_of_file
from campaigns.reports.report_mail import compose_letter
from campaigns.reports.settings import current_template
from campaigns.reports.take_snapshot import take_snapshot
from campaigns.reports.writers.docx import write_docx
from campaigns.reports.writers.pdf import draw_charts
from campaigns.reports.writers.xlsx import write_xlsx
from campaigns.rules.kind_words import read_words
from campaigns.rules.own_answers import read_own_answers
from campaigns.rules.replies.labels import Label
from campaigns.rules.reports.compose import compose
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts.organisations import create_organisation
from outreach.accounts.users import find_user
from outreach.models.accounts import OrganisationKind
from outreach.models.places import Area, AreaLevel
from tests.support.admin_client import post, signed_in
from tests.support.world import AUTHOR, World, number


def shown(html: str) -> str:
    """The text of a page's own part, without the menu."""
    main = re.search(r"<main.*</main>", html, re.DOTALL)
    text = re.sub(r"<(script|style|option).*?</\1>", " ", main[0] if main else html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


def add_agency(world: World, kind: str, today: date) -> tuple[int, str]:
    """An agency with figures of today in the kind's drive, and the path of its link."""
    with world.runtime.db.write() as session:
        session.add(Area(code="62", name="Miền", kind="Tỉnh", level=AreaLevel.PROVINCE))
        session.flush()
        session.add(Area(code="608", name="Một", kind="Huyện", level=AreaLevel.DISTRICT, parent_code="62"))
        session.flush()
        agency = create_organisation(session, code="SYT", name="Sở Một", kind=OrganisationKind.AGENCY).id
        user, now = find_user(session, AUTHOR), datetime.now(UTC)
        counts = read_counts("120", "100" if read_words(load_kinds()[kind]).owners else "", "90")
        submit_by_officer(session, agency, counts, day=today, note="", user=user, now=now)
        drive = current_drive_id(session)
        enter_official(
            session,
            drive=drive,
            day=today.isoformat(),
            area="608",
            installed="7",
            source="Sở",
            user=user,
            now=now,
        )
        link = make_link(session, agency, holder="chị Hoa", days=9, user=user, now=now)
        address = address_of(link, world.runtime.settings)
    return agency, address.removeprefix(world.runtime.settings.public_base_url)


@pytest.mark.parametrize("kind", sorted(load_kinds()))
def test_a_drive_speaks_of_its_kind_alone(client: FlaskClient, world: World, kind: str) -> None:
    world.add_people(3)
    campaign_id = world.launch(kind=kind, name="Đợt một", text="Mời ông/bà làm. Soạn TC để từ chối")
    own_answers = read_own_answers(load_kinds()[kind])
    done = next((own.value for own in own_answers if own.means is Label.INSTALLED), "installed")
    answers = (done, "opt_out" if own_answers else "no_smartphone")
    for n, answer in enumerate(answers):
        recipient_id = world.recipient(number(n), campaign_id).id
        with world.runtime.db.write() as session:
            record_page_answer(session, recipient_id, answer, keys=world.keys, now=world.now)
    now, today = datetime.now(UTC), datetime.now(VIETNAM).date()
    agency, link = add_agency(world, kind, today)
    signed_in(client, AUTHOR)
    said = {
        path: shown(client.get(path).text)
        for path in (
            "/admin/",
            "/admin/progress/",
            "/admin/agencies/",
            f"/admin/agencies/{agency}/",
            link,
            f"/admin/report/preview?day={today}",
            f"/admin/progress/?campaign={campaign_id}",
            f"/admin/campaigns/{campaign_id}/installs/",
            f"/admin/campaigns/{campaign_id}/reach/",
            f"/admin/campaigns/{campaign_id}/texts",
        )
    }
    said["reach.csv"] = post(client, f"/admin/campaigns/{campaign_id}/reach/file", form="csv").text
    with world.runtime.db.read() as session:
        drive = current_drive_id(session)
        form = current_template(session, drive)
        form = replace(form, hours=replace(form.hours, freeze="23:59"))
        snapshot = take_snapshot(
            session, form, drive=drive, day=today, known_until=now + timedelta(seconds=1)
        )
        document = compose(snapshot, form)
        for each, content in (
            (FileKind.DOCX, write_docx(document, draw_charts(document), made_at=now)),
            (FileKind.XLSX, write_xlsx(document, draw_charts(document), made_at=now)),
        ):
            said[each] = " ".join(words_of_file(content, each))
        mail = ReportMail(
            drive_id=drive, day=today.isoformat(), purpose=Purpose.CHASE, organisation_id=agency
        )
        said["mail"] = compose_letter(session, mail, world.runtime.settings).body
        [report] = session.scalars(select(AgencyReport)).all()
    # Of 120 people 100 have a smartphone; where everybody counts, all 120 do.
    assert report.with_smartphone == (100 if read_words(load_kinds()[kind]).owners else 120)
    own = read_words(load_kinds()[kind]).done
    # Where the kind has no goal, nobody is asked for one.
    for place in ("/admin/progress/", "/admin/agencies/", FileKind.DOCX):
        assert ("chưa đặt mục tiêu" in said[place].lower()) is read_words(load_kinds()[kind]).goal
    assert "gần mục tiêu" not in said["/admin/progress/"]
    for place in ("/admin/progress/", "/admin/agencies/", link, FileKind.DOCX, "mail", "reach.csv"):
        assert f"đã {own}" in said[place].lower(), (place, said[place])
    others = {read_words(load_kinds()[other]).done for other in load_kinds() if other != kind} - {own}
    foreign = [rf"(?:đã|chưa) {re.escape(word)}\b" for word in others if not own.startswith(word)]
    if not bool(load_kinds()[kind].get("app")):
        foreign += ["điện thoại thông minh", "đtth?m", "bluezone", r"\bcài\b", r"\bgỡ\b"]
    wrong = [
        (place, found[0])
        for place, text in said.items()
        for word in foreign
        if (found := re.search(word, text.lower()))
    ]
    assert wrong == []


@pytest.mark.parametrize("kind", ["bao-lu", "bluezone"])
def test_an_agency_is_awaited_only_where_the_kind_asks_agencies(
    client: FlaskClient, world: World, kind: str
) -> None:
    world.add_people(1)
    world.launch(kind=kind, name="Đợt một", text="Mời ông/bà làm. Soạn TC để từ chối")
    with world.runtime.db.write() as session:
        create_organisation(
            session, code="SX", name="Sở Xây dựng", kind=OrganisationKind.AGENCY, parent_code="MTTQ"
        )
    signed_in(client, AUTHOR)
    page = client.get("/admin/agencies/").text
    assert ("Chưa gửi số liệu ngày" in page) is read_words(load_kinds()[kind]).agencies
    assert "Sở Xây dựng" in page
