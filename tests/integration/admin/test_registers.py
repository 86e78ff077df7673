"""Registers: search, filters, order, pages and files, within the scope of who looks."""

from __future__ import annotations

import csv
import re
from io import StringIO

import pytest
from flask.testing import FlaskClient

from admin.views.users import UsersView
from outreach.accounts.organisations import create_organisation
from outreach.models.accounts import OrganisationKind, Role, User
from tests.support.admin_client import signed_in
from tests.support.world import APPROVER, AUTHOR, World

ADMINISTRATOR, AUDITOR = "quantri@loa.example", "kiemtra@loa.example"


@pytest.fixture(autouse=True)
def people(world: World) -> None:
    with world.runtime.db.write() as session:
        province = create_organisation(
            session, code="TINH", name="Mặt trận tỉnh", kind=OrganisationKind.FRONT
        )
        create_organisation(
            session, code="XA", name="Xã An", kind=OrganisationKind.AGENCY, parent_code="TINH"
        )
        below = create_organisation(
            session, code="PN", name="Hội Phụ nữ", kind=OrganisationKind.MASS, parent_code="TINH"
        )
        world.add_officer(session, ADMINISTRATOR, Role.ADMINISTRATOR, province.id)
        world.add_officer(session, AUDITOR, Role.AUDITOR, below.id)
        world.add_officer(session, "pn@loa.example", Role.STAFF, below.id)
        session.flush()
        session.query(User).filter_by(email="pn@loa.example").update({"name": "=Y Hlan_100%"})


def rows(client: FlaskClient, url: str) -> list[str]:
    """The links of the rows of a register's table."""
    page = client.get(url)
    assert page.status_code == 200
    return re.findall(r'<th scope="row"><a href="[^"]+">([^<]+)</a>', page.text)


def test_users_are_searched_in_name_address_and_organisation(client: FlaskClient) -> None:
    signed_in(client, ADMINISTRATOR)
    assert rows(client, "/admin/users/?search=phụ+nữ") == [AUDITOR, "pn@loa.example"]
    assert rows(client, "/admin/users/?search=phụ+hlan") == ["pn@loa.example"]
    assert rows(client, "/admin/users/?search=100%25") == ["pn@loa.example"]  # no wildcards
    assert rows(client, "/admin/users/?search=\\") == []


def test_users_are_filtered_by_role_and_state_and_sorted(client: FlaskClient) -> None:
    signed_in(client, ADMINISTRATOR)
    assert rows(client, "/admin/users/?flt0_0=auditor&flt1_1=") == [AUDITOR]
    assert rows(client, "/admin/users/?flt1_1=disabled") == []
    assert AUTHOR in rows(client, "/admin/users/?flt1_1=active")
    assert "tình trạng" in client.get("/admin/users/?flt1_1=nonsense").text.lower()
    everybody = rows(client, "/admin/users/?sort=0")
    assert rows(client, "/admin/users/?sort=0&desc=1") == everybody[::-1]
    assert rows(client, "/admin/users/?sort=2") == rows(client, "/admin/users/?sort=99")  # no such order


def test_a_long_register_has_pages_that_keep_what_was_asked(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(UsersView, "page_size", 2)
    signed_in(client, ADMINISTRATOR)
    first = client.get("/admin/users/?search=loa.example&sort=0")
    assert "trang 1 trên" in first.text
    following = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert following
    seen = rows(client, "/admin/users/?search=loa.example&sort=0") + rows(
        client, following[1].replace("&amp;", "&")
    )
    assert seen == sorted(seen)
    assert len(set(seen)) == 4
    assert rows(client, "/admin/users/?page=-3")  # the first page


def test_an_address_gets_nothing_of_its_own_into_the_links(client: FlaskClient) -> None:
    signed_in(client, ADMINISTRATOR)
    page = client.get("/admin/users/?_scheme=javascript&_external=1&endpoint=x&search=phụ")
    assert page.status_code == 200
    assert "javascript:" not in page.text
    assert "export.csv?search=ph" in page.text


def test_a_file_has_the_rows_that_were_asked_for_and_no_formulas(client: FlaskClient) -> None:
    signed_in(client, ADMINISTRATOR)
    response = client.get("/admin/users/export.csv?search=phụ+nữ")
    assert response.mimetype == "text/csv"
    assert response.data.startswith(b"\xef\xbb\xbf")  # else a spreadsheet takes it for another encoding
    lines = list(csv.reader(StringIO(response.data.decode("utf-8-sig"))))
    assert lines[0][:3] == ["Địa chỉ thư", "Họ tên", "Vai trò"]
    assert [line[:4] for line in lines[1:]] == [
        [AUDITOR, "", "Kiểm tra", "Hội Phụ nữ"],
        ["pn@loa.example", "'=Y Hlan_100%", "Cán bộ", "Hội Phụ nữ"],
    ]
    assert "password" not in response.text
    assert "$argon2" not in response.text


def test_lists_and_files_are_within_ones_scope(client: FlaskClient) -> None:
    signed_in(client, AUDITOR)
    assert rows(client, "/admin/users/") == [AUDITOR, "pn@loa.example"]
    assert rows(client, "/admin/organisations/") == ["Hội Phụ nữ"]
    assert APPROVER not in client.get("/admin/users/export.csv").text
    assert "TINH" not in client.get("/admin/organisations/export.csv").text


def test_organisations_come_after_the_one_above_them(client: FlaskClient) -> None:
    signed_in(client, ADMINISTRATOR)
    every = rows(client, "/admin/organisations/")
    at = every.index("Mặt trận tỉnh")
    assert every[at : at + 3] == ["Mặt trận tỉnh", "Hội Phụ nữ", "Xã An"]
    assert rows(client, "/admin/organisations/?flt0_0=agency") == ["Xã An"]
    assert rows(client, "/admin/organisations/?search=xã") == ["Xã An"]
