"""Two drives at once: no figure of one is in the other, and each is what a count of the rows by hand gives.

One headline: home, the leader's page, the API, the report with its charts and its mail say the same, and the database agrees.
"""

import re
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from io import BytesIO

import pytest
from pypdf import PdfReader
from python_calamine import load_workbook
from sqlalchemy import select, text, update

from campaigns.activities.activity_log import add_activity
from campaigns.agencies.reports import submit_report
from campaigns.analytics.progress import read_progress
from campaigns.goals.goals import enter_official
from campaigns.models.campaigns import Campaign, Drive
from campaigns.models.figures import ReportChannel
from campaigns.models.messages import Message
from campaigns.models.reports import FileKind, Purpose, ReportIssue, ReportMail
from campaigns.planning.drives import choose_drive, save_drive
from campaigns.reports.documents import read_files, words_of
from campaigns.reports.issue_report import approve_report, compose_letter, freeze, issue, prepare_report
from campaigns.reports.take_snapshot import take_snapshot
from campaigns.reports.writers.pdf import draw_charts
from campaigns.reports.writers.xlsx import write_xlsx
from campaigns.rules.activities import ActivityEntry, ActivityKind
from campaigns.rules.agencies import StaffCounts
from campaigns.rules.replies.labels import Label
from campaigns.rules.reports.compose import compose
from campaigns.rules.reports.document import Chart, percent, read_document, said
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import CampaignState, MessageState
from outreach.models.accounts import OrganisationKind, Right, Role
from outreach.models.contacts import Contact, Membership
from outreach.rules.errors import BadInput, LoaError, NotAllowed
from tests.support.admin_client import post, signed_in
from tests.support.goals import aim, count_people
from tests.support.report_sample import FORM, save_sample_form
from tests.support.world import APPROVER, AUTHOR, LIST, TEXT

APP, VACCINE = "Cài đặt ứng dụng Bluezone", "Tiêm vắc xin"
DISTRICTS = {"608": "Kon Tum", "610": "Đắk Glei", "615": "Đắk Hà"}
COMMUNES = {"23281": "608", "23284": "608", "23368": "610", "23500": "615", "23504": "615"}
AGENCIES = ("SYT", "SGD", "STC")
PEOPLE = 40
# So that a report is as of now at whatever hour the tests run.
UNTIL_MIDNIGHT = replace(FORM, hours=replace(FORM.hours, freeze="23:59"))


@pytest.fixture
def places(world):
    """Forty people in five communes, in lists of two organisations; three agencies."""
    world.add_areas(DISTRICTS, COMMUNES)
    women = world.organisation()
    for code in AGENCIES:
        world.organisation(code, f"Sở {code}", kind=OrganisationKind.AGENCY)
    world.add_people(PEOPLE)
    world.live_in(list(COMMUNES)[n % len(COMMUNES)] for n in range(PEOPLE))
    theirs, people = world.add_list("Phụ nữ", owner=women), world.all(select(Contact.id).order_by(Contact.id))
    world.execute(update(Membership).where(Membership.contact_id.in_(people[::3])).values(list_id=theirs))
    return world


def add_figures(world, drive, *, factor, today):
    """Goals, denominators, official figures, agencies' figures and activities of one drive."""
    for scope, place, share in (("residents", "62", str(40 + factor)), ("staff", "", str(90 + factor))):
        aim(world, share, drive=drive, scope=scope, place=place)
    places = enumerate(("62", *DISTRICTS, *COMMUNES))
    people = {code: str(100 * factor + 10 * n) for n, code in places}
    count_people(world, people, drive=drive, as_of=today.isoformat())
    for n, code in enumerate(DISTRICTS):
        figure = {"day": today.isoformat(), "area": code, "installed": str(7 * factor + n)}
        world.do(enter_official, drive=drive, **figure, source="Sở")
    ids = world.all(text("SELECT id FROM organisations WHERE kind = 'agency' ORDER BY code"))
    told = {"drive": drive, "day": today, "note": "mới", "channel": ReportChannel.FORM}
    for n, organisation_id in enumerate(ids[: 1 + factor]):
        counts = StaffCounts(60 * factor, 50 * factor, 20 * factor + n)
        world.do(submit_report, organisation_id, counts, **told, user_id=world.user(AUTHOR).id)
    campaign_id = world.first(select(Campaign.id).where(Campaign.drive_id == drive))
    entry = ActivityEntry(ActivityKind.RADIO, today, today, times=factor, people=9 * factor)
    by = {"organisation_id": world.organisation_id(), "campaign_id": campaign_id, "form_key": f"k{drive}"}
    world.do(add_activity, entry, area="62", **by)


