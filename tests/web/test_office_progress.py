"""Where the goal stands: against which figure, by place, organisation and day, within a user's scope."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from campaigns.answers.models import Source
from campaigns.answers.taking import take_answer, undo_answer
from campaigns.figures.places import Figures, read_figures, read_total
from campaigns.messages import Message
from campaigns.models import Campaign, Recipient
from campaigns.reach import reading
from campaigns.reach.keeping import keep_reach
from campaigns.replies.classifier import Label
from campaigns.states import MessageState
from campaigns.windows import VIETNAM
from outreach.access.models import OrganisationKind, Role
from outreach.access.organisations import create_organisation
from outreach.access.users import find_user
from outreach.people.importing.storing import find_or_create_list
from outreach.people.models import Contact, Membership
from outreach.places.models import Area, AreaLevel
from tests.flows.world import APPROVER, AUTHOR, LIST, World
from tests.web.office import signed_in

LEADER, NEIGHBOUR = "lanhdao@loa.example", "pn@loa.example"
DISTRICTS = {"608": "Kon Tum", "615": "Đắk Hà", "618": "Ia H'Drai"}


@pytest.fixture
def places(world: World) -> World:
    """Three districts, a second organisation with its own list: four people in Kon Tum, four in Đắk Hà."""
    with world.runtime.db.write() as session:
        session.add(Area(code="62", name="Kon Tum", kind="Tỉnh", level=AreaLevel.PROVINCE))
        session.flush()
        for code, name in DISTRICTS.items():
            session.add(Area(code=code, name=name, kind="Huyện", level=AreaLevel.DISTRICT, parent_code="62"))
        session.flush()
        for code, parent in (("23281", "608"), ("23425", "615")):
            session.add(
                Area(code=code, name=f"Xã {code}", kind="Xã", level=AreaLevel.COMMUNE, parent_code=parent)
            )
        women = create_organisation(
            session, code="PN", name="Hội Phụ nữ", kind=OrganisationKind.MASS, parent_code="MTTQ"
        )
        for email, role, organisation in ((LEADER, Role.LEADER, None), (NEIGHBOUR, Role.STAFF, women.id)):
            world.add_officer(session, email, role, organisation)
        their_list = find_or_create_list(session, organisation_id=women.id, name="Phụ nữ", now=world.now).id
    world.add_people(8)
    with world.runtime.db.write() as session:
        people = session.scalars(select(Contact.id).order_by(Contact.id)).all()
        session.execute(update(Contact).where(Contact.id.in_(people[:4])).values(area_code="23281"))
        session.execute(update(Contact).where(Contact.id.in_(people[4:])).values(area_code="23425"))
        session.execute(
            update(Membership).where(Membership.contact_id.in_(people[4:])).values(list_id=their_list)
        )
    return world


def launch(world: World, **changes: object) -> int:
    return world.launch(lists=[LIST, "Phụ nữ"], **{"goal": {"share": 0.5}, **changes})


def answer(world: World, campaign_id: int, *labels: Label, at: datetime | None = None) -> None:
    """The first recipients say these, one each."""
    with world.runtime.db.write() as session:
        recipients = session.scalars(
            select(Recipient).where(Recipient.campaign_id == campaign_id).order_by(Recipient.id)
        ).all()
        for recipient, label in zip(recipients, labels, strict=False):
            assert recipient.phone_id
            take_answer(
                session,
                phone_id=recipient.phone_id,
                recipient=recipient,
                label=label,
                source=Source.PAGE,
                keys=world.keys,
                now=at or datetime.now(UTC),
            )


def figures(world: World, campaign_id: int, email: str = APPROVER) -> Figures:
    with world.runtime.db.read() as session:
        user = find_user(session, email)
        read = read_figures(session, campaign_id, user=user, now=datetime.now(UTC))
        total = read_total(session, campaign_id, user=user)
    assert (total.share, total.total) == (read.share, read.total)  # the quick way says the same
    return read


def test_installs_stand_against_those_who_could_install(places: World) -> None:
    campaign_id = launch(places)
    answer(places, campaign_id, Label.INSTALLED, Label.INSTALLED, Label.NO_SMARTPHONE)
    read = figures(places, campaign_id)
    assert (read.share.installed, read.share.denominator, read.share.basis) == (2, 7, "recipients")
    districts = {line.code: line.tally for line in read.districts}
    assert (districts["608"].installed, districts["608"].share.denominator) == (2, 3)
    assert districts["615"].share.value == 0
    assert districts["618"].share.value is None  # nobody was written to: not known, never nought
    assert [line.name for line in read.organisations] == ["Ủy ban MTTQ", "Hội Phụ nữ"]
    assert [line.code for line in read.communes["608"]] == ["23281"]


def test_an_entered_figure_is_the_basis_for_those_who_see_the_whole(
    places: World, client: FlaskClient
) -> None:
    goal = {"share": 0.5, "denominator": 40, "date": "2020-08-01", "source": "Sở TT&TT"}
    campaign_id = launch(places, goal=goal)
    answer(places, campaign_id, Label.INSTALLED)
    assert figures(places, campaign_id).share.value == 1 / 40
    part = figures(places, campaign_id, NEIGHBOUR)
    assert (part.share.basis, part.total.recipients, part.is_whole) == ("recipients", 4, False)
    signed_in(client, LEADER)
    page = client.get("/admin/progress/").text
    assert "2,5%" in page
    assert "Sở TT&amp;TT" in page
    assert "1/8/2020" in page


def test_days_add_up_and_a_withdrawn_report_leaves_its_day(places: World) -> None:
    campaign_id = launch(places)
    noon = datetime.now(VIETNAM).replace(hour=12)
    answer(places, campaign_id, Label.INSTALLED, Label.INSTALLED, at=noon - timedelta(days=2))
    with places.runtime.db.write() as session:
        first = session.scalars(select(Recipient).order_by(Recipient.id)).first()
        assert first
        undo_answer(session, first, now=noon - timedelta(days=1))
    days = figures(places, campaign_id).days
    assert [count for _, count in days] == [2, 1, 1]
    assert days[-1][0] == datetime.now(VIETNAM).date()


def test_reach_counts_each_person_once_and_does_not_invent_deliveries(
    places: World, client: FlaskClient
) -> None:
    campaign_id = launch(places)
    places.send()
    read = figures(places, campaign_id).reach
    assert read
    assert (read.total.written, read.total.arrived) == (8, 0)
    signed_in(client, LEADER)
    assert "Chưa có báo cáo đến máy nào" in client.get("/admin/progress/").text


def test_a_large_campaign_s_reach_is_as_of_the_moment_at_which_a_worker_counted_it(
    places: World, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "is_small", lambda _campaign: False)
    campaign_id = launch(places)
    signed_in(client, LEADER)
    assert "đang đếm lần đầu" in client.get("/admin/progress/").text
    assert places.runtime.redis.exists("loa:rung:count_reach-1")  # who looks has it counted
    keep_reach(places.runtime.db, campaign_id, now=datetime.now(UTC))
    assert "số đếm lúc" in client.get("/admin/progress/").text
    with places.runtime.db.write() as session:
        session.execute(update(Message).values(state=MessageState.DELIVERED))
    for email, arrived in ((APPROVER, 0), (NEIGHBOUR, 0)):
        read = figures(places, campaign_id, email).reach
        assert read
        assert read.total.arrived == arrived
    keep_reach(places.runtime.db, campaign_id, now=datetime.now(UTC))
    for email, arrived in ((APPROVER, 8), (NEIGHBOUR, 4)):
        read = figures(places, campaign_id, email).reach
        assert read
        assert read.total.arrived == arrived


def test_the_share_of_those_written_to_has_a_denominator_and_installs_of_its_own(
    places: World, client: FlaskClient
) -> None:
    campaign_id = launch(places)
    answer(places, campaign_id, Label.INSTALLED, Label.INSTALLED, Label.NO_SMARTPHONE, Label.INSTALLED)
    with places.runtime.db.write() as session:
        recipients = session.scalars(select(Recipient.id).order_by(Recipient.id)).all()
        # The first three were written to; the fourth told an officer at the door.
        session.execute(
            update(Message).where(Message.recipient_id.in_(recipients[:3])).values(state=MessageState.SENT)
        )
    read = figures(places, campaign_id)
    assert (read.share.installed, read.share.denominator) == (3, 7)
    assert read.reach
    assert (read.reach.total.share.installed, read.reach.total.share.denominator) == (2, 2)
    signed_in(client, LEADER)
    page = client.get(f"/admin/progress/?campaign={campaign_id}").text
    assert "So với toàn danh sách nhận tin" in page
    assert "Riêng những người đã được gửi tin" in page
    assert "Mới gửi tới 3 trong 8 người nhận." in page


def test_a_leader_reads_figures_and_no_person(places: World, client: FlaskClient) -> None:
    campaign_id = launch(places)
    answer(places, campaign_id, Label.INSTALLED)
    signed_in(client, LEADER)
    page = client.get(f"/admin/progress/?campaign={campaign_id}&district=608").text
    assert "<svg" in page
    assert "Huyện Ia H&#39;Drai" in page
    assert "chưa có số liệu" in page
    assert "A Thun" not in page
    assert client.get("/admin/inbox/").status_code == 403


def test_what_is_beyond_ones_scope_is_not_there(places: World, client: FlaskClient) -> None:
    own = places.launch(lists=[LIST])
    both = launch(places)
    signed_in(client, NEIGHBOUR)
    assert client.get(f"/admin/progress/?campaign={own}").status_code == 404
    page = client.get(f"/admin/progress/?campaign={both}").text
    assert "Hội Phụ nữ" in page
    assert "Huyện Kon Tum" not in page
    assert "Ủy ban MTTQ</th>" not in page


def test_before_the_first_campaign_the_page_says_what_will_come(world: World, client: FlaskClient) -> None:
    signed_in(client, AUTHOR)
    assert "Chưa có chiến dịch nào được gửi" in client.get("/admin/progress/").text


def test_the_page_says_what_is_needed_a_day_and_when_the_goal_will_be_reached(
    places: World, client: FlaskClient
) -> None:
    today = datetime.now(VIETNAM).replace(hour=0, minute=0, second=0, microsecond=0)
    campaign_id = launch(places, deadline=(today + timedelta(days=1, hours=23)).isoformat())
    signed_in(client, LEADER)
    page = client.get("/admin/progress/").text
    assert "Cần thêm 2 máy mỗi ngày" in page  # four of eight, today and tomorrow
    assert "Chưa đủ ngày để dự báo." in page
    with places.runtime.db.write() as session:
        session.get_one(Campaign, campaign_id).launched_at = today - timedelta(days=8)
    for n in (6, 3):
        answer(places, campaign_id, *[Label.INSTALLED] * (3 - n // 3), at=today - timedelta(days=n))
    page = client.get("/admin/progress/").text
    assert "Cần thêm 1 máy mỗi ngày" in page
    assert "7 ngày gần nhất" in page
    assert "cũng có thể hơn một năm nữa" in page  # two installs say little
    answer(places, campaign_id, *[Label.INSTALLED] * 4)
    assert "mỗi ngày" not in client.get("/admin/progress/").text  # it is reached
