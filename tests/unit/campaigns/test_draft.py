"""A campaign's description as people write it: what is taken, what is refused with one sentence, and lists' columns in its texts."""

import math
import tomllib
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest

from campaigns.planning.kinds import load_kinds
from campaigns.planning.preview import AudiencePreview, FieldFacts, estimate
from campaigns.rules.audience import Answered, AudienceConditions, Smartphone, read_conditions
from campaigns.rules.delivery import Renderer
from campaigns.rules.draft import GoalDraft, StepDraft, read_draft
from campaigns.rules.links import LinkCipher
from campaigns.rules.list_fields import check_text, read_substitutes
from campaigns.rules.registered_templates import RegisteredText, as_registered, find_mismatch, renderings
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


@cases([], ["07:00"], ["07:00", "08:00", "09:00"], ["7:00", "21:00"], ["07:00", "24:30"], [7, 21])
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


BASE = {"name": "Hẹn", "lists": ["L"], "sender": "MTTQ"}


def draft_of(**parts):
    return read_draft({**BASE, **parts}, kinds=load_kinds())


def test_a_draft_keeps_the_fields_that_its_texts_use():
    made = draft_of(
        text="Mời ông/bà đến lúc {Giờ  hẹn}[ tại {nơi hẹn}]: {link}",
        step=[{"text": "Nhắc: {ca} {link}", "after_days": 1}],
        fields={"giờ hẹn": " sáng  nay ", "nơi hẹn": "", "Ca": "ca sáng", "khác": "x"},
    )
    assert made.fields == {"giờ hẹn": "sáng nay", "nơi hẹn": "", "ca": "ca sáng"}


@cases(
    ("{giờ hẹn}", {}, "field_unknown"),
    *each_of("{giờ hẹn} | [{giờ hẹn}] {giờ hẹn}", {"giờ hẹn": ""}, "field_without_substitute"),
    ("-", {"giờ hẹn": "{link}"}, "field_substitute_wrong"),
    ("-", {"giờ hẹn": "bit.ly/x"}, "field_substitute_wrong"),
    ("-", {"giờ hẹn": "x" * 61}, "field_substitute_wrong"),
    ("-", {"link": "x"}, "field_name_wrong"),
    ("-", {"a{b": "x"}, "field_name_wrong"),
    ("-", {"dân tộc": "x"}, "field_name_sensitive"),
)
def test_a_field_that_would_leave_a_hole_or_is_none_is_refused(text, fields, code):
    with pytest.raises(BadInput) as refused:
        draft_of(text=text, fields=fields)
    assert refused.value.code == code


def test_the_officers_own_substitute_may_name_a_number_to_call():
    check_text("Đến lúc {giờ hẹn}", read_substitutes({"giờ hẹn": "giờ nào xin gọi 0260000123"}))


def row(text, fields, name="A Thun"):
    of = SimpleNamespace(
        step_text=text, text_b=None, texts={}, fields=fields, unaccented=False, unaccented_languages=[]
    )
    return SimpleNamespace(
        text=None, arm=None, language=None, name=name, recipient_id=1, campaign_id=7, contact_id=3, of=of
    )


@cases(
    ({"giờ": "8h", "nơi": "Thôn 1"}, "A Thun 8h tại Thôn 1."),
    ({"giờ": "8h"}, "A Thun 8h."),
    ({"nơi": "Thôn 1"}, "A Thun sáng nay tại Thôn 1."),
    ({}, "A Thun sáng nay."),
    # Values are data, whatever they look like.
    ({"giờ": "{link} {name} %s", "nơi": "[x] {{y}}"}, "A Thun {link} {name} %s tại [x] {{y}}."),
)
def test_each_person_reads_their_own(values, read):
    renderer = Renderer(link_base="https://loa.example", cipher=LinkCipher("tests-only-" + "k" * 32))
    step = row("{name} {giờ}[ tại {nơi}].", {"giờ": "sáng nay", "nơi": ""})
    assert renderer.render(step, {(7, 3): values})[0] == read
    assert renderer.render(step, {(8, 3): {"giờ": "khác"}, (7, 4): {"giờ": "khác"}})[0] == "A Thun sáng nay."


def test_a_name_with_a_link_is_left_out_of_the_message():
    renderer = Renderer(link_base="https://loa.example", cipher=LinkCipher("tests-only-" + "k" * 32))
    step = row("Mời ông/bà[ {name}] {giờ}.", {"giờ": "sáng nay"}, "Nguyễn Văn A vcb.support/otp")
    assert renderer.render(step, {})[0] == "Mời ông/bà sáng nay."


def test_the_longest_value_counts_for_the_most_that_a_message_costs():
    accents = SimpleNamespace(unaccented=True, unaccented_languages=(), fields={"nơi": "-"})
    facts = {"nơi": FieldFacts(("x", "y"), "z" * 60, 0)}
    step = StepDraft("a" * 120 + "{nơi}")
    cost = estimate(step, AudiencePreview(10, {}, ["A"], fields=facts), link="", price=300, accents=accents)
    assert (cost.least, cost.usual, cost.most, cost.total) == (1, 1, 2, 10)


def test_values_are_parameters_of_a_registered_template():
    template = RegisteredText(1, "Moi {A30} den luc {B10}. Tran trong")
    text = "Mời {name} đến lúc {giờ}. Trân trọng"

    def mismatches(*values):
        every = renderings(text, names=["A Thun"], link="", unaccented=True, fields={"giờ": values})
        return [found for name, sent in every if name and (found := find_mismatch(sent, [template]))]

    assert mismatches("8h", "sáng nay") == []
    assert mismatches("8h", "sáng mai lúc tám giờ")  # longer than what is registered
    assert mismatches("8h", "07:30 5/12") == []
    assert mismatches("8h", "8h + 9h")  # with a sign that the parameter may not have
    assert as_registered(text, unaccented=True, fields={"giờ": "sáng"})[0] == (
        "Moi {A30} den luc {B60}. Tran trong"
    )
    assert as_registered("Mời[ lúc {giờ}]", unaccented=True, fields={"giờ": ""}) == ["Moi luc {B60}", "Moi"]
