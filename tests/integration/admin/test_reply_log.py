"""A log of replies handed in on the page: counted, told line by line, on record; the same again changes nothing."""

from io import BytesIO

import pytest

from outreach.models.accounts import Role
from tests.support.admin_client import post, signed_in
from tests.support.world import number

ADMINISTRATOR = "quantri@loa.example"
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def administrator(client, world):
    world.officer(ADMINISTRATOR, Role.ADMINISTRATOR)
    return signed_in(client, ADMINISTRATOR)


def hand_in(client, text, name="log.csv"):
    answer = post(client, "/admin/reply-log/", file=(BytesIO(text.encode()), name))
    return client.get(answer.location).text if answer.status_code == 303 else answer.text


def test_replies_of_a_log_count_once_and_what_cannot_be_read_is_named(administrator, world):
    campaign = world.sent(people=3)
    log = f"Số điện thoại;Nội dung\n{number(0)};1\n{number(1)};TC\n;cài rồi\n"
    page = hand_in(administrator, log)
    assert "Đã đọc 3 dòng: 2 câu trả lời mới, 0 câu đã có." in page
    assert "ở dòng 4." in page
    assert world.status(campaign)["answers"] == {"installed": 1, "opt_out": 1}
    assert "0 câu trả lời mới, 2 câu đã có" in hand_in(administrator, log)
    events = world.audited("reply.import")
    assert [event.details for event in events] == [{"rows": 3, "new": 2}, {"rows": 3, "new": 0}]


def test_a_file_that_is_no_log_or_too_long_is_refused_and_nothing_is_stored(administrator, world):
    assert "Không thấy dòng tiêu đề" in hand_in(administrator, "a;b\n1;2\n")
    assert "Chưa chọn tệp" in post(administrator, "/admin/reply-log/").text
    assert "tệp PDF" in hand_in(administrator, "%PDF-1.4", "log.csv")
    long = "from;text\n" + f"{number(0)};1\n" * 1001
    assert "Tệp có hơn 1000 dòng" in hand_in(administrator, long)
    assert world.cases() == []
