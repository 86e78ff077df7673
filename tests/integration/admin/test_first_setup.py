"""The first installation as a page: with the code that the start prints, once, and never when there is a user."""

import re

from sqlalchemy import select

from admin.first_setup import make_code
from outreach.models.accounts import Organisation, Role, User
from tests.support.admin_client import token
from tests.support.servers import on_sqlite

database_url = on_sqlite

FORM = {
    "province": "68",
    "name": "",
    "email": "quantri@loa.example",
    "person": "Trần Minh Đức",
    "sender": "MTTQ",
}


def test_a_new_installation_is_set_up_on_the_page(client, runtime):
    code = make_code(runtime)
    csrf = token(client, f"/setup?code={code}")
    wrong = client.post("/setup", data={**FORM, "code": "0000000000", "csrf_token": csrf})
    assert wrong.status_code == 422
    assert "Mã thiết lập không đúng" in wrong.text
    assert "Trần Minh Đức" in wrong.text  # nothing that was typed is lost
    assert (
        client.post("/setup", data={**FORM, "email": "x", "code": code, "csrf_token": csrf}).status_code
        == 422
    )
    done = client.post("/setup", data={**FORM, "code": code, "csrf_token": csrf})
    assert done.status_code == 303
    assert re.match(r"/login/invitation/", done.headers["Location"])
    with runtime.db.read() as session:
        assert session.scalars(select(User.role)).all() == [Role.ADMINISTRATOR]
        assert session.scalars(select(Organisation.name)).all() == ["Ủy ban MTTQ Việt Nam tỉnh Lâm Đồng"]
    assert client.get("/setup").status_code == 404
    assert client.post("/setup", data={**FORM, "code": code, "csrf_token": csrf}).status_code == 404
    assert make_code(runtime) == ""


def test_wrong_codes_of_strangers_close_the_page_to_nobody(client, runtime):
    code = make_code(runtime)
    csrf = token(client, "/setup")
    for _ in range(15):
        assert client.post("/setup", data={**FORM, "code": "guess", "csrf_token": csrf}).status_code == 422
    with runtime.db.read() as session:
        assert session.scalar(select(User.id)) is None
    assert client.post("/setup", data={**FORM, "code": code, "csrf_token": csrf}).status_code == 303
