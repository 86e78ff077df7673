"""Whether a message may leave at the moment of its claim, which goes as a notice first, and what a notice's end says of the number."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from campaigns.rules import delivery
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import AttemptReport, AttemptState, MessageKind, SkipReason
from campaigns.rules.urgent import MAX_PER_DAY
from tests.support.tables import cases, each_of

K, R = MessageKind, SkipReason
FREE = {"kind": K.STEP, "step": 1, "recent": 0, "cap": None, "is_open": True}
FREE |= dict.fromkeys(("suppressed", "answered", "repeated"), False)


@cases(
    ({}, None),
    ({"suppressed": True}, R.SUPPRESSED),
    ({"is_open": False}, delivery.NOT_YET),
    # The cap, on each side.
    ({"repeated": True}, R.REPEATED),
    ({"repeated": True, "is_open": False}, R.REPEATED),
    ({"repeated": True, "suppressed": True}, R.SUPPRESSED),
    ({"repeated": True, "kind": K.ACKNOWLEDGEMENT, "step": 0}, None),
    ({"repeated": True, "kind": K.TEST, "step": 0}, None),
    ({"cap": 3, "recent": 2}, None),
    ({"cap": 3, "recent": 3}, delivery.NOT_YET),
    ({"cap": 3, "recent": 4}, delivery.NOT_YET),
    ({"cap": None, "recent": 100}, None),
    # Reminders stop at an answer; the first message does not.
    ({"step": 1, "answered": True}, None),
    ({"step": 2, "answered": True}, R.ANSWERED),
    ({"step": 3, "answered": False}, None),
    # What ends a message for good is said before what only delays it.
    ({"suppressed": True, "is_open": False, "cap": 1, "recent": 1}, R.SUPPRESSED),
    ({"step": 2, "answered": True, "is_open": False}, R.ANSWERED),
    ({"step": 2, "answered": True, "suppressed": True}, R.SUPPRESSED),
    # The confirmation of an opt-out goes at once, whatever the hour, to a number just suppressed.
    ({"kind": K.CONFIRMATION, "suppressed": True, "is_open": False, "cap": 1, "recent": 9}, None),
    # Other acknowledgements keep to every rule.
    ({"kind": K.ACKNOWLEDGEMENT, "step": 0, "answered": True}, None),
    ({"kind": K.ACKNOWLEDGEMENT, "step": 0, "suppressed": True}, R.SUPPRESSED),
    ({"kind": K.ACKNOWLEDGEMENT, "step": 0, "is_open": False}, delivery.NOT_YET),
    ({"kind": K.ACKNOWLEDGEMENT, "step": 0, "cap": 3, "recent": 3}, delivery.NOT_YET),
    # A tester's own number: only suppression stops it.
    ({"kind": K.TEST, "step": 0, "is_open": False, "cap": 1, "recent": 1}, None),
    ({"kind": K.TEST, "step": 0, "suppressed": True}, R.SUPPRESSED),
)
def test_the_first_rule_that_a_message_breaks(changes, reason):
    assert delivery.refusal_reason(**{**FREE, **changes}) is reason


@cases(
    ({}, True),
    ({"is_allowed": False}, False),
    ({"urgent_basis": None}, False),
    ({"kind": K.ACKNOWLEDGEMENT}, False),
    ({"answer": Label.OPT_OUT}, False),  # of this very warning
    ({"answer": Label.NEED_HELP}, True),
)
def test_which_warning_passes_a_wish_to_be_left_alone(changes, passes):
    warning = {"kind": K.STEP, "urgent_basis": "Luật 91", "answer": None, "is_allowed": True}
    assert delivery.passes_wishes(**{**warning, **changes}) is passes


@cases(
    ((), 2, None),
    ((), 5, None),  # longer than the claim, and first
    ((1,), 3, "segments"),
    ((1,), 2, None),
    ((), 7, "budget"),
    ((1, 1), 5, "budget"),  # of both, the budget ends more
)
def test_room_for_messages_of_three_segments_and_a_budget_of_six(taken, size, obstacle):
    room = delivery.Room(segments=3, left_vnd=600, price_vnd=100)
    for each in taken:
        room.take(each)
    assert room.obstacle_to(size) is obstacle


@cases((None, None, 3), (1, 1, 1), (2, 2, 2), (3, 3, 3), (4, 4, 3), (100, 100, 3))
def test_a_live_gateway_never_exceeds_the_decrees_three_a_day(own, training, live):
    assert delivery.daily_cap(own, is_live=False) == training
    assert delivery.daily_cap(own, is_live=True) == live
    assert delivery.daily_cap(own, is_live=True, is_urgent=True) == MAX_PER_DAY, "warnings have their own"


@cases((0, 0.5), (1, 1.0), (2, 2.0), (6, 32.0), (7, 60.0), (8, 60.0), (1000, 60.0))
def test_waiting_doubles_up_to_a_minute_and_spreads_by_half(times, least):
    waits = [delivery.back_off_s(times, None, seed=seed) for seed in range(101)]
    assert min(waits) == least
    assert max(waits) == least * 1.5
    assert len(set(waits)) == 101


@cases(0.0, 0.2, 7.0, 120.0)
def test_the_gateways_own_word_goes_before_ours(asked):
    waits = [delivery.back_off_s(5, asked, seed=seed) for seed in range(101)]
    assert min(waits) == asked
    assert max(waits) <= asked * 1.5


@cases(
    (0, 0, False),
    (49, 0, False),  # too few to be more than chance
    (50, 0, True),
    (50, 116, True),
    (50, 117, False),  # just under three in ten
    (300, 700, True),
    (100, 900, False),  # a tenth is out of reach on any day
)
def test_a_campaign_that_fails_too_often(failed, well, expected):
    assert delivery.fails_too_often(failed=failed, well=well) is expected


@cases(
    ("Mời bà con cài Bluezone: {link}", 1, True),
    ("moi ba con  cai bluezone:{link}", 1, True),  # without accents it is no other message
    ("Mời bà con cài Bluezone: {link}", 2, False),  # a reminder is a step of its own
    ("Mời bà con cài Bluezone ngay: {link}", 1, False),
)
def test_contents_are_told_apart_by_template_and_step(other, step, is_same):
    known = delivery.hash_content("Mời bà con cài Bluezone: {link}", step=1)
    assert (delivery.hash_content(other, step=step) == known) is is_same


def test_a_cause_that_says_nothing_of_number_or_account_has_no_consequence():
    for cause in ("unreachable", "blocked", "other", None):
        assert delivery.failure_policy(cause) == delivery.Policy()
    assert delivery.failure_policy("bad_number").suppresses == "wrong_number"
    assert delivery.failure_policy("opted_out").suppresses == "opt_out"
    assert delivery.failure_policy("account").pauses


@cases(
    (1, False, False),
    (9, False, False),
    (10, False, True),
    (10, True, False),
    (1499, True, False),
    (1500, True, True),
)
def test_an_answer_to_a_resident_outlasts_a_fault_of_the_account(refused, is_transactional, expected):
    assert delivery.is_out_of_retries(refused, is_transactional=is_transactional) is expected


def test_an_answer_to_a_resident_is_tried_for_a_day_at_least():
    waits = [delivery.back_off_s(times, None, seed=0) for times in range(1499)]
    assert sum(waits) > timedelta(hours=24).total_seconds()


@cases(
    ("Mời [{name} ]họp lúc {giờ} ở thôn 1: {link} Trả lời: 1 sẽ đến, TC từ chối", "Mời họp lúc 8h ở thôn 1"),
    ("Moi ong/ba {name} hop luc {giờ}. Tra loi 1. {link} TC tu choi", "Moi ong/ba hop luc 8h."),
    ("Soạn 1 nếu đến lúc {giờ}", "Soạn 1 nếu đến lúc 8h"),
)
def test_a_page_repeats_what_a_message_said_without_the_name_the_link_and_the_answers(text, told):
    assert delivery.repeat_message(text, {"giờ": "9h"}, {"giờ": "8h"}) == told


NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
LONG_AGO, LATELY = NOW - delivery.FORGOTTEN_AFTER, NOW - timedelta(days=1)
STEP = {"notice_template": "228386", "texts": {}}


@cases(
    ({}, True),
    ({"of": STEP | {"notice_template": ""}}, False),
    (
        {"of": STEP | {"texts": {"jra": "…"}}, "language": "jra"},
        False,
    ),  # they get the text in their own language
    ({"language": "jra"}, True),  # there is none in it
    ({"n": 2}, False),  # its text follows, never a second notice
    ({"kind": MessageKind.ACKNOWLEDGEMENT}, False),
    ({"kind": MessageKind.TEST}, False),
    ({"notices": "answered", "notices_at": LATELY}, True),
    ({"notices": "no_account", "notices_at": LATELY}, False),
    ({"notices": "declined", "notices_at": LATELY}, False),
    ({"notices": "no_account", "notices_at": LONG_AGO}, True),
    ({"notices": "declined", "notices_at": LONG_AGO}, True),
)
def test_a_notice_goes_first_and_not_in_vain(changes, goes):
    usual = {
        "kind": MessageKind.STEP,
        "n": 1,
        "of": STEP,
        "language": None,
        "notices": None,
        "notices_at": None,
    }
    row = usual | changes
    assert (
        delivery.goes_as_notice(SimpleNamespace(**row | {"of": SimpleNamespace(**row["of"])}), now=NOW)
        is goes
    )


@cases(
    ("passed", "no_account", "no_account"),
    ("passed", "declined", "declined"),
    ("passed", "notice_limit", None),  # of the office, not of the number
    ("passed", "expired", None),
    *each_of("passed | delivered | accepted", None, None),
)
def test_the_end_of_a_notice_says_what_is_known_of_its_number(state, cause, learned):
    assert delivery.learned_of(AttemptState(state), cause) == learned


@cases(("zalo", "host-1", True), ("zalo", "restored-3", False), *each_of("both | sms", "host-1", False))
def test_a_text_follows_by_itself_where_all_is_known_that_followed_its_notice(channel, worker, follows):
    assert delivery.may_be_passed_on(SimpleNamespace(channel=channel, worker=worker)) is follows


@cases(
    (None, [("sent", "declined"), ("delivered", "other")], [("sent", "declined"), ("delivered", "declined")]),
    ("declined", [("delivered", "other")], [("delivered", "declined")]),  # told before
    (None, [("delivered", "other")], [("delivered", "other")]),  # why its notice did not arrive was lost
    (None, [("delivered", None)], [("delivered", None)]),  # the notice
    ("declined", [("undelivered", "unreachable")], [("undelivered", "unreachable")]),  # nor did the text
)
def test_what_arrives_after_a_notice_did_not_keeps_why(cause, told, kept):
    reports = [AttemptReport(1, AttemptState(state), cause=why) for state, why in told]
    assert [(each.state, each.cause) for each in delivery.keep_reason(cause, reports)] == kept
