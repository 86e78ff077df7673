"""Visits on an officer's phone with the network off: nothing lost, nothing doubled, conflicts told, nothing left to read."""

import shutil
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from playwright.sync_api import expect
from sqlalchemy import func, select

from campaigns.models.activities import VisitResult
from campaigns.rules.visits import VisitOutcome
from campaigns.visits.results import SentResult, receive_results
from outreach.accounts.users import find_user
from outreach.accounts.village_officers import shut_out
from tests.browser.chromium import find_chromium
from tests.browser.conftest import FLAGS
from tests.browser.page_checks import find_faults, find_foreign_words
from tests.browser.visit_phone import (
    AUTHOR,
    OWN_CODE,
    add_village_officer,
    has_text,
    invitation,
    join,
    new_visit,
    open_first_house,
    phone_browser,
    read_people,
    results_sent,
    touch,
    unlock,
)
from tests.drills.visit_phones import add_sheets


def test_days_without_a_network_lose_nothing_and_a_copied_folder_shows_nothing(office, browser, tmp_path):
    runtime, sheet, program = office.runtime, office.made["round"], find_chromium()
    assert program
    officer = add_village_officer(runtime, "A Lăng", "+84905000951", sheet)
    second = add_village_officer(runtime, "Y Hồng", "+84905000952", sheet)
    people = read_people(runtime, sheet)
    line_of = {name: line for line, name in people.items()}
    link, code = invitation(runtime, officer)
    profile = tmp_path / "profile"
    faults = []
    with phone_browser(browser, program, profile, FLAGS) as context:
        visit = new_visit(context, office.url)
        page = visit.page
        page.goto(link)
        page.get_by_label("Mã trong tin nhắn").wait_for()
        faults += [*find_faults(page), *find_foreign_words(page)]
        visit.keep_look("visits-join")
        join(page, link, code)
        faults += [*find_faults(page), *find_foreign_words(page)]
        visit.keep_look("visits-list")
        page.evaluate("navigator.serviceWorker.ready")
        context.set_offline(True)
        contested = open_first_house(page)
        faults += [*find_faults(page), *find_foreign_words(page)]
        touch(page, "Chưa cài")
        page.get_by_label("Ghi chú").first.fill("Đang đi rẫy, tối mới về")
        visit.keep_look("visits-house")
        page.get_by_role("button", name="Nhà tiếp theo").click()
        touch(page, "Muốn được gọi lại")
        expect(page.get_by_role("status")).to_contain_text("chưa gửi")
        # Meanwhile the other officer was there later.
        now = datetime.now(UTC)
        receive_results(
            runtime,
            [
                SentResult(
                    str(uuid4()), line_of[contested], VisitOutcome.REFUSE, "", now + timedelta(hours=1), now
                )
            ],
            sent_at=now + timedelta(hours=1),
            user=second,
            now=now + timedelta(hours=1),
        )
        page.close()
        visit = new_visit(context, office.url)
        page = visit.page
        page.clock.set_system_time(datetime.now(UTC) - timedelta(days=40))  # a phone whose clock is wrong
        page.goto(f"{office.url}/visits/")  # still without a network
        unlock(page, "11112222")
        expect(page.get_by_role("alert")).to_have_text("Mã mở phiếu không đúng.")
        faults += [*find_faults(page), *find_foreign_words(page)]
        unlock(page)
        open_first_house(page)
        touch(page, "Không gặp")
        page.get_by_role("button", name="Danh sách").click()
        expect(page.get_by_text("Không gặp, cần đến lại")).to_be_visible()
        unsent = page.get_by_role("status").inner_text()
        context.set_offline(False)
        expect(page.get_by_role("status")).to_contain_text("Đã gửi hết")
        page.get_by_role("button", name="Cập nhật").click()
        expect(page.get_by_text("Kết quả ấy được giữ")).to_be_visible()
        visit.keep_look("visits-told")
        faults += find_faults(page)
        faults += [fault for fault in visit.faults if "ERR_INTERNET_DISCONNECTED" not in fault]
    with runtime.db.read() as session:
        sent = session.scalars(select(VisitResult).where(VisitResult.entered_by == officer.id)).all()
        doubled = session.scalar(select(func.count(VisitResult.key) - func.count(VisitResult.key.distinct())))
    assert f"{len(sent)} kết quả chưa gửi" in unsent
    assert doubled == 0
    assert all(
        row.visited_at and abs(row.visited_at - datetime.now(UTC)) < timedelta(hours=1) for row in sent
    )
    assert {"call", "absent", "not_yet"} == {str(row.outcome) for row in sent}
    assert "Đang đi rẫy, tối mới về" in {row.note for row in sent}

    copy = tmp_path / "copy"
    shutil.copytree(profile, copy)
    assert has_text(copy, "loa-visits")  # the store is in the folder
    assert has_text(copy, contested, "Đang đi rẫy", OWN_CODE, code, "A Lăng") == []
    with runtime.db.read() as session:
        author = find_user(session, AUTHOR)
    shut_out(runtime, officer.id, user=author, now=datetime.now(UTC))
    with phone_browser(browser, program, copy, FLAGS) as context:
        page = new_visit(context, office.url).page
        page.goto(f"{office.url}/visits/")
        unlock(page)  # even with the right code: the phone was signed out
        expect(page.get_by_role("heading", name="Máy này đã khóa")).to_be_visible()
        assert page.evaluate("indexedDB.databases().then((all) => all.length)") == 0
    assert faults == []


