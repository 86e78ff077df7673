"""What an officer is told about a campaign that could be sent all the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.planning.doubts import Doubt, Facts, asks_for_reply, look_over
from campaigns.planning.draft import read_draft
from campaigns.planning.kinds import load_kinds

NOW = datetime(2020, 8, 15, 1, 0, tzinfo=UTC)  # 08:00 in Vietnam
SOUND = {
    "name": "Bluezone",
    "text": "Mời cài Bluezone: {link} TC thôi nhận tin",
    "lists": ["Hội viên"],
    "sender": "MTTQ",
    "window": ["08:00", "20:00"],
}
FACTS = Facts(
    recipients=100,
    segments=1,
    cost_vnd=35_000,
    finishes_at=NOW + timedelta(hours=1),
    is_registered=True,
    is_founded=True,
    takes_replies=True,
    is_https=True,
    other_apps=frozenset(["Zalo"]),
    now=NOW,
)


def doubts(facts: Facts = FACTS, **changes: Any) -> list[Doubt]:
    return look_over(read_draft({**SOUND, **changes}, kinds=load_kinds()), facts)


def test_a_sound_campaign_raises_no_doubt() -> None:
    assert doubts() == []


@pytest.mark.parametrize(
    ("changes", "doubt"),
    [
        ({"text": "Mời cài Bluezone. TC thôi nhận tin"}, Doubt.NO_LINK),
        ({"text": "Mời cài zalo: {link}. TC thôi nhận"}, Doubt.OTHER_APP),
        ({"text": "Mời cài Bluezone: {link}"}, Doubt.NO_STOP_WORD),
        ({"text": "Mời cài Bluezone: {link}. Gọi etc"}, Doubt.NO_STOP_WORD),
        ({"step": [{"text": "Nhắc lại: {link}", "after_days": 2}]}, Doubt.NO_STOP_WORD),
        ({"text": "Mời cài {link} bluzone.vn TC thôi nhận"}, Doubt.TYPED_ADDRESS),
        ({"text": "Mời cài {link} http://example TC thôi nhận"}, Doubt.TYPED_ADDRESS),
        ({"window": ["06:59", "20:00"]}, Doubt.HOURS_TOO_WIDE),
        ({"window": ["08:00", "22:01"]}, Doubt.HOURS_TOO_WIDE),
        ({"budget_vnd": 34_999}, Doubt.OVER_BUDGET),
        ({"deadline": "2020-08-15T08:00"}, Doubt.DEADLINE_PAST),
        ({"deadline": "2020-08-15T08:59"}, Doubt.TOO_LATE),
        ({"starts_at": "2020-08-15T07:59"}, Doubt.START_PAST),
        ({"cap_per_day": 4}, Doubt.CAP_HIGH),
    ],
)
def test_what_an_officer_wrote_is_doubted(changes: dict[str, Any], doubt: Doubt) -> None:
    assert doubt in doubts(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"window": ["07:00", "22:00"]},
        {"text": "Moi cai {link} HUY de thoi nhan"},
        {"budget_vnd": 35_000},
        {"deadline": "2020-08-15T09:00"},
        {"starts_at": "2020-08-15T08:00"},
        {"cap_per_day": 3},
        {"kind": "tiem-chung", "text": "Mời tiêm vắc xin. TC thôi nhận tin"},
    ],
)
def test_what_is_just_right_is_not(changes: dict[str, Any]) -> None:
    assert doubts(**changes) == []


@pytest.mark.parametrize(
    ("fact", "doubt"),
    [
        ({"recipients": 0}, Doubt.EMPTY_AUDIENCE),
        ({"is_founded": False}, Doubt.NO_BASIS),
        ({"is_registered": False}, Doubt.SENDER_UNREGISTERED),
        ({"is_https": False}, Doubt.LINK_UNSAFE),
        ({"segments": 4}, Doubt.LONG_TEXT),
    ],
)
def test_what_is_known_of_audience_and_installation_is_doubted(fact: dict[str, Any], doubt: Doubt) -> None:
    assert doubts(replace(FACTS, **fact)) == [doubt]


def test_a_reminder_after_the_deadline_is_doubted() -> None:
    reminder = [{"text": SOUND["text"], "after_days": 5, "at": "18:00"}]
    assert doubts(step=reminder, deadline="2020-08-20T18:00") == [Doubt.REMINDER_TOO_LATE]
    assert doubts(step=reminder, deadline="2020-08-20T18:01") == []


def test_hours_that_are_not_set_are_doubted() -> None:
    hourless = {key: value for key, value in SOUND.items() if key != "window"}
    assert look_over(read_draft(hourless, kinds=load_kinds()), FACTS) == [Doubt.NO_HOURS]


def test_the_most_serious_stands_first() -> None:
    found = doubts(replace(FACTS, recipients=0, is_registered=False), text="Mời cài", cap_per_day=9)
    assert found[:2] == [Doubt.EMPTY_AUDIENCE, Doubt.SENDER_UNREGISTERED]
    assert found[-1] is Doubt.CAP_HIGH


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("Trả lời: 1 đã cài, 2 chưa", True),
        ("Tra loi so 4 neu can giup", True),
        ("Nhắn lại số 1 khi cài xong", True),
        ("Trả lời bằng chữ TC", True),
        ("Soạn TC để từ chối", True),
        ("xin trả lời tin này", True),
        ("TC thôi nhận tin", True),
        ("Trả lời hoặc từ chối tại liên kết", False),
        ("Mời cài trước ngày 20/8: {link}", False),
        ("Xin trả lời câu hỏi ở liên kết trước 20/8", False),
        ("Soạn sẵn giấy tờ", False),
    ],
)
def test_a_text_that_asks_for_a_reply_is_told_from_one_that_does_not(text: str, asks: bool) -> None:
    assert asks_for_reply(text) is asks


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Mời cài: {link} Trả lời hoặc từ chối tại liên kết", []),
        ("Mời cài: {link} Trả lời: 1 đã cài. Từ chối tại liên kết", [Doubt.ASKS_FOR_REPLY]),
        ("Mời cài: {link} TC thôi nhận tin", [Doubt.ASKS_FOR_REPLY]),
        ("Mời cài: {link}", [Doubt.NO_WAY_OUT]),
    ],
)
def test_where_no_reply_comes_back_a_text_that_asks_for_one_is_doubtful(
    text: str, found: list[Doubt]
) -> None:
    one_way = replace(FACTS, takes_replies=False)
    assert doubts(one_way, text=text) == found
    second = "Mời cài: {link} Từ chối tại liên kết"
    assert doubts(one_way, text=second, text_b=text) == [
        each for each in found if each is Doubt.ASKS_FOR_REPLY
    ]


def test_without_an_app_the_link_is_needed_where_no_reply_comes_back() -> None:
    without = {"kind": "tiem-chung", "text": "Mời tiêm vắc xin. Không muốn nhận: từ chối ở trạm."}
    assert doubts(replace(FACTS, takes_replies=False), **without) == [Doubt.NO_LINK]
