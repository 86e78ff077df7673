"""Every screen at a desk's width and a phone's, in Vietnamese: nothing cut, nothing foreign, nothing out of reach."""

import pytest
from playwright.sync_api import expect

from admin.app import create_app
from tests.browser.fixtures import APPROVER, AUTHOR, LEADER
from tests.browser.page_checks import PHONE, find_faults, find_foreign_words
from tests.browser.screens import NO_SCREENS, SCREENS
from tests.support.tables import cases


def test_every_route_is_looked_at(office):
    app = create_app(office.runtime.settings, runtime=office.runtime)
    gets = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    routes = {endpoint for endpoint in gets if not endpoint.startswith("api.")}
    assert routes - {screen.endpoint for screen in SCREENS} - NO_SCREENS == set()


@pytest.mark.rest
@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.id)
def test_screen_is_whole_and_vietnamese(screen, office, look_as):
    visit = look_as(screen.email)
    page = visit.open(screen.path.format(**office.made), status=screen.status)
    faults = [*find_faults(page), *find_foreign_words(page)]
    visit.keep_look(f"{screen.id}-desk")
    page.set_viewport_size(PHONE)
    faults += find_faults(page)
    visit.keep_look(f"{screen.id}-phone")
    assert faults + visit.faults == []


@pytest.mark.rest
@cases(
    ("/admin/", AUTHOR),
    ("/admin/", APPROVER),
    ("/admin/campaigns/{draft}/", AUTHOR),
    ("/admin/campaigns/{approved}/", AUTHOR),
    ("/admin/campaigns/{demo}/", AUTHOR),
    ("/admin/progress/", LEADER),
    ("/admin/report/?day={yesterday}", AUTHOR),
    ("/admin/inbox/", AUTHOR),
)
def test_a_screen_is_as_readable_in_the_dark(office, look_as, path, email):
    visit = look_as(email)
    visit.page.emulate_media(color_scheme="dark")
    faults = find_faults(visit.open(path.format(**office.made)))
    visit.page.emulate_media(color_scheme="light")
    assert faults + visit.faults == []


def test_a_reports_tables_are_as_readable_in_the_dark(office, look_as):
    visit = look_as(AUTHOR)
    visit.page.emulate_media(color_scheme="dark")
    page = visit.open(f"/admin/report/preview?day={office.made['yesterday']}&n=1")
    page.evaluate("() => document.querySelectorAll('.paper details').forEach((one) => { one.open = true; })")
    colours = page.locator(".paper td").first.evaluate(
        "(one) => [getComputedStyle(one).color, getComputedStyle(one.closest('table')).backgroundColor]"
    )
    faults = find_faults(page)
    visit.page.emulate_media(color_scheme="light")
    assert (colours, faults) == (["rgb(23, 37, 42)", "rgb(255, 255, 255)"], [])


def test_the_cost_of_a_draft_is_in_the_first_screenful(office, page_as):
    visit = page_as(AUTHOR, size={"width": 1366, "height": 768})
    page = visit.open(f"/admin/campaigns/{office.made['draft']}/")
    cost = page.locator("[data-part=said-preview]")
    expect(cost).to_be_in_viewport(ratio=1)
    expect(cost).to_contain_text("đồng")


def test_nothing_moves_when_the_emblem_comes_late(page_as):
    page = page_as(AUTHOR, size=PHONE).open("/admin/")
    emblem = page.locator(".top .brand img")
    width = emblem.bounding_box()["width"]
    emblem.evaluate("(image) => image.removeAttribute('src')")
    assert emblem.bounding_box()["width"] == width


def test_a_changed_filter_applies_at_once_and_keeps_the_focus(office, look_as):
    page = look_as(AUTHOR).open("/admin/campaigns/")
    assert not page.get_by_role("button", name="Lọc", exact=True).is_visible()
    page.get_by_label("Trạng thái").select_option("draft")
    page.wait_for_url("**/admin/campaigns/?state=draft")
    assert page.evaluate("document.activeElement.id") == "state"
    page.get_by_text("Lưu bộ lọc", exact=True).click()
    page.get_by_label("Lưu bộ lọc này với tên").fill("Bản nháp")
    page.get_by_role("button", name="Lưu", exact=True).click()
    page.get_by_role("link", name="Bản nháp", exact=True).first.wait_for()
    page.goto(page.url.split("?")[0])
    page.get_by_role("link", name="Bản nháp", exact=True).first.click()
    page.wait_for_url("**/admin/campaigns/?state=draft")