@pytest.fixture
def drives(places):
    """A drive with two campaigns, the second to more people, and one of another kind with one to all of them."""
    now = datetime.now(UTC)
    noon = datetime.now(VIETNAM).replace(hour=0, minute=0) - timedelta(hours=12)
    first = places.launch(lists=[LIST])
    second = places.launch(lists=[LIST, "Phụ nữ"], name="Đợt sau")
    other = places.launch(lists=[LIST, "Phụ nữ"], name="Tiêm", kind="tiem-chung", text="Mời ông/bà tiêm.")
    every = [n for n in range(PEOPLE) if n % 3]
    places.answers(first, dict.fromkeys(every[:9], Label.INSTALLED), at=noon)
    places.answers(first, dict.fromkeys(every[9:14], Label.NO_SMARTPHONE), at=noon)
    places.answers(second, dict.fromkeys((*every[5:11], 0, 3, 6), Label.INSTALLED), at=now)
    places.answers(second, dict.fromkeys((*every[:2], 9, 12), Label.NOT_YET), at=now)
    places.answers(second, {every[15]: Label.NO_SMARTPHONE, every[16]: Label.QUESTION}, at=now)
    places.answers(other, dict.fromkeys(range(20, 40), Label.INSTALLED), at=now)
    # One who said it in both takes the first back, one in the first alone: the number of the former stays.
    for n in (every[5], every[8]):
        places.undo(first, n, at=now)
    for remainder, state in enumerate((MessageState.DELIVERED, MessageState.SENT, MessageState.FAILED)):
        places.execute(update(Message).where(Message.id % 4 == remainder).values(state=state))
    drive_ids = tuple(places.get_one(Campaign, each).drive_id for each in (first, other))
    assert places.get_one(Campaign, second).drive_id == drive_ids[0]
    today = datetime.now(VIETNAM).date()
    for factor, drive in enumerate(drive_ids, start=1):
        add_figures(places, drive, factor=factor, today=today)
    return drive_ids


# By commune and organisation, each number where its first recipient is; nothing of this is the program's.
COUNT = """
WITH mine AS (
    SELECT r.* FROM recipients r JOIN campaigns c ON c.id = r.campaign_id
    WHERE c.drive_id = :drive AND r.exclusion IS NULL),
firsts AS (SELECT DISTINCT ON (phone_id) phone_id, area_code, list_id FROM mine ORDER BY phone_id, id),
said AS (
    SELECT DISTINCT ON (a.phone_id) a.phone_id, a.label FROM answers a JOIN campaigns c ON c.id = a.campaign_id
    WHERE c.drive_id = :drive AND a.undone_at IS NULL AND a.label NOT IN ('question', 'unclear')
    ORDER BY a.phone_id, a.at DESC, a.id DESC),
reports AS (SELECT i.* FROM install_reports i JOIN campaigns c ON c.id = i.campaign_id WHERE c.drive_id = :drive),
done AS (SELECT DISTINCT phone_id FROM reports WHERE withdrawn_at IS NULL),
yesterday AS (
    SELECT DISTINCT phone_id FROM reports
    WHERE reported_at < :midnight AND (withdrawn_at IS NULL OR withdrawn_at >= :midnight)),
sent AS (
    SELECT m.phone_id, max(CASE WHEN m.state = 'delivered' THEN 1 ELSE 0 END) AS arrived
    FROM messages m JOIN campaigns c ON c.id = m.campaign_id
    WHERE c.drive_id = :drive AND m.step_id IS NOT NULL
      AND m.state IN ('accepted', 'sent', 'delivered', 'undelivered', 'no_report') GROUP BY m.phone_id)
SELECT f.area_code, l.organisation_id, count(*),
    sum(CASE WHEN said.label = 'no_smartphone' THEN 1 ELSE 0 END), count(said.phone_id),
    count(done.phone_id), count(done.phone_id) - count(yesterday.phone_id), count(sent.phone_id), sum(sent.arrived)
FROM firsts f JOIN contact_lists l ON l.id = f.list_id
    LEFT JOIN said ON said.phone_id = f.phone_id LEFT JOIN done ON done.phone_id = f.phone_id
    LEFT JOIN yesterday ON yesterday.phone_id = f.phone_id LEFT JOIN sent ON sent.phone_id = f.phone_id
GROUP BY f.area_code, l.organisation_id
"""
Figures = dict[str, tuple[int, ...]]


