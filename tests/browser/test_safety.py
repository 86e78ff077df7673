"""A resident says that they are safe or need help and where; officers see it, also after the network was away."""

from sqlalchemy import select, update

from campaigns.models.campaigns import Recipient
from campaigns.models.replies import Case, SafetyReport
from tests.browser.fixtures import AUTHOR
from tests.browser.page_checks import SMALL_PHONE, find_faults, find_foreign_words

HERE, PARIS = {"latitude": 14.36, "longitude": 108.0}, {"latitude": 48.85, "longitude": 2.29}


def position_of(office):
    with office.runtime.db.read() as session:
        rows = session.scalars(
            select(Recipient.phone_id)
            .where(Recipient.campaign_id == office.made["event"])
            .order_by(Recipient.id)
        ).all()
        report = session.get(SafetyReport, (office.made["event"], rows[4]))
        return report.position if report else None


def test_a_position_is_given_refused_changed_and_forgotten_on_the_smallest_phone(office, page_as):
    visit = page_as(None, size=SMALL_PHONE)
    page = visit.open(f"/{office.made['warned']}")
    faults = [*find_faults(page), *find_foreign_words(page)]
    visit.keep_look("safety-fresh-phone")
    page.get_by_role("button", name="Tôi cần giúp").click()
    locate = page.get_by_role("button", name="Gửi vị trí của tôi")
    locate.wait_for()
    faults += [*find_faults(page), *find_foreign_words(page)]
    visit.keep_look("safety-help-phone")
    locate.click()  # the browser refuses
    page.get_by_text("Điện thoại không cho biết vị trí").wait_for()
    assert position_of(office) is None
    page.context.grant_permissions(["geolocation"])
    page.context.set_geolocation(PARIS)
    locate.click()
    page.get_by_text("Đã nhận.").wait_for()
    assert position_of(office) is None  # that is no place in Vietnam
    page.context.set_geolocation(HERE)
    page.get_by_label("Bao nhiêu người?").fill("4")
    page.get_by_label("Thuyền, xuồng").check()
    page.get_by_role("button", name="Gửi vị trí của tôi").click()
    page.get_by_label("Xóa vị trí đã gửi").wait_for()
    assert position_of(office) == (14.36, 108.0)
    assert page.get_by_label("Bao nhiêu người?").input_value() == "4"
    assert "14.36" not in page.url
    page.context.set_geolocation({**HERE, "latitude": 14.37})
    page.get_by_role("button", name="Gửi vị trí của tôi").click()
    page.wait_for_function("document.body.textContent.includes('Đã nhận')")
    page.wait_for_load_state()
    assert position_of(office) == (14.37, 108.0)
    page.get_by_label("Xóa vị trí đã gửi").check()
    page.get_by_role("button", name="Gửi cho cán bộ").click()
    page.get_by_label("Xóa vị trí đã gửi").wait_for(state="detached")
    assert position_of(office) is None
    faults += find_faults(page)
    assert faults == []


def test_without_script_one_says_where_in_words(office, page_as):
    page = page_as(None, size=SMALL_PHONE, script=False).open("/an-toan")
    assert not page.get_by_role("button", name="Gửi vị trí của tôi").is_visible()
    page.get_by_label("Số di động").fill("0905000961")
    page.get_by_label("Ở đâu?").fill("Thôn 2, cạnh cầu treo")
    page.get_by_role("button", name="Tôi cần giúp").click()
    page.get_by_text("Đã báo cho cán bộ trực").wait_for()


def test_the_office_keeps_the_last_state_while_the_network_is_away(office, page_as):
    visit = page_as(AUTHOR)
    page = visit.open("/admin/rescue/")
    lost = page.get_by_text("Mất kết nối.")
    cries = page.locator("li.cry")
    count = cries.count()
    assert count >= 3
    page.context.set_offline(True)
    lost.wait_for(timeout=15_000)
    assert cries.count() == count
    page.context.set_offline(False)
    lost.wait_for(state="hidden", timeout=20_000)
    # What is typed into a form is not taken away by what comes in.
    page.get_by_text("Giao cho đội").first.click()
    field = page.get_by_label("Số di động của đội").first
    field.fill("0905")
    page.wait_for_timeout(4000)
    assert field.input_value() == "0905"
    # Nor once it is left, though its case has changed; others are shown as they are.
    page.get_by_role("heading", name="Cần giúp").click()
    page.evaluate("document.activeElement.blur()")
    with office.runtime.db.write() as session:
        is_open = (Case.campaign_id == office.made["event"], Case.done_at.is_(None))
        session.execute(update(Case).where(*is_open).values(note="Đã gọi lại"))
    page.get_by_text("Đã gọi lại").first.wait_for()
    assert field.input_value() == "0905"
    assert field.is_visible()
    visit.faults.clear()  # the browser says that the network was away


def test_from_the_alarm_to_a_team_on_the_way_takes_four_touches(office, page_as):
    page = page_as(AUTHOR, size={"width": 360, "height": 740}).open("/admin/")
    page.get_by_role("link", name="Bão số 9, lũ về đêm").first.click()
    cry = page.locator("li.cry.new").first
    name = cry.get_attribute("id")
    cry.get_by_text("Giao cho đội").click()
    cry.get_by_label("Số di động của đội").fill("0905000962")
    cry.get_by_role("button", name="Giao, nhắn tin").click()
    page.get_by_text("Đã giao cho").wait_for()
    assert "on_the_way" in (page.locator(f"#{name}").get_attribute("class") or "")
