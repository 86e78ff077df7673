"""A list of 5,000 people in the worst shape goes through the office: read, understood, put right, stored, undone."""

import re

from playwright.sync_api import expect
from sqlalchemy import func, select

from outreach.models.contacts import ContactList, ListImport, Membership, Upload
from tests.browser.fixtures import AUTHOR
from tests.browser.page_checks import DESK, PHONE, find_faults, find_foreign_words
from tests.browser.worst_list import write_worst_list

PEOPLE = 5000
LIST = "Hội viên, tệp khó"
LONGEST = 2750  # pixels of the first rows on a phone


def test_five_thousand_rows_in_the_worst_shape(office, page_as, tmp_path):
    file = write_worst_list(tmp_path / "danh sách hội viên.xlsx", PEOPLE)
    visit = page_as(AUTHOR)
    page = visit.open("/admin/imports/")
    page.get_by_role("button", name="Tải lên và xem trước").click()
    said = page.locator("input[type=file]").evaluate("field => field.validationMessage")
    assert said == "Hãy chọn tệp."  # in the page's language, whatever the browser's
    page.locator("input[type=file]").set_input_files(file)
    page.locator("#list").select_option("")
    page.get_by_label("Tên danh sách", exact=True).fill(LIST)
    page.get_by_role("button", name="Tải lên và xem trước").click()
    page.get_by_role("heading", name=re.compile("^Tệp có ")).wait_for(timeout=60_000)
    page.reload()
    faults = [*find_faults(page), *find_foreign_words(page)]
    visit.keep_look("import-worst-preview-desk")
    for sheet in range(1, 5):
        expect(page.get_by_role("heading", name=f"Trang tính “Cụm {sheet}”")).to_be_visible()
    with office.runtime.db.read() as session:
        upload = session.scalars(select(Upload).order_by(Upload.id.desc()).limit(1)).one()
        assert (upload.total, upload.counts["rows"]) == (PEOPLE, PEOPLE)
        assert 0.5 < upload.counts["ok"] / PEOPLE < 0.7  # a daughter's number is for review
        names = [row["name"] for row in upload.preview["rows"]]
    assert any("Nguyễn Thị Hoa" in name for name in names)
    page.set_viewport_size(PHONE)
    faults += find_faults(page)
    visit.keep_look("import-worst-preview-phone")
    first = page.locator("details", has_text="dòng đầu, như sẽ được lưu")
    assert (first.bounding_box() or {})["height"] < LONGEST
    first.locator("summary").click()
    expect(first.locator("tbody tr:visible")).to_have_count(20)
    page.set_viewport_size(DESK)
    page.get_by_role("button", name=re.compile(r"^Nhập [\d.]+ người")).click()
    page.get_by_text("Đã nhập xong tệp này").wait_for(timeout=60_000)
    page.reload()
    faults += [*find_faults(page), *find_foreign_words(page)]
    visit.keep_look("import-worst-done-desk")
    page.set_viewport_size(PHONE)
    faults += find_faults(page)
    visit.keep_look("import-worst-done-phone")
    assert faults == []
    with office.runtime.db.read() as session:
        list_id = session.scalars(select(ContactList.id).where(ContactList.name == LIST)).one()
        counts = session.scalars(select(ListImport).where(ListImport.list_id == list_id)).one().counts
        members = session.scalar(select(func.count()).where(Membership.list_id == list_id))
        assert sum(counts.values()) == 2 * PEOPLE
        # Who has no usable number is reached at the door.
        assert members == counts["created"] + counts["rejected"]