def count_by_hand(world, drive):
    """By area's code, `o` and an organisation's id, and `all`: recipients, without, answered, done, today, sent, arrived."""
    midnight = datetime.now(VIETNAM).replace(hour=0, minute=0, second=0, microsecond=0)
    sums = {code: [0] * 7 for code in (*DISTRICTS, *COMMUNES)}
    for area, organisation, *counts in world.rows(text(COUNT).bindparams(drive=drive, midnight=midnight)):
        for key in ("all", area, COMMUNES[area], f"o{organisation}"):
            line = sums.setdefault(key, [0] * 7)
            for n, count in enumerate(counts):
                line[n] += int(count or 0)
    return {key: tuple(line) for key, line in sums.items()}


def read_page(world, drive):
    about = {"user": world.user(AUTHOR), "runtime": world.runtime, "now": datetime.now(UTC)}
    page = world.read(read_progress, world.get_one(Drive, drive), **about)
    assert page is not None
    return page


def figures_of_page(page):
    tables = [page.districts, *page.communes.values()]
    lines = {line.code: line for table in tables for line in table.lines}
    lines |= {f"o{line.code}": line for line in page.organisations.lines}
    found = {
        code or "": (
            line.counts.recipients,
            line.counts.no_smartphone,
            line.counts.answered,
            line.counts.installed,
            line.counts.today,
            line.counts.sent or 0,
            line.counts.delivered or 0,
        )
        for code, line in lines.items()
    }
    total, reach = page.total, page.reach.total
    shares = (total.recipients, total.no_smartphone, total.answered, total.installed, total.today)
    return found | {"all": (*shares, reach.written, reach.arrived)}


def figures_of_report(snapshot):
    lines = {each.code: each.reported for each in (*snapshot.districts, *snapshot.communes)}
    lines |= {f"o{each.id}": each.reported for each in snapshot.bodies} | {"all": snapshot.whole.reported}
    return {
        code: (line.recipients, line.no_smartphone, line.answered, line.reported)
        for code, line in lines.items()
    }


def rows_of(content):
    """The rows of all sheets of a workbook."""
    book = load_workbook(BytesIO(content))
    return [row for name in book.sheet_names for row in book.get_sheet_by_name(name).to_python()]


