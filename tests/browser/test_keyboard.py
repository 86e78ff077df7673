"""Without a mouse: the way past the menu, the menu on a phone, and the question before something dangerous."""

import re

from playwright.sync_api import expect

from tests.browser.fixtures import APPROVER, AUTHOR, LEADER
from tests.browser.page_checks import DESK, PHONE, ask_axe, open_card


def test_the_first_tab_leads_past_the_menu(page_as):
    page = page_as(LEADER).open("/admin/")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Đến nội dung chính")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()


def test_menu_of_a_phone_opens_and_leads_on(page_as):
    page = page_as(LEADER, size=PHONE).open("/admin/")
    button = page.get_by_role("button", name="Trình đơn")
    link = page.get_by_role("link", name="Tiến độ", exact=True)
    expect(button).to_have_attribute("aria-expanded", "false")
    expect(link).to_be_hidden()
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(link).to_be_visible()
    assert ask_axe(page) == []
    page.keyboard.press("Escape")
    expect(link).to_be_hidden()
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    link.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Tiến độ")


def test_dangerous_press_asks_and_escape_does_nothing(office, page_as):
    page = page_as(AUTHOR).open(f"/admin/campaigns/{office.made['draft']}/")
    open_card(page, "check")
    discard = page.get_by_role("button", name="Bỏ chiến dịch")
    discard.focus()
    page.keyboard.press("Enter")
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("Bỏ chiến dịch này?")
    assert page.evaluate("document.activeElement.closest('dialog') !== null")
    assert ask_axe(page) == []
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    expect(discard).to_be_focused()
    page.reload()
    expect(page.locator("[data-campaign-state]").first).to_have_text("Bản nháp")


def test_a_press_before_the_script_has_come_asks_all_the_same(office, page_as):
    """An approval went through unasked while the page was still loading."""
    visit, held = page_as(APPROVER), []
    visit.page.route("**/static/admin.js*", lambda route: held.append(route))
    visit.page.goto(f"{visit.address}/admin/campaigns/{office.made['submitted']}/", wait_until="commit")
    visit.page.locator("#press-due button").click(no_wait_after=True)
    held[0].continue_()
    expect(visit.page.get_by_role("dialog")).to_contain_text("Đồng ý gửi tin này")


def test_on_a_phone_the_due_action_stays_in_the_bar_below(office, page_as):
    page = page_as(APPROVER, size=PHONE).open(f"/admin/campaigns/{office.made['submitted']}/")
    due = page.locator(".due button")
    expect(due).to_have_text("Duyệt")
    for _place in ("top", "bottom"):
        expect(due).to_be_in_viewport(ratio=1)
        page.keyboard.press("End")
    due.click()
    expect(page.get_by_role("dialog")).to_contain_text("Đồng ý gửi tin này")
    page.keyboard.press("Escape")
    expect(page.locator("[data-campaign-state]").first).to_have_text("Chờ duyệt")


def test_a_question_is_never_answered_by_the_press_that_asks_it(office, page_as):
    page = page_as(APPROVER, size=PHONE).open(f"/admin/campaigns/{office.made['submitted']}/")
    box = page.locator(".due button").bounding_box()
    page.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    question = page.get_by_role("dialog")
    yes = question.get_by_role("button", name="Duyệt")
    asked = yes.bounding_box()
    assert asked["y"] + asked["height"] < box["y"], "not under the finger"
    expect(yes).to_be_disabled()
    yes.click(force=True)
    expect(question).to_be_visible()
    expect(yes).to_be_enabled()
    expect(yes).to_be_focused()
    assert question.evaluate("each => each.scrollTop") == 0, "its first line is seen"
    assert ask_axe(page) == []
    page.keyboard.press("Escape")
    page.reload()
    expect(page.locator("[data-campaign-state]").first).to_have_text("Chờ duyệt")


