"""A campaign's first message to people who have joined its lists since it began, by one press."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from campaigns.analytics.open_tasks import read_proposed
from campaigns.analytics.reach import find_disagreements
from campaigns.answer_totals import find_differences
from campaigns.cases.merge_people import merge_people
from campaigns.lifecycle import edit_campaign, prepare_correcting_campaign
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.messages import Attempt, Message
from campaigns.planning.audience import count_joined
from campaigns.planning.correcting_campaigns import count_receivers
from campaigns.planning.drafts import describe_campaign
from campaigns.planning.kinds import load_kinds
from campaigns.rules.draft import read_draft
from campaigns.rules.states import CampaignAction, CampaignState, Exclusion, MessageState
from campaigns.sweep import SecondWave, send_second_wave
from outreach.contacts.contact import Closing, lift_suppression
from outreach.models.accounts import AuditEvent, Role
from outreach.models.contacts import Contact, LegalBasis, Membership, Phone
from outreach.rules.errors import WrongState
from tests.support.admin_client import post, shows
from tests.support.errors import refuses
from tests.support.servers import both_databases
from tests.support.wishes import opt_out
from tests.support.world import APPROVER, AUTHOR, TEXT, number

SECOND, THIRD = "duyet2@loa.example", "duyet3@loa.example"


def extend(world, campaign_id, email=AUTHOR, people=None):
    given = {"people": people, "settings": world.runtime.settings, "now": datetime.now(UTC)}
    return world.do(send_second_wave, campaign_id, by=email, **given)


def prove_figures(world):
    assert world.read(find_differences)[1] == []
    assert world.read(find_disagreements)[1] == []


# Who joins later, with which phones, and what comes of them.
JOINED = {
    "has a phone of their own": ((11,), 11),
    "shares a phone that has the message": ((1,), "shared_phone"),
    "shares one and has another": ((1, 12), 12),
    "shares one with another who joins": ((11,), "shared_phone"),
    "asked to be left alone": ((13,), "opted_out"),
    "no phone": ((), "no_phone"),
}


@both_databases
def test_who_joined_gets_the_first_message_once_and_nobody_a_second(world):
    campaign = world.launch(people=4)
    world.send(4)
    world.sweep()
    assert world.status(campaign)["state"] == "completed"
    with pytest.raises(WrongState):
        extend(world, campaign)
    for name, (phones, _) in JOINED.items():
        world.add_person(name, *map(number, phones))
    opt_out(world, number(13))
    assert extend(world, campaign, people=2) == SecondWave(2, has_left=True)
    with pytest.raises(WrongState):
        extend(world, campaign)
    world.send(4)
    world.sweep()
    assert sorted(world.sent_to()) == sorted(map(number, (0, 1, 2, 3, 11, 12)))
    found = world.rows(
        select(Contact.name, Recipient.exclusion, Phone.e164)
        .join(Recipient, Recipient.contact_id == Contact.id)
        .outerjoin(Phone, Phone.id == Recipient.phone_id)
        .where(Recipient.campaign_id == campaign, Contact.name.in_(JOINED))
    )
    assert {name: reason.value if reason else e164 for name, reason, e164 in found} == {
        name: end if isinstance(end, str) else number(end) for name, (_, end) in JOINED.items()
    }
    status = world.status(campaign)
    assert (status["recipients"], status["state"]) == (6, "completed")
    assert status["steps"][0]["messages"] == {"accepted": 6}
    prove_figures(world)


def test_who_joined_a_new_list_without_a_legal_basis_is_not_named(world):
    campaign = world.launch(people=2, lists=[], organisations=["MTTQ"])
    late = world.add_person("Y Hlan", number(9))
    made = world.add_list("Mới", basis=LegalBasis.NONE)
    world.execute(update(Membership).where(Membership.contact_id == late).values(list_id=made))
    assert world.read(count_joined, world.get_one(Campaign, campaign)) == 0


def test_a_phone_that_has_the_message_by_somebody_who_was_merged_gets_no_other(world):
    kept, other = world.add_person("A Thun", number(1)), world.add_person("A Thun Kđăm", number(2))
    world.add_people(40, first=11)
    campaign = world.sent()
    world.do(merge_people, kept, other)
    world.add_person("Y Hlan", number(2))
    with pytest.raises(WrongState):
        extend(world, campaign)


@both_databases
def test_two_presses_at_once_write_to_nobody_twice(world):
    campaign = world.launch(people=3)
    world.add_people(20, first=3)

    def press(_):
        try:
            return extend(world, campaign).people
        except WrongState:
            return 0

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(press, range(2))) == [0, 20]
    world.send(6)
    assert Counter(world.sent_to()) == Counter(map(number, range(23)))
    assert world.status(campaign)["recipients"] == 23
    prove_figures(world)


@both_databases
def test_a_reminder_that_is_still_to_come_goes_to_everybody_and_one_that_is_out_does_not(world):
    world.add_people(2)
    steps = [{"after_days": days, "text": f"Nhac {days}: {{link}}"} for days in (2, 4)]
    campaign = world.launch(step=steps)

    def days_pass(days):
        world.send(3)
        world.execute(update(Campaign).values(launched_at=datetime.now(UTC) - timedelta(days=days)))
        world.sweep()
        world.send(3)

    days_pass(2)
    world.add_people(1, first=7)
    assert extend(world, campaign).has_left
    days_pass(4)
    assert Counter(world.sent_to()) == {number(0): 3, number(1): 3, number(7): 2}
    prove_figures(world)


def test_beyond_the_approvals_margin_an_approver_presses_who_is_no_author(world):
    world.add_people(40)
    campaign = world.draft()
    world.officer(SECOND, Role.APPROVER)
    for action, email in (
        (CampaignAction.SUBMIT, AUTHOR),
        (CampaignAction.APPROVE, APPROVER),
        (CampaignAction.LAUNCH, AUTHOR),
    ):
        world.decide(campaign, action, email)
    world.sweep()
    world.add_people(2, first=50)
    assert extend(world, campaign).has_left  # 42 of 40, within five percent
    world.add_people(2, first=60)
    assert extend(world, campaign) == SecondWave(2, has_left=False)
    with refuses(WrongState, says="đang chờ người duyệt"):
        extend(world, campaign)
    assert world.status(campaign)["recipients"] == 42
    world.add_people(1, first=70)
    with refuses(WrongState, says="từ 2 lên 3"):
        extend(world, campaign, APPROVER, people=2)
    assert extend(world, campaign, APPROVER, people=3) == SecondWave(3, has_left=True)
    assert world.status(campaign)["recipients"] == 45
    stored = world.get_one(Campaign, campaign)
    assert (stored.approved_recipients, stored.wave) == (45, None)
    actions = select(AuditEvent.action).where(AuditEvent.action.regexp_match("wave|extend"))
    assert world.all(actions.order_by(AuditEvent.id)) == [
        "campaign.extend",
        "campaign.ask_wave",
        "campaign.approve_wave",
        "campaign.extend",
    ]
    # A campaign that needs two approvals needs both again.
    settings = replace(world.runtime.settings, two_approvals_people=10)
    world.add_people(5, first=80)
    for email, has_left in ((APPROVER, False), (SECOND, True)):
        user, now = world.user(email), datetime.now(UTC)
        wave = world.do(send_second_wave, campaign, settings=settings, user=user, now=now)
        assert wave == SecondWave(5, has_left=has_left)

    # What a cancelled campaign asked for waits for nobody any more.
    def proposed():
        return [each for each, _name in world.read(read_proposed, world.user(APPROVER), Campaign.wave)]

    world.add_people(5, first=90)
    assert not extend(world, campaign).has_left
    assert proposed() == [campaign]
    world.act(campaign, CampaignAction.CANCEL)
    assert proposed() == []


def test_an_approval_of_a_wave_does_not_outlive_the_launch_that_was_undone(world):
    world.use(two_approvals_people=20)
    world.add_people(30)
    world.officer(SECOND, Role.APPROVER)
    world.officer(THIRD, Role.APPROVER)
    campaign = world.draft(window=world.closed_window())

    def launch(version):
        for email in (APPROVER, SECOND):
            world.decide(campaign, CampaignAction.APPROVE, email, version=version)
        world.decide(campaign, CampaignAction.LAUNCH)
        world.sweep()

    world.decide(campaign, CampaignAction.SUBMIT)
    launch(1)
    world.add_people(20, first=100)
    assert not extend(world, campaign, APPROVER).has_left
    world.decide(campaign, CampaignAction.UNDO)
    with pytest.raises(WrongState, match="launch_needs_new_approval"):
        world.decide(campaign, CampaignAction.LAUNCH)
    launch(2)
    assert world.status(campaign)["recipients"] == 50
    world.add_people(19, first=200)
    assert not extend(world, campaign, THIRD).has_left, "one approver alone"
    assert extend(world, campaign, SECOND).has_left


def test_a_campaign_that_takes_no_second_wave_says_why(world):
    campaign = world.launch(people=1, budget_vnd=1_000)
    world.add_people(3, first=5)
    with refuses(WrongState, says="ngân sách"):
        extend(world, campaign)
    for values, says in (
        ({"deadline": world.now}, "quá thời hạn"),
        ({"deadline": None, "cleared_at": world.now}, "không gửi thêm"),
        ({"cleared_at": None, "corrects": {"campaign": 1}}, "không gửi thêm"),
    ):
        world.execute(update(Campaign).values(**values))
        with refuses(WrongState, says=says):
            extend(world, campaign)
    world.act(campaign, CampaignAction.PAUSE)
    with refuses(WrongState, says="Tạm dừng|tạm dừng"):
        extend(world, campaign)
    assert world.status(campaign)["recipients"] == 1


def test_the_page_names_who_joined_and_one_press_writes_to_them(author, world):
    campaign = world.launch(people=1)
    page = f"/admin/campaigns/{campaign}/"
    assert "Người mới vào danh sách" not in author.get(page).text
    world.add_people(2, first=5)
    assert "2 người mới vào danh sách từ khi gửi" in author.get(page).text
    assert post(author, f"{page}extend", people="2").status_code == 303
    shows(author.get(page), "Đã xếp vào hàng gửi cho 2 người mới", but="người mới vào danh sách từ khi gửi")
    assert post(author, f"{page}extend", people="2").status_code == 422


# A wrong text that has left: one press prepares a correction to exactly those who got it.


_A = CampaignAction
RIGHT = "Dinh chinh: ung dung la Bluezone, tai tai {link}"


def prepare(world, campaign_id, variant="a"):
    return world.do(
        prepare_correcting_campaign, campaign_id, step=1, variant=variant, now=datetime.now(UTC)
    ).id


def write(world, campaign_id, text=RIGHT):
    """What the author types into the draft."""
    data = world.read(describe_campaign, world.get_one(Campaign, campaign_id), kinds=load_kinds())
    draft = read_draft({**data, "text": text}, kinds=load_kinds())
    world.do(edit_campaign, campaign_id, draft, now=datetime.now(UTC))


def send_correction(world, draft):
    """Write, approve and launch it; the numbers that it went to."""
    write(world, draft)
    for action, email in ((_A.SUBMIT, AUTHOR), (_A.APPROVE, APPROVER), (_A.LAUNCH, AUTHOR)):
        world.decide(draft, action, email)
    world.sweep()
    already = len(world.sent_to())
    world.send()
    return sorted(world.sent_to()[already:])


@both_databases
def test_exactly_those_who_got_it_get_the_correction_once_and_who_opted_out_since_does_not(world):
    world.add_people(8)
    world.add_person("Cùng máy", number(0))  # shares a number: it got one message and gets one correction
    wrong = world.sent()
    # 1 did not get it; of 2 nobody knows.
    for index, state in ((1, MessageState.UNDELIVERED), (2, MessageState.UNKNOWN)):
        phone = world.phone(number(index))
        world.execute(update(Message).where(Message.phone_id == phone).values(state=state))
    for index in (3, 4):
        world.reply(number(index), "TC", gateway_id=f"SM{index}")
    world.reply(number(5), "Nhầm số rồi", gateway_id="SM5")
    world.send()  # the confirmation
    lifted = {"reason": Closing.OPT_OUT, "note": "Xin nhận tin lại", "by": APPROVER}
    world.do(lift_suppression, world.recipient(number(4), wrong).contact_id, world.phone(number(4)), **lifted)
    world.add_people(1, first=8)  # came into the list since
    draft = prepare(world, wrong)
    assert prepare(world, wrong) == draft, "a second press finds the draft"
    with refuses(WrongState, says="y nguyên"):
        world.decide(draft, _A.SUBMIT)
    assert send_correction(world, draft) == [number(i) for i in (0, 2, 4, 6, 7)]
    assert world.status(draft)["excluded"] == {"opted_out": 1, "wrong_number": 1}


def test_who_answered_a_warning_by_an_opt_out_gets_no_correction_that_passes_others(world):
    warned = world.sent(people=2)
    world.reply(number(0), "TC", gateway_id="SM1")
    draft = prepare(world, warned)
    world.change(Campaign, draft, urgent_reason="Bão số 9", urgent_basis="Điều 5")
    counts = world.read(count_receivers, world.get_one(Campaign, draft), passes_opt_outs=True, names=0)
    assert counts[:2] == (1, {Exclusion.OPTED_OUT: 1})


def test_what_still_waits_is_paused_and_those_who_got_none_of_it_get_no_correction(world):
    wrong = world.launch(people=30, pace=5, unaccented=True, text="Moi ong/ba cai Bluzone")
    while not world.sent_to():
        world.send(0.5)
    draft = prepare(world, wrong)
    world.send(0.5)
    status = world.status(wrong)
    assert status["state"] == "paused"
    assert "đính chính" in status["pause_reason"]
    got = sorted(world.sent_to())
    assert 0 < len(got) < 30
    assert send_correction(world, draft) == got


def test_a_variant_is_corrected_to_those_who_got_that_variant(world):
    world.add_people(12)
    world.execute(update(Phone).where(Phone.e164.in_([number(0), number(1)])).values(language="sed"))
    wrong = world.sent(text_b="Ban thu hai: {link}", texts={"sed": "Tieng Xo Dang: {link}"})
    bodies = dict(world.rows(select(Phone.e164, Attempt.body).join(Phone, Phone.id == Attempt.phone_id)))
    by_variant = {
        "sed": [to for to, body in bodies.items() if body.startswith("Tieng")],
        "b": [to for to, body in bodies.items() if body.startswith("Ban thu hai")],
        "a": [to for to, body in bodies.items() if body.startswith("Chào")],
        "all": list(bodies),
    }
    assert len(by_variant["sed"]) == 2
    for variant, got in by_variant.items():
        assert counted(world, wrong, variant) == len(got)
    # What left stays what it was, whatever is known of them today.
    world.execute(update(Phone).values(language=None))
    world.execute(update(Phone).where(Phone.e164.in_([number(2), number(3)])).values(language="sed"))
    for variant, got in by_variant.items():
        assert counted(world, wrong, variant) == len(got)


def counted(world, wrong, variant):
    draft = world.get_one(Campaign, prepare(world, wrong, variant))
    return world.read(count_receivers, draft, passes_opt_outs=False, names=0)[0]


def test_a_text_that_has_not_left_is_not_corrected_and_the_correction_of_a_warning_is_a_warning(world):
    world.add_people(3)
    draft = world.draft()
    with refuses(WrongState, says="chưa gửi đi"):
        prepare(world, draft)
    warned = world.launch()
    world.change(Campaign, warned, urgent_reason="Bão số 9")
    campaign = world.get_one(Campaign, prepare(world, warned))
    assert campaign.urgent_reason == "Bão số 9"
    write(world, campaign.id)
    world.decide(campaign.id, _A.SUBMIT)
    assert world.decide(campaign.id, _A.APPROVE, APPROVER) is CampaignState.SUBMITTED, (
        "it needs a second person"
    )


def test_the_press_is_on_the_sheet_and_the_form_keeps_the_audience(author, world):
    wrong = world.sent(people=4)
    assert "Soạn tin đính chính" in author.get(f"/admin/campaigns/{wrong}/").text
    answer = post(author, f"/admin/campaigns/{wrong}/correct", step="1", variant="a")
    assert answer.status_code == 303
    shows(author.get(answer.location), "đúng những số đã nhận tin sai", TEXT.split()[-1])
    draft = int(answer.location.partition("#")[0].rstrip("/").split("/")[-1])
    assert '<strong class="figure">4</strong>' in author.get(f"/admin/campaigns/{draft}/").text
