"""Above an audience or a cost that the settings name it takes two people, neither an author, to approve a campaign."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from campaigns.lifecycle import perform_action
from campaigns.models.campaigns import Campaign
from campaigns.models.replies import AnswerPlace, Reply, ReplyState
from campaigns.planning.approvals import send_approval_mail
from campaigns.planning.drafts import describe_campaign, newest_version
from campaigns.planning.kinds import load_kinds
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import CampaignAction, CampaignState
from outreach.models.accounts import Role, User
from outreach.models.contacts import Contact
from outreach.rules.errors import BadCampaign, LoaError, WrongState
from tests.support.admin_client import shows, signed_in, token
from tests.support.errors import refuses
from tests.support.servers import both_databases
from tests.support.world import APPROVER, AUTHOR, number

SECOND, THIRD = "duyet2@loa.example", "duyet3@loa.example"
_A = CampaignAction


@pytest.fixture
def large(world):
    """A submitted campaign to five people, where three are many; its id."""
    world.use(two_approvals_people=3, approved_growth_percent=50)
    world.add_people(5)
    for email in (SECOND, THIRD):
        world.officer(email, Role.APPROVER)
    campaign_id = world.draft()
    world.decide(campaign_id, _A.SUBMIT, AUTHOR)
    return campaign_id


def start_at(world, campaign_id, moment):
    """Let it have been submitted with this start."""
    with world.runtime.db.write() as session:
        campaign, version = session.get_one(Campaign, campaign_id), newest_version(session, campaign_id)
        assert version is not None
        campaign.starts_at = moment
        version.data = describe_campaign(session, campaign, kinds=load_kinds())


def test_two_different_people_approve_and_an_approval_falls_with_what_it_was_for(world, large):
    assert world.decide(large, _A.APPROVE, APPROVER) is CampaignState.SUBMITTED
    with pytest.raises(WrongState):
        world.decide(large, _A.APPROVE, APPROVER)
    with pytest.raises(WrongState):
        world.decide(large, _A.LAUNCH, AUTHOR)
    assert world.decide(large, _A.RETURN, SECOND) is CampaignState.DRAFT
    world.decide(large, _A.SUBMIT, AUTHOR)
    assert world.decide(large, _A.APPROVE, SECOND) is CampaignState.SUBMITTED
    assert world.decide(large, _A.APPROVE, THIRD) is CampaignState.APPROVED
    assert world.decide(large, _A.LAUNCH, AUTHOR) is CampaignState.SENDING


@pytest.mark.parametrize("change", [{"is_active": False}, {"role": Role.STAFF}])
def test_an_approver_who_has_left_or_may_not_any_more_counts_no_more_toward_two(world, large, change):
    world.decide(large, _A.APPROVE, SECOND)
    world.execute(update(User).where(User.email == SECOND).values(**change))
    assert world.decide(large, _A.APPROVE, APPROVER) is CampaignState.SUBMITTED
    assert world.decide(large, _A.APPROVE, THIRD) is CampaignState.APPROVED


def test_a_list_that_grew_since_its_one_approval_does_not_go(world, large):
    world.use(two_approvals_people=6)
    assert world.decide(large, _A.APPROVE, APPROVER) is CampaignState.APPROVED
    world.add_people(1, first=5)
    with refuses(WrongState, says="hai người duyệt"):
        world.decide(large, _A.LAUNCH, AUTHOR)


@pytest.mark.parametrize("how", ["at its start date", "after a pause", "between the press and the start"])
def test_an_audience_that_has_grown_by_its_start_waits_for_a_second_and_then_goes(world, large, box, how):
    world.use(smtp_url=box.url)
    world.use(two_approvals_people=6)
    starts_at = world.now - timedelta(minutes=1)
    if how != "between the press and the start":
        start_at(world, large, world.in_hours(1))
    world.decide(large, _A.APPROVE, APPROVER)
    world.decide(large, _A.LAUNCH, AUTHOR)
    if how == "after a pause":
        world.decide(large, _A.PAUSE, AUTHOR)
    world.add_people(1, first=5)
    start_at(world, large, starts_at)
    if how == "after a pause":
        world.decide(large, _A.RESUME, AUTHOR)

    world.sweep()

    status = world.status(large)
    assert status["state"] == "paused"
    assert "người thứ hai" in status["pause_reason"]
    world.send(0.2)
    assert world.sent_to() == []
    send_approval_mail(world.runtime, large, now=datetime.now(UTC))
    assert {to for to, _mail in box.mails} == {SECOND, THIRD}
    with pytest.raises(WrongState, match="approved_by_you"):
        world.decide(large, _A.APPROVE, APPROVER)
    world.decide(large, _A.RESUME, AUTHOR)
    world.sweep()
    assert world.status(large)["state"] == "paused", "an author's press is no approval"

    assert world.decide(large, _A.APPROVE, SECOND) is CampaignState.SENDING
    world.sweep()
    world.send()
    assert len(world.sent_to()) == 6


def test_two_who_approve_at_once_are_two(world, large):
    with ThreadPoolExecutor(2) as pool:
        states = list(pool.map(lambda email: world.decide(large, _A.APPROVE, email), (SECOND, THIRD)))
    assert sorted(states) == [CampaignState.APPROVED, CampaignState.SUBMITTED]


def test_one_who_approves_twice_at_once_is_one(world, large):
    def try_to(_turn):
        try:
            return world.decide(large, _A.APPROVE, SECOND).value
        except LoaError:
            return "refused"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(try_to, range(2))) == ["refused", "submitted"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_page_the_command_and_the_mail_say_that_a_second_is_needed(world, large, box):
    world.use(smtp_url=box.url)
    app = world.app()
    client = signed_in(app.test_client(), APPROVER)
    sheet = f"/admin/campaigns/{large}/"
    assert "cần hai người duyệt" in client.get(sheet).text
    form = {"csrf_token": token(client)}
    done = client.post(f"{sheet}approve", data=form, follow_redirects=True).text
    assert "lần duyệt thứ nhất" in done
    assert "Đang chờ người thứ hai duyệt" in done
    assert f'action="{sheet}approve"' not in done
    send_approval_mail(world.runtime, large, now=datetime.now(UTC))
    assert {to for to, _mail in box.mails} == {SECOND, THIRD}
    assert "người thứ hai" in str(box.mails[0][1]["Subject"])
    runner = app.test_cli_runner()
    typed = runner.invoke(args=["campaigns", "approve", str(large), "--as", SECOND, "--json"])
    assert json.loads(typed.stdout)["state"] == "approved"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_who_is_to_be_the_second_finds_the_button_and_the_first_does_not(world, large):
    world.use(two_approvals_people=6)
    world.decide(large, _A.APPROVE, APPROVER)
    world.decide(large, _A.LAUNCH, AUTHOR)
    world.add_people(1, first=5)
    world.sweep()
    app, sheet = world.app(), f"/admin/campaigns/{large}/"
    button = f'action="{sheet}approve"'
    for email in (AUTHOR, APPROVER):
        shows(signed_in(app.test_client(), email).get(sheet), "Chưa có tin nào được gửi", but=button)
    client = signed_in(app.test_client(), SECOND)
    assert button in client.get(sheet).text
    client.post(f"{sheet}approve", data={"csrf_token": token(client)})
    assert world.status(large)["state"] == "sending"


# Invitations: who will come is no result, who came is; and a message is not submitted before place and
# time are filled in.


INVITED = "Moi ong/ba hop thon. Tra loi: 1 toi se den, 2 toi khong den duoc, TC tu choi"


@both_databases
def test_who_will_come_is_counted_apart_and_only_who_came_is_a_result(world):
    campaign = world.sent(people=4, kind="moi-du", text=INVITED, goal={"share": 0.5})
    world.reply(number(0), "1", gateway_id="SM1")
    world.reply(number(1), "da chau se di a", gateway_id="SM2")
    world.reply(number(2), "toi ban qua khong di duoc", gateway_id="SM3")
    world.press(campaign, "own-1", index=3)
    status = world.status(campaign)
    assert [(each["text"], each["people"]) for each in status["own_answers"]] == [
        ("Tôi sẽ đến", 3),
        ("Tôi không đến được", 1),
        ("Tôi cần giúp đi lại", 0),
    ]
    assert status["self_reported"]["installed"] == 0, "a promise is no result"
    assert world.recipient(number(3), campaign).wants_reminder, "who will come is reminded of it"

    came = world.first(select(Contact.id).order_by(Contact.id))
    assert came
    world.tell(came, campaign, Label.INSTALLED, AnswerPlace.MEETING)  # after the meeting
    assert world.status(campaign)["self_reported"]["installed"] == 1


def test_a_text_with_a_gap_is_not_submitted_until_it_is_filled_in(world):
    world.add_people(1)
    for gap in (
        {"text": "Mời họp tại [địa điểm]. TC từ chối"},
        {"text": INVITED, "step": [{"text": "Nhắc họp lúc [giờ, ngày]. TC từ chối", "after_days": 1}]},
    ):
        draft = world.draft(kind="moi-du", name=str(len(gap)), **gap)
        with refuses(BadCampaign, says=r"còn chỗ phải điền: .*\["):
            perform_action(
                world.runtime, draft, CampaignAction.SUBMIT, user=world.user(AUTHOR), now=world.now
            )
    draft = world.draft(kind="moi-du", text=f"[QC] {INVITED}")
    done = perform_action(world.runtime, draft, CampaignAction.SUBMIT, user=world.user(AUTHOR), now=world.now)
    assert done.state is CampaignState.SUBMITTED


def test_the_third_answer_asks_for_help_where_nothing_else_is_third(world):
    campaign = world.sent(
        people=3, kind="tiem-chung", text="Moi di tiem. Tra loi: 1 da tiem, 2 chua, 3 can giup, TC"
    )
    for index, body in enumerate(("3", "Số 3 ạ", "4")):
        world.reply(number(index), body, gateway_id=f"SM{index}")
        assert world.recipient(number(index), campaign).answer is Label.NEED_HELP


def test_a_bare_yes_right_after_the_question_is_its_answer(world):
    """After our thanks or a reply of the same person it is none; a mere "dạ" waits for an officer."""
    world.add_people(5)
    asked = f"Ong/ba co den hop thon duoc khong? {INVITED}"
    campaign = world.sent(kind="moi-du", text=asked)
    for n, body in enumerate(("có", "ko ạ", "dạ", "mấy giờ vậy?", "TC")):
        world.reply(number(n), body, gateway_id=f"SM{n}")
    world.reply(number(3), "ok", gateway_id="SM8")
    world.reply(number(1), "ok chị", gateway_id="SM9")
    status = world.status(campaign)
    assert [each["people"] for each in status["own_answers"]] == [1, 1, 0]
    replies = {reply.gateway_id: reply for reply in world.all(select(Reply).order_by(Reply.id))}
    assert replies["SM2"].state is ReplyState.INBOX
    assert replies["SM4"].label is Label.OPT_OUT