def test_a_gap_in_the_message_has_fields_of_its_type(office, page_as):
    page = page_as(AUTHOR).open("/admin/campaigns/new")
    page.get_by_label("Loại chiến dịch").select_option("moi-du")
    gap = page.get_by_role("group", name="giờ, ngày")
    expect(page.locator("[data-gap]")).to_have_count(3)
    open_card(page, "words")
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.scrollingElement.scrollWidth") == PHONE["width"]
    page.set_viewport_size(DESK)
    text = page.get_by_label("Tin nhắn", exact=True)
    gap.get_by_label("Giờ").fill("14:30")
    gap.get_by_label("Ngày").fill("2026-12-05")
    page.keyboard.press("Tab")
    expect(text).to_have_value(re.compile("lúc 14 giờ 30 ngày 05/12/2026 tại"))
    expect(gap).to_have_count(0)
    expect(page.locator("[data-part=gaps-text] .field-error")).not_to_contain_text("[giờ, ngày]")
    assert ask_axe(page) == []


def test_further_choices_and_a_part_of_the_audiences_sentence_open_by_keyboard(office, page_as):
    page = page_as(AUTHOR).open(f"/admin/campaigns/{office.made['draft']}/")
    open_card(page, "whom")
    sentence = page.locator("#whom [data-part=sentence]")
    page.wait_for_load_state("load")
    more, field = page.locator("#more-whom"), page.locator("#except")
    expect(field).to_be_hidden()
    for summary in (more.locator("> summary"), field.locator("> summary")):
        summary.focus()
        page.keyboard.press("Enter")
    box = field.get_by_role("checkbox").first
    box.focus()
    with page.expect_response(lambda answer: "?quick" in answer.url):  # the preview is pale until it has come
        page.keyboard.press("Space")
    part = sentence.get_by_role("link", name="Hội viên cựu chiến binh")
    expect(part).to_be_visible()
    expect(more.locator("> summary")).to_contain_text("đã đặt: trừ người trong danh sách")
    expect(page.locator("#preview")).to_have_attribute("aria-busy", "false")
    assert ask_axe(page) == []
    for closed in (field, more):
        closed.locator("> summary").focus()
        page.keyboard.press("Enter")
    part.focus()
    page.keyboard.press("Enter")
    expect(box).to_be_focused()
    page.keyboard.press("Space")
    expect(more.locator("> summary")).to_contain_text("địa bàn, loại trừ")


def test_without_script_the_menu_is_open(page_as):
    page = page_as(LEADER, size=PHONE, script=False).open("/admin/")
    expect(page.get_by_role("link", name="Tiến độ", exact=True)).to_be_visible()


def test_a_key_gives_the_label_and_nought_takes_it_back(office, page_as):
    page = page_as(AUTHOR).open(f"/admin/inbox/{office.made['doubt']}/?kind=unclear")
    case, who = page.locator(f"#case-{office.made['doubt']}"), page.locator("#who")
    expect(case).to_have_attribute("aria-current", "true")
    name = who.inner_text()
    page.wait_for_load_state("load")  # the keys are heard once the script is there
    page.keyboard.press("c")
    expect(page.get_by_role("status").filter(has_text="Đã phân loại: Chưa cài.")).to_be_visible()
    expect(case).to_have_count(0)
    expect(who).not_to_have_text(name)  # the next one
    page.wait_for_load_state("load")
    page.keyboard.press("0")
    expect(case).to_have_attribute("aria-current", "true")
    assert ask_axe(page) == []


def test_a_second_press_settles_nothing_of_the_case_that_opens_under_it(office, page_as):
    page = page_as(AUTHOR).open(f"/admin/inbox/{office.made['doubt']}/?kind=unclear")
    page.wait_for_load_state("load")
    page.keyboard.press("c")
    expect(page.get_by_role("status").filter(has_text="Đã phân loại: Chưa cài.")).to_be_visible()
    page.wait_for_load_state("load")
    second = page.url
    page.evaluate("() => { performance.now = () => 0; }")  # still within 0.6 s
    page.locator(".case .labels button").first.click()
    page.keyboard.press("c")
    assert page.url == second
    page.evaluate("() => { delete performance.now; }")
    page.keyboard.press("0")  # the way back is open at once
    expect(page.locator(f"#case-{office.made['doubt']}")).to_have_attribute("aria-current", "true")


