"""The calendar: what goes to whom when, and who would get a third message within seven days, within each reader's scope."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from campaigns.analytics.calendar import ShownCollision, read_calendar, read_collisions
from campaigns.models.campaigns import Campaign, CampaignComment
from campaigns.planning.comments import count_open, read_comments, settle_comment, write_comment
from campaigns.planning.kinds import load_kinds
from campaigns.planning.preview import AudiencePreview, Cost, dearest_reply, estimate
from campaigns.privacy.retention import clear_campaign
from campaigns.reports.user_notices import read_notices
from campaigns.rules.draft import StepDraft, read_stored_draft
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import CampaignAction, CampaignState
from outreach.accounts.users import find_user
from outreach.contacts.contact import Closing, lift_suppression, suppress_number
from outreach.contacts.phones import remove_number
from outreach.models.accounts import AuditEvent, NoticeKind, Role
from outreach.rules.errors import BadInput, NotAllowed, NotFound, WrongState
from outreach.rules.quiet_days import Period, QuietDays
from tests.support.admin_client import post, shows, signed_in
from tests.support.servers import both_databases
from tests.support.world import APPROVER, AUTHOR, number

OUTSIDER = "hoi@loa.example"


def later(world, days):
    return (world.now.astimezone(VIETNAM) + timedelta(days=days)).replace(
        hour=9, minute=0, second=0, microsecond=0
    )


def planned(world, days, **changes):
    """A campaign, approved and scheduled so many days ahead; its id."""
    campaign_id = world.draft(starts_at=later(world, days).isoformat(), **changes)
    for action, email in ((CampaignAction.SUBMIT, AUTHOR), (CampaignAction.APPROVE, "duyet@loa.example")):
        world.act(campaign_id, action, email)
    world.act(campaign_id, CampaignAction.LAUNCH)
    return campaign_id


def collisions(world, email=AUTHOR, *, of=None):
    world.runtime.redis.flushdb()
    user = world.user(email)
    return world.read(read_collisions, user, runtime=world.runtime, campaign_id=of)


def entries(world, email=AUTHOR):
    user, today = world.user(email), world.now.astimezone(VIETNAM).date()
    return world.read(
        read_calendar,
        user,
        today - timedelta(days=7),
        today + timedelta(days=60),
        settings=world.runtime.settings,
    )


@both_databases
def test_what_was_sent_and_what_is_planned_stand_at_their_days(world):
    sent = world.sent(people=3, step=[{"after_days": 3, "at": "18:00", "text": "Nhắc: {link} TC thôi nhận"}])
    dated = world.draft(name="Nháp", starts_at=later(world, 9).isoformat())
    world.draft(name="Không ngày")
    today = world.now.astimezone(VIETNAM).date()
    told = [
        (each.campaign_id, each.step, (each.day - today).days, each.sent, each.planned)
        for each in entries(world)
    ]
    assert told == [(sent, 1, 0, 3, None), (sent, 2, 3, None, 3), (dated, 1, 9, None, None)]
    # A day without sending puts the reminder off, in the calendar as in the sweep.
    days = QuietDays(periods=(Period(today + timedelta(days=3), today + timedelta(days=4), ""),))
    world.use(quiet_days=days)
    assert [(each.day - today).days for each in entries(world)] == [0, 5, 9]


@both_databases
def test_a_slow_campaign_is_spread_over_its_days(world):
    world.add_people(5)
    slow = planned(world, 2, pace=0.1, window=["09:00", "09:01"])  # six messages a day
    world.change(Campaign, slow, approved_recipients=15)
    told = [(each.planned, f"{each.at.astimezone(VIETNAM):%H:%M}") for each in entries(world)]
    assert told == [(6, "09:00"), (6, "09:00"), (3, "09:00")]


@both_databases
def test_a_third_message_within_a_week_is_told_with_the_campaigns_of_ones_scope(world, client):
    first = world.sent(people=3, name="Đợt một")
    second = planned(world, 2, name="Đợt hai")
    third = planned(world, 4, name="Ba")
    assert collisions(world) == {
        third: [ShownCollision(1, 3, False, [(first, "Đợt một"), (second, "Đợt hai")], 0)]
    }
    # A draft is judged in its own review, and counts for nobody else.
    draft = world.draft(name="Nháp", starts_at=later(world, 3).isoformat())
    assert [row.phones for row in collisions(world, of=draft)[draft]] == [3]
    other = world.organisation(below=None)
    world.officer(OUTSIDER, Role.STAFF, other)
    world.change(Campaign, third, organisation_id=other)
    assert collisions(world, OUTSIDER) == {third: [ShownCollision(1, 3, False, [], 2)]}
    assert {each.campaign_id for each in entries(world, OUTSIDER)} == {third}
    page = signed_in(client, OUTSIDER).get("/admin/calendar/?collisions=1").text
    assert "3 số sẽ nhận tin thứ ba" in page
    assert "2 chiến dịch của đơn vị khác" in page
    assert "Đợt" not in page
    assert client.get(f"/admin/calendar/collisions?campaign={first}").status_code == 404
    world.change(Campaign, second, state=CampaignState.CANCELLED)
    assert collisions(world) == {}


def test_a_draft_is_told_who_was_written_to_by_another_campaign_shortly_before(world, client):
    first = world.sent(people=3, name="Đợt một")
    world.add_people(2, first=3)
    world.now = datetime.now(UTC)
    draft = world.draft(name="Nháp")
    assert collisions(world, of=draft) == {
        draft: [ShownCollision(1, 3, False, [(first, "Đợt một")], 0, of=5)]
    }
    page = signed_in(client, AUTHOR).get(f"/admin/calendar/collisions?campaign={draft}").text
    assert "3 trong 5 số vừa nhận tin của chiến dịch khác trong 24 giờ trước đó" in page
    far = world.draft(name="Xa", starts_at=later(world, 3).isoformat())
    assert collisions(world, of=far) == {}


@both_databases
def test_people_who_asked_for_no_messages_are_in_no_collision(world):
    world.sent(people=3, name="Đợt một")
    world.reply(number(0), "TC", gateway_id="SMstop")
    planned(world, 2)
    third = planned(world, 4)
    assert [row.phones for row in collisions(world)[third]] == [2]


def test_whom_an_officer_opened_again_is_in_the_collisions_of_a_reminder(world):
    world.sent(people=3, name="Đợt một", step=[{"after_days": 3, "text": "Nhắc: {link}"}])
    world.reply(number(0), "TC", gateway_id="SMstop")
    planned(world, 2)
    planned(world, 2, name="Đợt ba")
    assert [row.phones for row in collisions(world)[1]] == [2]
    again = {"reason": Closing.OPT_OUT, "note": "bà xin nhận lại", "by": APPROVER}
    world.do(lift_suppression, 1, world.phone(number(0)), **again)
    assert [row.phones for row in collisions(world)[1]] == [3]
    world.do(suppress_number, 1, world.phone(number(0)), reason=Closing.OPT_OUT, note="bà xin thôi")
    world.do(remove_number, 1, world.phone(number(0)), note="đổi số", right_number=number(9))
    assert [row.phones for row in collisions(world)[1]] == [2]


# Comments beside a campaign's cards: written, answered, settled, carried back to the author, and removed
# in the end.


def write(world, campaign_id, email=APPROVER, **more):
    values = {"card": "whom", "text": "Vì sao có cả phường Quyết Thắng?", **more}
    return world.do(write_comment, campaign_id, by=email, **values).id


def test_a_comment_at_a_campaign_that_is_over_waits_for_nobody(world):
    """Nobody can answer or settle it any more."""
    campaign_id = world.draft()
    world.act(campaign_id, CampaignAction.SUBMIT)
    write(world, campaign_id)
    author = world.read(find_user, AUTHOR)
    assert [each.kind for each in world.read(read_notices, author)] == [NoticeKind.COMMENT]
    world.change(Campaign, campaign_id, state=CampaignState.CANCELLED)
    assert world.read(read_notices, author) == []


@both_databases
def test_a_comment_is_open_until_it_is_settled_and_a_reply_opens_it_again(world):
    campaign_id = world.draft()
    world.act(campaign_id, CampaignAction.SUBMIT)
    first = write(world, campaign_id)
    write(world, campaign_id, card="words", text="Một\r\nhai ")
    assert dict(count_open(world.read(read_comments, campaign_id))) == {"whom": 1, "words": 1}
    for _ in range(2):
        world.do(settle_comment, campaign_id, first)
    assert dict(count_open(world.read(read_comments, campaign_id))) == {"whom": 0, "words": 1}
    reply = write(world, campaign_id, AUTHOR, card="when", text="Theo công văn 12.", reply_to=first)
    assert dict(count_open(world.read(read_comments, campaign_id))) == {"whom": 1, "words": 1}
    talk = world.read(read_comments, campaign_id)
    actions = select(AuditEvent.action).where(AuditEvent.action.contains("comment"))
    assert sorted(world.all(actions)) == ["campaign.comment"] * 3 + ["campaign.settle_comment"]
    assert [each.text for each in talk["words"]] == ["Một\nhai"]
    [shown] = talk["whom"]
    assert [(each.by, each.text) for each in shown.replies] == [(AUTHOR, "Theo công văn 12.")]
    with pytest.raises(NotFound):
        world.do(settle_comment, campaign_id, reply)


@both_databases
def test_a_comment_waits_for_the_other_until_it_is_answered_or_settled(world):
    def waits_for():
        users = {email: world.read(find_user, email) for email in (AUTHOR, APPROVER, "khac@loa.example")}
        found = {email: world.read(read_notices, user) for email, user in users.items()}
        return {email for email, each in found.items() if any(one.kind is NoticeKind.COMMENT for one in each)}

    world.officer("khac@loa.example", Role.APPROVER)
    campaign_id = world.draft()
    world.act(campaign_id, CampaignAction.SUBMIT)
    first = write(world, campaign_id)
    assert waits_for() == {AUTHOR}
    write(world, campaign_id, AUTHOR, text="Theo công văn 12.", reply_to=first)
    assert waits_for() == {APPROVER}
    world.do(settle_comment, campaign_id, first, by=APPROVER)
    assert waits_for() == set()


REFUSED = [
    ({"text": "  \n"}, BadInput),
    ({"text": "x" * 1001}, BadInput),
    ({"card": "sending"}, NotFound),
    ({"reply_to": 999}, NotFound),
    ({"email": "lanhdao@loa.example"}, NotAllowed),
    ({"email": "khac@loa.example"}, NotFound),
]


def test_what_is_no_comment_and_who_may_not_write_one(world):
    campaign_id, other = world.draft(), world.draft()
    of_another = write(world, other)
    world.officer("lanhdao@loa.example", Role.LEADER)
    world.officer("khac@loa.example", Role.STAFF, world.organisation(below=None))
    for values, error in [*REFUSED, ({"reply_to": of_another}, NotFound)]:
        with pytest.raises(error):
            write(world, campaign_id, **values)
    world.act(campaign_id, CampaignAction.CANCEL)
    with pytest.raises(WrongState):
        write(world, campaign_id)
    assert dict(count_open(world.read(read_comments, campaign_id))) == {}


@both_databases
def test_comments_are_removed_with_the_campaigns_personal_data(world):
    world.add_people(1)
    campaign_id = world.draft()
    write(world, campaign_id, reply_to=write(world, campaign_id))
    world.act(campaign_id, CampaignAction.CANCEL)
    clear_campaign(world.runtime, campaign_id, days=1, now=world.now + timedelta(days=2))
    assert world.count(CampaignComment) == 0


def test_the_author_finds_the_approvers_comments_when_a_campaign_comes_back(client, world):
    campaign_id = world.draft()
    world.act(campaign_id, CampaignAction.SUBMIT)
    page = f"/admin/campaigns/{campaign_id}/"
    signed_in(client, APPROVER)
    assert post(client, f"{page}comments", card="whom", comment="Bỏ <b>phường</b> ra.").status_code == 303
    refused = post(client, f"{page}comments", card="when", comment=" ")
    assert refused.status_code == 422
    assert 'id="error-comment-comment-when-None"' in refused.text
    world.act(campaign_id, CampaignAction.RETURN, APPROVER)
    shown = signed_in(client, AUTHOR).get(page).text
    assert "Bỏ &lt;b&gt;phường&lt;/b&gt; ra." in shown
    assert "Còn 1 góp ý chưa giải quyết" in shown
    assert "Góp ý chưa giải quyết:" in shown
    comment = world.one(select(CampaignComment.id))
    assert post(client, f"{page}comments/{comment}/settle").status_code == 303
    shows(client.get(page), "1 góp ý đã giải quyết", but="chưa giải quyết")


# What a step is reckoned to cost, by all of its texts.


ONE, TWO, THREE = "a" * 160, "a" * 161, "a" * 307  # segments of GSM-7: 160 alone, 153 in a chain
# Accents are dropped in Vietnamese and Xơ Đăng, and kept in Gia Rai.
PLAIN = SimpleNamespace(unaccented=True, unaccented_languages=("sed",), fields={})
STEPS = [
    (StepDraft(ONE), Cost(1, 1, 1, 10, 3_000)),
    (StepDraft(ONE, text_b=THREE), Cost(1, 1, 3, 20, 6_000)),
    (StepDraft(THREE, text_b=ONE), Cost(1, 1, 3, 20, 6_000)),
    (StepDraft(ONE, texts={"sed": TWO, "jra": ONE}), Cost(1, 1, 2, 20, 6_000, is_upper=True)),
    (StepDraft(TWO, texts={"sed": ONE}), Cost(1, 2, 2, 20, 6_000, is_upper=True)),
    (StepDraft(ONE, text_b=TWO, texts={"sed": THREE}), Cost(1, 1, 3, 30, 9_000, is_upper=True)),
    (StepDraft(ONE, texts={"sed": "ă" * 160}), Cost(1, 1, 1, 10, 3_000, is_upper=True)),
    (StepDraft(ONE, texts={"jra": "ă" * 160}), Cost(1, 1, 3, 30, 9_000, is_upper=True)),
]


def test_the_dearest_acknowledgement_counts_and_on_the_page_alone_that_of_an_opt_out():
    kinds = load_kinds()
    content = {"answers": {"installed": {"reply": TWO}, "opt_out": {"reply": ONE}}}
    data = {"name": "A", "text": ONE, "lists": ["MTTQ/A"], "sender": "MTTQ", "content": content}
    draft, audience = read_stored_draft(data, kinds=kinds), AudiencePreview(10, {}, ["A"])
    found = [dearest_reply(draft, audience, link="", takes_replies=takes) for takes in (True, False)]
    assert found == [2, 1]


@pytest.mark.parametrize(("step", "cost"), STEPS, ids=range(len(STEPS)))
def test_a_step_costs_what_all_of_its_texts_take(step, cost):
    audience = AudiencePreview(10, {}, ["Y Hlan", "A Thun"])
    assert estimate(step, audience, link="https://l.example/x", price=300, accents=PLAIN) == cost
