"""A campaign's description as people write it: what is taken, and what is refused with one sentence."""

import math
import tomllib
from datetime import UTC, date, datetime

import pytest

from campaigns.planning.kinds import load_kinds
from campaigns.rules.audience import Answered, AudienceConditions, Smartphone, read_conditions
from campaigns.rules.draft import GoalDraft, StepDraft, read_draft
from campaigns.rules.urgent import Urgency
from outreach.core.sentences import word_error
from outreach.rules.errors import BadCampaign, BadInput, BadTemplate
from tests.support.errors import refuses
from tests.support.tables import cases, each_of

KINDS = load_kinds()
LEAST = {"name": "Bluezone", "text": "Mời cài: {link}", "lists": ["Tổ 1"], "sender": "MTTQ"}


def draft(**changes):
    return read_draft({**LEAST, **changes}, kinds=KINDS)


def refusal(**changes):
    with pytest.raises(BadInput) as caught:
        draft(**changes)
    return word_error(caught.value)


FULL = """
name = "  Bluezone   đợt 1 "
text = "[Chào {name}, ]mời ông/bà cài Bluezone: {link}"
lists = ["Tổ 1", "HPN/Hội viên"]
sender = "MTTQ"
kind = "bluezone"
areas = ["23281"]
pace = 5
window = ["07:00", "21:00"]
cap_per_day = 2
budget_vnd = 1000000
starts_at = 2020-08-18T08:00:00
deadline = "2020-08-20T14:00"
unaccented = true

[content]
contact = "Tổ trưởng"
[content.answers.installed]
reply = "Cam on ong/ba"

[goal]
share = 0.5
denominator = 60
date = 2020-08-15
source = "Tổ dân phố rà soát"

[[step]]
after_days = 2
at = "18:00"
text = "Nhắc: {link}"

[[step]]
after_days = 2
text = "Nhắc lần nữa: {link}"
"""


def test_a_whole_file_is_read():
    read = read_draft(tomllib.loads(FULL), kinds=KINDS)
    assert read.name == "Bluezone đợt 1"
    assert read.lists == ("Tổ 1", "HPN/Hội viên")
    assert read.areas == ("23281",)
    assert (read.pace, read.hours, read.cap_per_day, read.budget_vnd) == (5, ("07:00", "21:00"), 2, 1_000_000)
    # Written in Vietnam's time, with a zone or without.
    assert read.starts_at == datetime(2020, 8, 18, 1, 0, tzinfo=UTC)
    assert read.deadline == datetime(2020, 8, 20, 7, 0, tzinfo=UTC)
    assert read.unaccented
    assert read.steps == (
        StepDraft("[Chào {name}, ]mời ông/bà cài Bluezone: {link}"),
        StepDraft("Nhắc: {link}", after_days=2, at="18:00"),
        StepDraft("Nhắc lần nữa: {link}", after_days=2),
    )
    assert read.goal == GoalDraft(0.5, 60, "2020-08-15", "Tổ dân phố rà soát")
    assert read.content["contact"] == "Tổ trưởng"
    assert read.content["answers"]["installed"]["reply"] == "Cam on ong/ba"
    # What was not changed is the kind's.
    assert read.content["answers"]["installed"]["button"] == "Tôi đã cài xong"


def test_the_least_file_leaves_everything_open():
    read = draft()
    assert (read.pace, read.hours, read.cap_per_day, read.budget_vnd) == (None, None, None, None)
    assert (read.starts_at, read.deadline, read.goal, read.areas) == (None, None, None, ())
    assert read.steps == (StepDraft("Mời cài: {link}"),)
    assert not read.unaccented
    assert read.content == KINDS["bluezone"]


def test_a_campaign_changes_its_kind_only_for_itself():
    draft(content={"answers": {"installed": {"reply": "Khac"}}})
    assert draft().content == KINDS["bluezone"]


def test_a_campaign_without_app_and_link_is_one_too():
    read = draft(kind="tiem-chung", text="Mời ông/bà đến trạm y tế tiêm vắc xin.")
    assert "app" not in read.content
    assert read.steps[0].text == "Mời ông/bà đến trạm y tế tiêm vắc xin."


@pytest.mark.parametrize("missing", ["name", "text", "lists", "sender"])
def test_four_things_are_needed_and_named(missing):
    data = {key: value for key, value in LEAST.items() if key != missing}
    with refuses(BadCampaign, says=f"“{missing}”"):
        read_draft(data, kinds=KINDS)
    assert f"“{missing}”" in refusal(**{missing: type(LEAST[missing])()})