def without(html):
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # it counts in PostgreSQL's SQL
def test_every_figure_of_two_drives_equals_a_count_of_the_rows(places, drives, author):
    compared = 0
    now, today = datetime.now(UTC), datetime.now(VIETNAM).date()
    for factor, drive in enumerate(drives, start=1):
        expected = count_by_hand(places, drive)
        page = read_page(places, drive)
        assert figures_of_page(page) == expected
        compared += 7 * len(expected)
        assert page.head.days[-1][1] == expected["all"][3]
        yesterday = page.head.days[-2][1] if len(page.head.days) > 1 else 0
        assert page.head.days[-1][1] - yesterday == expected["all"][4]
        until = {"day": today, "known_until": now}
        snapshot = places.read(take_snapshot, UNTIL_MIDNIGHT, drive=drive, **until)
        agencies = places.rows(
            text(
                "SELECT o.name, a.staff, a.with_smartphone, a.installed FROM organisations o LEFT JOIN"
                " agency_reports a ON a.organisation_id = o.id AND a.drive_id = :drive"
                " WHERE o.kind = 'agency' ORDER BY o.name"
            ).bindparams(drive=drive)
        )
        of_report = figures_of_report(snapshot)
        assert of_report == {code: line[:4] for code, line in expected.items()}
        compared += 4 * len(of_report)
        # Agencies, official figures, goals and activities: those of this drive alone, on the page and in the report.
        assert page.agencies is None or {
            line.agency.name: (line.agency.counts.staff, line.agency.counts.with_smartphone)
            for line in page.agencies.lines
            if line.agency.counts
        } == {name: (staff, owners) for name, staff, owners, _installed in agencies if staff}
        assert [
            (each.name, each.staff, each.with_smartphone, each.installed) for each in snapshot.agencies
        ] == [tuple(row) for row in agencies]
        assert {each.code: each.official and each.official.installed for each in snapshot.districts} == {
            code: 7 * factor + n for n, code in enumerate(DISTRICTS)
        }
        assert snapshot.residents is not None
        assert snapshot.residents.share == (40 + factor) / 100
        assert snapshot.staff.share == (90 + factor) / 100
        assert [(each.times, each.people) for each in snapshot.outreach] == [(factor, factor * 9 * factor)]
        assert {line.code: line.denominator for line in page.districts.lines} == {
            code: 100 * factor + 10 * n for n, code in enumerate(DISTRICTS, start=1)
        }
        compared += 3 * len(agencies) + 2 * len(DISTRICTS) + 4
        document = compose(snapshot, UNTIL_MIDNIGHT)
        names = {code: f"Huyện {name}" for code, name in DISTRICTS.items()}
        names |= {code: f"Xã Xã {code}" for code in COMMUNES}
        rows = rows_of(write_xlsx(document, draw_charts(document), made_at=now))
        for code, name in names.items():
            recipients, no_smartphone, _answered, done, *_more = expected[code]
            of_place = [row for row in rows if name in row[:2]]
            # Where people were entered for every place, they are the base.
            places_of_report = (*snapshot.districts, *snapshot.communes)
            base = next(
                (each.owners.count for each in places_of_report if each.code == code and each.owners),
                recipients - no_smartphone,
            )
            assert any({done, base} <= set(row) for row in of_place), (code, of_place)
            compared += 2
        # As people see it: the leaders' page, home, and the report's table.
        html = author.get(f"/admin/progress/?drive={drive}").text
        table = html.split('id="districts"')[1].split("</section>")[0]
        for code, name in DISTRICTS.items():
            row = table.split(f"Huyện {name}</a>")[1].split("</tr>")[0]
            cells = [
                without(cell).split(" ")[0] for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)
            ]
            recipients, _without, answered, done, new, sent, arrived = expected[code]
            assert cells[2:4] == [f"+{new}" if new else "0", f"{done:,}".replace(",", ".")]
            assert cells[-4:] == [str(recipients), str(sent), str(arrived), str(answered)]
            compared += 6
    assert compared >= 150, compared
    # What waits is the drive's own.
    vaccine = places.one(select(Campaign.id).where(Campaign.drive_id == drives[1]))
    places.change(Campaign, vaccine, state=CampaignState.PAUSED)
    told = [
        "chiến dịch đang tạm dừng" in author.get(f"/admin/progress/?drive={each}").text for each in drives
    ]
    assert told == [False, True]
    # Home, the leaders' page and the agencies' page read the drive that is chosen.
    for drive, name, staff in ((drives[0], APP, "60"), (drives[1], VACCINE, "120")):
        if drive != drives[0]:
            assert post(author, f"/admin/drives/{drive}/choose").status_code == 303
        line = without(author.get("/admin/").text.split('id="goals"')[1].split("</section>")[0])
        assert name in line
        assert f"{count_by_hand(places, drive)['all'][3]} người tự khai báo đã" in line
        assert name in author.get("/admin/progress/").text
        assert staff in without(author.get("/admin/agencies/").text)
    assert sum(count_by_hand(places, drive)["all"][3] for drive in drives) > 20


