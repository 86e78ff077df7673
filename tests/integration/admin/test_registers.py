"""Registers: search, filters, order, pages and files, within the scope of who looks."""

import csv
import re
from io import StringIO

import pytest
from sqlalchemy import update

from admin.views.users import UsersView
from outreach.imports.do_not_call import too_few_left
from outreach.models.accounts import OrganisationKind, Role, User
from outreach.models.contacts import DoNotCallFile
from tests.support.admin_client import shows, signed_in
from tests.support.world import APPROVER, AUTHOR

ADMINISTRATOR, AUDITOR = "quantri@loa.example", "kiemtra@loa.example"


@pytest.fixture(autouse=True)
def people(world):
    province = world.organisation("TINH", "Mặt trận tỉnh", kind=OrganisationKind.FRONT, below=None)
    world.organisation("XA", "Xã An", kind=OrganisationKind.AGENCY, below="TINH")
    below = world.organisation(below="TINH")
    world.officer(ADMINISTRATOR, Role.ADMINISTRATOR, province)
    world.officer(AUDITOR, Role.AUDITOR, below)
    world.officer("pn@loa.example", Role.STAFF, below)
    world.execute(update(User).where(User.email == "pn@loa.example").values(name="=Y Hlan_100%"))


def rows(client, url):
    """The rows of a register's table by their links: users by their addresses."""
    page = client.get(url)
    assert page.status_code == 200
    named = re.findall(r'<th scope="row"><a href="[^"]+">([^<]+)</a>', page.text)
    return re.findall(r'data-label="Địa chỉ thư">([^<]+)', page.text) or named


def test_users_are_searched_in_name_address_and_organisation(client):
    signed_in(client, ADMINISTRATOR)
    assert rows(client, "/admin/users/?search=phụ+nữ") == [AUDITOR, "pn@loa.example"]
    assert rows(client, "/admin/users/?search=phụ+hlan") == ["pn@loa.example"]
    assert rows(client, "/admin/users/?search=100%25") == ["pn@loa.example"]  # no wildcards
    assert rows(client, "/admin/users/?search=\\") == []
    assert client.get("/admin/incidents/?search=x").status_code == 200  # nothing is searched there
    for early in (
        "audit/?day=0001-01-01",
        "calendar/?month=0001-01",
    ):  # midnight here is before all days in UTC
        assert client.get(f"/admin/{early}").status_code == 200


def test_users_are_filtered_by_role_and_state_and_sorted(client):
    signed_in(client, ADMINISTRATOR)
    assert rows(client, "/admin/users/?flt0_0=auditor&flt1_1=") == [AUDITOR]
    assert rows(client, "/admin/users/?flt1_1=disabled") == []
    assert AUTHOR in rows(client, "/admin/users/?flt1_1=active")
    assert "tình trạng" in client.get("/admin/users/?flt1_1=nonsense").text.lower()
    everybody = rows(client, "/admin/users/?sort=1")
    assert rows(client, "/admin/users/?sort=1&desc=1") == everybody[::-1]
    assert rows(client, "/admin/users/?sort=2") == rows(client, "/admin/users/?sort=99")  # no such order


def test_a_long_register_has_pages_that_keep_what_was_asked(client, monkeypatch):
    monkeypatch.setattr(UsersView, "page_size", 2)
    signed_in(client, ADMINISTRATOR)
    first = client.get("/admin/users/?search=loa.example&sort=1")
    assert "trang 1 trên" in first.text
    following = re.search(r'rel="next" href="([^"]+)"', first.text)
    seen = rows(client, "/admin/users/?search=loa.example&sort=1") + rows(
        client, following[1].replace("&amp;", "&")
    )
    assert seen == sorted(seen)
    assert len(set(seen)) == 4
    assert rows(client, "/admin/users/?page=-3")  # the first page


def test_what_all_rows_say_of_their_organisation_is_said_once(client):
    signed_in(client, AUDITOR)
    shows(client.get("/admin/users/"), "2 dòng · Tổ chức: Hội Phụ nữ</caption>", but='data-label="Tổ chức"')


def test_an_address_gets_nothing_of_its_own_into_the_links(client):
    signed_in(client, ADMINISTRATOR)
    page = client.get("/admin/users/?_scheme=javascript&_external=1&endpoint=x&search=phụ")
    assert page.status_code == 200
    assert "javascript:" not in page.text
    assert "export.csv?search=ph" in page.text


def test_a_file_has_the_rows_that_were_asked_for_and_no_formulas(client):
    signed_in(client, ADMINISTRATOR)
    response = client.get("/admin/users/export.csv?search=phụ+nữ")
    assert response.mimetype == "text/csv"
    assert response.data.startswith(b"\xef\xbb\xbf")  # else a spreadsheet takes it for another encoding
    lines = list(csv.reader(StringIO(response.data.decode("utf-8-sig"))))
    assert lines[0][:3] == ["Họ tên", "Địa chỉ thư", "Vai trò"]
    assert [line[:4] for line in lines[1:]] == [
        ["", AUDITOR, "Kiểm tra", "Hội Phụ nữ"],
        ["'=Y Hlan_100%", "pn@loa.example", "Cán bộ", "Hội Phụ nữ"],
    ]
    shows(response.text, but=("password", "$argon2"))


def test_lists_and_files_are_within_ones_scope(client):
    signed_in(client, AUDITOR)
    assert rows(client, "/admin/users/") == [AUDITOR, "pn@loa.example"]
    assert rows(client, "/admin/organisations/") == ["Hội Phụ nữ"]
    assert APPROVER not in client.get("/admin/users/export.csv").text
    assert "TINH" not in client.get("/admin/organisations/export.csv").text


def test_organisations_come_after_the_one_above_them(client):
    signed_in(client, ADMINISTRATOR)
    every = rows(client, "/admin/organisations/")
    at = every.index("Mặt trận tỉnh")
    assert every[at : at + 3] == ["Mặt trận tỉnh", "Hội Phụ nữ", "Xã An"]
    assert rows(client, "/admin/organisations/?flt0_0=agency") == ["Xã An"]
    assert rows(client, "/admin/organisations/?search=xã") == ["Xã An"]


def test_the_do_not_call_page_says_what_is_in_force_though_the_newest_file_failed(client, world):
    signed_in(client, ADMINISTRATOR)
    page = client.get("/admin/do-not-call/").text
    assert "Chưa có danh sách nào" in page
    assert '<details class="card" open>' in page  # the form, as there is nothing else
    counts = {"numbers": 119_204, "people": 17, "added": 119_204, "removed": 0, "unread": 0, "other": 0}
    world.add(DoNotCallFile(file_name="cũ.xlsx", state="done", counts=counts, handed_in_at=world.now))
    error = too_few_left(9, 119_204).as_json()
    world.add(DoNotCallFile(file_name="mới.csv", state="failed", error=error, handed_in_at=world.now))
    page = client.get("/admin/do-not-call/").text
    assert "<dd>119.204</dd>" in page
    assert "Theo tệp “cũ.xlsx”" in page
    assert "Tệp “mới.csv” không nhập được." in page
    assert '<details class="card" open>' not in page