@pytest.mark.parametrize("key", ["name", "text", "sender"])
@pytest.mark.parametrize("blank", [" ", "\n\t"])
def test_what_is_only_spaces_is_missing(key, blank):
    assert f"“{key}”" in refusal(**{key: blank})


def test_a_long_name_is_cut():
    assert len(draft(name="x" * 121).name) == 120


@cases("M", "MTTQ KonTum", "Loa 2020", "A" * 11, "123", "12345678", "+84905000123")
def test_a_sender_that_gateways_take(sender):
    assert draft(sender=sender).sender == sender


@cases("A" * 12, "Mặt trận", "MTTQ-KT", "12", "123456789", "+0905000123", "0905000123", "MTTQ\n", "١٢٣٤")
def test_a_sender_that_gateways_refuse(sender):
    assert "người gửi" in refusal(sender=sender)


@cases(
    ({"nmae": "x"}, "“nmae”"),
    ({"kind": "bluzone"}, "bluezone, giay-to, hen-tiem, khao-sat, moi-du, tiem-chung"),
    ({"text": 5}, "“text”"),
    ({"lists": "Tổ 1"}, "“lists”"),
    ({"unaccented": "true"}, "“unaccented”"),
    ({"unaccented": 1}, "“unaccented”"),
    ({"content": {"titel": "x"}}, "titel"),
    ({"content": {"question": " "}}, "question"),
    ({"content": {"answers": {"yes": {}}}}, "“yes”"),
    ({"content": {"app": {"page": "http://bluezone.gov.vn"}}}, "https://"),
)
def test_what_is_not_understood_is_named(changes, says):
    assert says in refusal(**changes)


@cases(
    ("pace", [0.1, 1, 5.5, 1000], [0, 0.09, -1, True, "5", math.nan, math.inf]),
    ("cap_per_day", [1, 3], [0, -1, 1.5, True, 2**31]),
    ("budget_vnd", [1, 1_000_000_000], [0, -5, 0.5, True, 2**31]),
)
def test_a_limit_is_a_number_from_its_least(key, good, bad):
    for value in good:
        assert getattr(draft(**{key: value}), key) == value
    for value in bad:
        assert f"“{key}”" in refusal(**{key: value})


@pytest.mark.parametrize("hours", [["07:00", "21:00"], ["00:00", "24:00"], ["06:59", "07:00"]])
def test_hours_run_from_earlier_to_later(hours):
    assert draft(window=hours).hours == tuple(hours)


@cases(
    [],
    ["07:00"],
    ["07:00", "08:00", "09:00"],
    ["07:00", "07:00"],
    ["21:00", "07:00"],
    ["7:00", "21:00"],
    ["07:00", "24:30"],
    [7, 21],
)
def test_hours_that_are_none(hours):
    assert "window" in refusal(window=hours)


@cases(
    *each_of("2020-08-18T08:00 | 2020-08-18T08:00+07:00", datetime(2020, 8, 18, 1, tzinfo=UTC)),
    ("2020-08-18 08:00:30", datetime(2020, 8, 18, 1, 0, 30, tzinfo=UTC)),
    ("2020-08-18", datetime(2020, 8, 17, 17, tzinfo=UTC)),
    ("2020-08-18T08:00Z", datetime(2020, 8, 18, 8, tzinfo=UTC)),
    (datetime(2020, 8, 18, 8), datetime(2020, 8, 18, 1, tzinfo=UTC)),  # noqa: DTZ001 - as TOML gives it
    (datetime(2020, 8, 18, 8, tzinfo=UTC), datetime(2020, 8, 18, 8, tzinfo=UTC)),
)
def test_a_moment_without_a_zone_is_vietnams(written, meant):
    assert draft(starts_at=written).starts_at == meant


@pytest.mark.parametrize("written", ["18/8/2020", "sáng mai", "2020-13-01", "0001-01-01T00:00"])
def test_a_moment_that_is_none(written):
    assert "“deadline”" in refusal(deadline=written)


def test_the_deadline_comes_after_the_start():
    start = "2020-08-18T08:00"
    assert draft(starts_at=start, deadline="2020-08-18T08:01").deadline
    for deadline in (start, "2020-08-18T07:59"):
        assert "deadline" in refusal(starts_at=start, deadline=deadline)