def test_a_campaign_goes_into_the_open_drive_of_its_kind_or_the_one_that_it_names(places):
    now = datetime.now(UTC)
    first = places.draft()
    user = places.user(AUTHOR)
    started = datetime.now(VIETNAM).date()
    later = save_drive(
        places.runtime,
        kind="bluezone",
        name="Bluezone, lần hai",
        starts_on=started,
        ends_on=None,
        user=user,
        now=now,
    ).id
    named = places.draft(drive="Bluezone, lần hai")
    same = places.draft()
    ids = [places.get_one(Campaign, each).drive_id for each in (first, named, same)]
    assert ids[1] == later
    assert ids[2] == ids[0] != later
    for wrong, code in (
        ({"drive": "Không có"}, "campaign_drive_unknown"),
        ({"drive": APP, "kind": "tiem-chung", "text": TEXT}, "campaign_drive_other_kind"),
    ):
        with pytest.raises(LoaError, match=code):
            places.draft(**wrong)
    places.change(Drive, ids[0], ends_on="2020-08-20")  # an ended drive takes no more
    third = places.draft()
    assert places.get_one(Campaign, third).drive_id == later


def test_a_drive_s_kind_stays_once_it_has_a_campaign_and_only_the_province_chooses(places):
    campaign_id = places.draft()
    drive = places.get_one(Drive, places.get_one(Campaign, campaign_id).drive_id)
    given = {"name": drive.name, "starts_on": datetime.now(VIETNAM).date(), "ends_on": None}
    with pytest.raises(BadInput, match="drive_kind_fixed"):
        places.do(save_drive, drive.id, kind="tiem-chung", **given)
    places.do(save_drive, drive.id, kind="bluezone", **given | {"name": "Tên mới"})
    officer = places.officer("pn@loa.example", Role.STAFF, places.organisation_id("PN"))
    with pytest.raises(NotAllowed, match="drives_not_allowed"):
        places.do(choose_drive, drive.id, by=officer)


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
    world.do(save_sample_form, AUTHOR, world.now)
    world.live_in(["608"] * 4 + ["615"] * 4)
    campaign_id = world.launch(goal={"share": 0.5}, **changes)
    said = (Label.INSTALLED, Label.INSTALLED, Label.NO_SMARTPHONE, Label.NOT_YET, Label.INSTALLED)
    world.answers(campaign_id, dict(enumerate(said)))
    return campaign_id


def enter_goal(world):
    """Half of 40 people of the province, of whom 25 live in one place and 15 in the other."""
    aim(world, "50", drive=1, by=ADMINISTRATOR)
    people = {"62": "40", "608": "25", "615": "15"}
    count_people(world, people, drive=1, as_of=world.now.date().isoformat(), by=ADMINISTRATOR)


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
    done, people = (int(world.scalar(text(query))) for query in (REPORTED, base))
    share = percent(done / people)
    missing = -(-people // 2) - done  # short of half of them

    # Home, the leader's page, and other systems.
    signed_in(client, LEADER)
    assert f'<strong class="goal-share">{share}</strong>' in client.get("/admin/").text
    page = client.get("/admin/progress/").text
    assert f'<strong class="headline-share">{share}</strong>' in page
    _made, token = world.token(ADMINISTRATOR, rights=[Right.FIGURES_READ])
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
