"""What an officer is told about a campaign that could be sent all the same."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from campaigns.planning.kinds import load_kinds
from campaigns.rules.draft import read_draft
from campaigns.rules.warnings import CampaignWarning, WarningFacts, asks_for_reply, find_warnings
from tests.support.tables import cases, each_of

NOW = datetime(2020, 8, 15, 1, 0, tzinfo=UTC)  # 08:00 in Vietnam
SOUND = {"name": "Bluezone", "text": "Mời cài Bluezone: {link} TC thôi nhận tin", "lists": ["Hội viên"]}
SOUND |= {"sender": "MTTQ", "window": ["08:00", "20:00"]}
FACTS = WarningFacts(
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


def doubts(facts=FACTS, **changes):
    return find_warnings(read_draft({**SOUND, **changes}, kinds=load_kinds()), facts)


def test_a_sound_campaign_raises_no_doubt():
    assert doubts() == []


@cases(
    ({"text": "Mời cài Bluezone. TC thôi nhận tin"}, CampaignWarning.NO_LINK),
    ({"text": "Mời cài zalo: {link}. TC thôi nhận"}, CampaignWarning.OTHER_APP),
    ({"text": "Mời cài tại [địa điểm]: {link} TC thôi nhận tin"}, CampaignWarning.TEXT_GAPS),
    (
        {"kind": "moi-du", "content": {"own_answers": {"1": {"means": "installed"}}}},
        CampaignWarning.PROMISE_COUNTED,
    ),
    ({"text": "Mời cài Bluezone: {link}"}, CampaignWarning.NO_STOP_WORD),
    ({"text": "Mời cài Bluezone: {link}. Gọi etc"}, CampaignWarning.NO_STOP_WORD),
    ({"step": [{"text": "Nhắc lại: {link}", "after_days": 2}]}, CampaignWarning.NO_STOP_WORD),
    ({"text": "Mời cài {link} bluzone.vn TC thôi nhận"}, CampaignWarning.TYPED_ADDRESS),
    ({"text": "Mời cài {link} http://example TC thôi nhận"}, CampaignWarning.TYPED_ADDRESS),
    ({"window": ["06:59", "20:00"]}, CampaignWarning.HOURS_TOO_WIDE),
    ({"window": ["08:00", "22:01"]}, CampaignWarning.HOURS_TOO_WIDE),
    ({"budget_vnd": 34_999}, CampaignWarning.OVER_BUDGET),
    ({"deadline": "2020-08-15T08:00"}, CampaignWarning.DEADLINE_PAST),
    ({"deadline": "2020-08-15T08:59"}, CampaignWarning.TOO_LATE),
    ({"starts_at": "2020-08-15T07:59"}, CampaignWarning.START_PAST),
    ({"cap_per_day": 4}, CampaignWarning.CAP_HIGH),
)
def test_what_an_officer_wrote_is_doubted(changes, doubt):
    assert doubt in doubts(**changes)


@cases(
    {"window": ["07:00", "22:00"]},
    {"text": "Moi cai {link} HUY de thoi nhan"},
    {"budget_vnd": 35_000},
    {"deadline": "2020-08-15T09:00"},
    {"starts_at": "2020-08-15T08:00"},
    {"cap_per_day": 3},
    {"kind": "tiem-chung", "text": "Mời tiêm vắc xin. TC thôi nhận tin"},
    {"text": "[QC] Mời[ {name}] cài Bluezone: {link} TC thôi nhận tin"},
)
def test_what_is_just_right_is_not(changes):
    assert doubts(**changes) == []


@cases(
    ({"recipients": 0}, CampaignWarning.EMPTY_AUDIENCE),
    ({"is_founded": False}, CampaignWarning.NO_BASIS),
    ({"is_registered": False}, CampaignWarning.SENDER_UNREGISTERED),
    ({"is_https": False}, CampaignWarning.LINK_UNSAFE),
    ({"segments": 4}, CampaignWarning.LONG_TEXT),
)
def test_what_is_known_of_audience_and_installation_is_doubted(fact, doubt):
    assert doubts(replace(FACTS, **fact)) == [doubt]


def test_a_name_that_looks_wrong_is_doubted_where_a_text_has_names():
    facts = replace(FACTS, has_odd_names=True)
    assert doubts(facts) == []
    named = "Mời ông/bà[ {name}] cài Bluezone: {link} TC thôi nhận tin"
    assert doubts(facts, text=named) == [CampaignWarning.ODD_NAMES]


def test_a_reminder_after_the_deadline_is_doubted():
    reminder = [{"text": SOUND["text"], "after_days": 5, "at": "18:00"}]
    assert doubts(step=reminder, deadline="2020-08-20T18:00") == [CampaignWarning.REMINDER_TOO_LATE]
    assert doubts(step=reminder, deadline="2020-08-20T18:01") == []


def test_hours_that_are_not_set_are_doubted():
    hourless = {key: value for key, value in SOUND.items() if key != "window"}
    assert find_warnings(read_draft(hourless, kinds=load_kinds()), FACTS) == [CampaignWarning.NO_HOURS]


def test_the_most_serious_stands_first():
    found = doubts(replace(FACTS, recipients=0, is_registered=False), text="Mời cài", cap_per_day=9)
    assert found[:2] == [CampaignWarning.EMPTY_AUDIENCE, CampaignWarning.SENDER_UNREGISTERED]
    assert found[-1] is CampaignWarning.CAP_HIGH


@cases(
    *each_of("Trả lời: 1 đã cài, 2 chưa | Tra loi so 4 neu can giup | Nhắn lại số 1 khi cài xong", True),
    *each_of("Trả lời bằng chữ TC | Soạn TC để từ chối | xin trả lời tin này | TC thôi nhận tin", True),
    *each_of("Trả lời hoặc từ chối tại liên kết | Mời cài trước ngày 20/8: {link}", False),
    *each_of("Xin trả lời câu hỏi ở liên kết trước 20/8 | Soạn sẵn giấy tờ", False),
)
def test_a_text_that_asks_for_a_reply_is_told_from_one_that_does_not(text, asks):
    assert asks_for_reply(text) is asks


@cases(
    ("Mời cài: {link} Trả lời hoặc từ chối tại liên kết", []),
    ("Mời cài: {link} Trả lời: 1 đã cài. Từ chối tại liên kết", [CampaignWarning.ASKS_FOR_REPLY]),
    ("Mời cài: {link} TC thôi nhận tin", [CampaignWarning.ASKS_FOR_REPLY]),
    ("Mời cài: {link}", [CampaignWarning.NO_WAY_OUT]),
)
def test_where_no_reply_comes_back_a_text_that_asks_for_one_is_doubtful(text, found):
    one_way = replace(FACTS, takes_replies=False)
    assert doubts(one_way, text=text) == found
    second = "Mời cài: {link} Từ chối tại liên kết"
    assert doubts(one_way, text=second, text_b=text) == [
        each for each in found if each is CampaignWarning.ASKS_FOR_REPLY
    ]


def test_without_an_app_the_link_is_needed_where_no_reply_comes_back():
    without = {"kind": "tiem-chung", "text": "Mời tiêm vắc xin. Không muốn nhận: từ chối ở trạm."}
    assert doubts(replace(FACTS, takes_replies=False), **without) == [CampaignWarning.NO_LINK]