def test_whom_it_is_for_is_read_with_the_rest():
    read = draft(organisations=["PN"], languages=["sed", "vi"], smartphone=["yes", "unknown"], answered="no")
    assert read.conditions == AudienceConditions(
        ("PN",), ("sed", "vi"), (Smartphone.YES, Smartphone.UNKNOWN), Answered.NO
    )
    assert read_conditions(read.conditions.as_data()) == read.conditions
    assert draft().conditions.as_data() == {}
    without = {key: value for key, value in LEAST.items() if key != "lists"}
    assert read_draft({**without, "organisations": ["PN"]}, kinds=KINDS).lists == ()


@cases(
    ("languages", ["xx"], "Không có ngôn ngữ “xx”"),
    ("smartphone", ["maybe"], "chỉ nhận: yes, unknown, no"),
    ("smartphone", [["yes"]], "chỉ nhận: yes, unknown, no"),
    ("smartphone", "yes", "không đúng kiểu"),
    ("answered", "perhaps", "not_installed"),
    ("organisations", "PN", "không đúng kiểu"),
)
def test_a_condition_that_is_none_is_refused(key, value, told):
    assert told in refusal(**{key: value})


def test_a_warning_has_no_hours_and_no_cap_of_its_own():
    read = draft(urgent={"reason": " Bão  số 9 "}, window=["08:00", "20:00"], cap_per_day=1)
    assert (read.urgent, read.hours, read.cap_per_day) == (Urgency("Bão số 9"), None, None)
    assert draft(urgent={"reason": "Bão", "basis": "Luật"}).urgent == Urgency("Bão", "Luật")


@cases(
    ({}, "vì sao"), ({"reason": " "}, "vì sao"), ({"reason": "a" * 501}, "500"), ({"why": "Bão"}, "chỉ gồm")
)
def test_a_warning_without_a_reason_is_refused(urgent, told):
    assert told in refusal(urgent=urgent)


@cases(
    {"text": "x"},
    {"text": "x", "after_days": 0},
    {"text": "x", "after_days": 365},
    {"text": "x", "after_days": 1, "at": "00:00"},
)
def test_a_step_says_what_and_when(step):
    assert draft(step=[step]).steps[1] == StepDraft(**step)


@cases(
    {},
    {"text": "  "},
    {"text": "x", "after_days": -1},
    {"text": "x", "after_days": 366},
    {"text": "x", "after_days": 1.5},
    {"text": "x", "after_days": True},
    {"text": "x", "at": "8:30"},
    {"text": "x", "at": "25:00"},
    {"text": "x", "when": "later"},
    "x",
)
def test_a_step_that_says_too_little_or_too_much(step):
    assert "bước" in refusal(step=[step])


def test_steps_stand_in_the_order_of_their_days():
    assert len(draft(step=[{"text": "a", "after_days": 2}, {"text": "b", "after_days": 2}]).steps) == 3
    assert "tăng dần" in refusal(step=[{"text": "a", "after_days": 3}, {"text": "b", "after_days": 2}])


@pytest.mark.parametrize("text", ["Mời {ten}", "Mời {name", "[Chào {name} mời"])
def test_a_text_is_checked_in_every_step(text):
    with pytest.raises(BadTemplate):
        draft(text=text)
    with pytest.raises(BadTemplate):
        draft(step=[{"text": text, "after_days": 1}])


@pytest.mark.parametrize("share", [0.001, 0.5, 1, 1.0])
def test_a_goal_is_a_share(share):
    assert draft(goal={"share": share}).goal == GoalDraft(float(share))


@pytest.mark.parametrize("share", [0, -0.5, 1.01, 50, "50%", None, True, math.nan])
def test_a_goal_that_is_no_share(share):
    assert "share" in refusal(goal={"share": share})


@cases(
    {"denominator": 60},
    {"denominator": 60, "date": "2020-08-15"},
    {"denominator": 60, "source": "Tổ dân phố"},
    {"denominator": 60, "date": "", "source": "Tổ dân phố"},
    {"denominator": 0, "date": "2020-08-15", "source": "Tổ dân phố"},
    {"denominator": 0.5, "date": "2020-08-15", "source": "Tổ dân phố"},
    {"denominator": True, "date": "2020-08-15", "source": "Tổ dân phố"},
    {"denominator": 60, "date": "giữa tháng tám", "source": "Tổ dân phố"},
    {"of": 60},
)
def test_a_figure_to_measure_against_has_a_date_and_a_source(goal):
    refusal(goal={"share": 0.5, **goal})


def test_the_date_of_a_figure_may_be_written_either_way():
    for day in (date(2020, 8, 15), "2020-08-15"):
        goal = draft(goal={"share": 0.5, "denominator": 1, "date": day, "source": "x"}).goal
        assert goal == GoalDraft(0.5, 1, "2020-08-15", "x")