def test_a_slip_asks_first_a_second_touch_is_no_result_and_the_old_link_and_back_lead_to_the_list(
    office, browser, tmp_path
):
    runtime, program = office.runtime, find_chromium()
    assert program
    officer = add_village_officer(runtime, "A Bình", "+84905000953", *add_sheets(runtime, houses=2))
    link, code = invitation(runtime, officer)
    with phone_browser(browser, program, tmp_path / "profile", FLAGS) as context:
        page = context.new_page()
        join(page, link, code)
        name = open_first_house(page)
        person = page.locator(".person").first
        answer, opt_out = (
            person.get_by_role("button", name=label) for label in ("Chưa cài", "Không nhận tin nữa")
        )
        expect(person.get_by_label("Ghi chú")).to_be_disabled()
        expect(person.get_by_text("Chọn kết quả trước rồi ghi chú.")).to_be_visible()
        asked = []
        page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
        opt_out.click()
        assert asked == ["Ghi là không nhận tin nữa? Ghi nhầm thì phải nhờ cán bộ xã sửa."]
        expect(opt_out).to_have_attribute("aria-pressed", "false")
        with results_sent(page):
            answer.dblclick()
        expect(answer).to_have_attribute("aria-pressed", "true")
        answer.click()
        with results_sent(page):
            person.get_by_label("Ghi chú").fill("Tối mới về")
            person.get_by_label("Ghi chú").blur()
        expect(person.get_by_text("Đã lưu.")).to_be_visible()
        expect(page.get_by_role("status")).to_contain_text("Đã gửi hết")  # and dropped from the phone
        page.go_back()
        expect(page.get_by_text("Hôm nay đã ghi 1 người.")).to_be_visible()
        page.goto("about:blank")
        page.goto(link)
        unlock(page)
        page.get_by_role("button", name=f"Vừa ghi: {name} – Chưa cài · Sửa").click()
        expect(person.get_by_text("Ghi chú trước đã gửi.")).to_be_visible()
        with results_sent(page):
            person.get_by_role("button", name="Cần giúp").click()
    with runtime.db.read() as session:
        query = select(VisitResult.outcome, VisitResult.note).where(VisitResult.entered_by == officer.id)
        stored = [(str(outcome), note) for outcome, note in session.execute(query.order_by(VisitResult.id))]
    assert stored == [("not_yet", ""), ("not_yet", "Tối mới về"), ("need_help", "Tối mới về")]