def test_an_answer_is_chosen_and_sent_by_keys_and_the_next_case_opens(office, page_as):
    page = page_as(AUTHOR).open(f"/admin/inbox/{office.made['alike']}/?kind=question&order=newest")
    case, text = page.locator(f"#case-{office.made['alike']}"), page.get_by_label("Nội dung tin")
    page.wait_for_load_state("load")
    page.keyboard.press("q")
    expect(text).to_have_value(re.compile("Bluezone"))
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("status").filter(has_text="Đã ghi: Đã trả lời bằng tin nhắn.")).to_be_visible()
    expect(case).to_have_count(0)
    expect(page.locator("[aria-current=true]")).to_have_count(1)  # the next one
    page.wait_for_load_state("load")
    page.keyboard.press("0")
    expect(case).to_have_attribute("aria-current", "true")


def test_a_key_typed_into_a_field_presses_nothing(office, page_as):
    page = page_as(AUTHOR).open(f"/admin/inbox/{office.made['doubt']}/?kind=unclear")
    page.get_by_text("Ghi kết quả").click()
    page.get_by_label("Ghi chú").fill("gọi sau ")
    page.keyboard.press("c")
    expect(page.get_by_label("Ghi chú")).to_have_value("gọi sau c")
    expect(page.locator(f"#case-{office.made['doubt']}")).to_have_attribute("aria-current", "true")


def test_the_list_stands_beside_the_conversation_and_a_phone_shows_one_of_them(office, page_as):
    page = page_as(AUTHOR).open("/admin/inbox/")
    first = page.locator(".line").first
    expect(page.locator("#who")).to_be_visible()
    page.set_viewport_size(PHONE)
    expect(page.locator("#who")).to_be_hidden()
    expect(first).to_be_in_viewport()
    first.click()
    expect(page.locator("#who")).to_be_in_viewport()
    expect(page.locator(".line").first).to_be_hidden()


def test_what_has_the_focus_is_never_hidden_under_the_bar_at_the_bottom(page_as):
    """WCAG 2.2, 2.4.11: Tab through the longest form on a phone, and each stop can be seen."""
    page = page_as(AUTHOR, size=PHONE).open("/admin/campaigns/new")
    page.wait_for_load_state("load")
    hidden = page.evaluate(
        """() => {
            const bar = document.querySelector(".beside"), hidden = [];
            for (const card of document.querySelectorAll("details.step")) { card.removeAttribute("name"); card.open = true; }
            for (const more of document.querySelectorAll("details.more")) more.open = true;
            const stops = [...document.querySelectorAll(".steps :is(input:not([type=hidden]), select, textarea, summary, button)")];
            for (const one of stops.filter((one) => one.checkVisibility() && one.tabIndex >= 0)) {
                one.focus();
                const place = one.getBoundingClientRect(), under = bar.getBoundingClientRect();
                if (place.top >= under.top - 1 || place.bottom <= 0) hidden.push(one.name || one.textContent);
            }
            return hidden;
        }"""
    )
    assert hidden == []


def test_search_everywhere_by_keyboard_alone(office, page_as):
    page = page_as(AUTHOR).open("/admin/lists/")
    page.keyboard.press("Control+k")
    dialog = page.get_by_role("dialog", name="Tìm kiếm")
    expect(dialog.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("nhap tep")
    expect(dialog.get_by_role("link", name="Nhập tệp danh sách")).to_be_visible()
    assert ask_axe(page) == []
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Nhập tệp danh sách")


def test_search_everywhere_closes_by_one_escape_and_gives_the_focus_back(page_as):
    page = page_as(AUTHOR).open("/admin/campaigns/")
    state = page.get_by_label("Trạng thái")
    state.focus()
    page.keyboard.press("Control+k")
    text = page.locator("#search-text")
    expect(text).to_be_focused()
    page.keyboard.type("bluezone")
    page.keyboard.press("Escape")
    expect(page.locator("#search-everywhere")).to_be_hidden()
    expect(state).to_be_focused()
