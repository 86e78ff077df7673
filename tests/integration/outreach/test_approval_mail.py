"""Approval by mail: to whom, what it says and does not say, and a mail server that is away."""

from datetime import UTC, datetime
from smtplib import SMTPRecipientsRefused

import pytest

from campaigns.planning import approvals
from campaigns.planning.approvals import enqueue_overdue_approval_mail, send_approval_mail
from campaigns.rules.states import CampaignAction
from outreach.accounts import notices
from outreach.core.job_queue import DEFAULT, open_queue
from outreach.core.mail import send_mail
from outreach.models.accounts import Role
from outreach.use_cases import enqueue_approval_mail
from tests.support.world import APPROVER, AUTHOR


@pytest.fixture
def database_url(sqlite_url):
    return sqlite_url


def notify(world, campaign_id):
    return send_approval_mail(world.runtime, campaign_id, now=datetime.now(UTC))


def test_the_request_goes_to_approvers_and_the_decision_to_the_author_once_each(world, box):
    world.use(smtp_url=box.url)
    world.add_people(2)
    campaign_id = world.draft(name="Vận động đợt 1")
    assert notify(world, campaign_id) == 0
    world.act(campaign_id, CampaignAction.SUBMIT)
    assert [notify(world, campaign_id), notify(world, campaign_id)] == [1, 0]
    world.act(campaign_id, CampaignAction.APPROVE, APPROVER)
    assert [notify(world, campaign_id), notify(world, campaign_id)] == [1, 0]
    assert [address for address, _ in box.mails] == [APPROVER, AUTHOR]
    request, decision = (mail for _, mail in box.mails)
    assert request["Subject"] == "Chờ duyệt: Vận động đợt 1"
    assert request["From"] == "loa@loa.example"
    assert decision["Subject"] == "Đã duyệt: Vận động đợt 1"
    for mail in (request, decision):
        text = mail.get_content()
        assert mail.get_content_type() == "text/plain"
        assert f"{world.runtime.settings.public_base_url}/admin/campaigns/{campaign_id}/" in text
        assert "A Thun" not in text
        assert "+84" not in text


def test_a_campaigns_name_ends_no_line_of_the_mails_head_and_writes_nothing_into_its_body(world, box):
    world.use(smtp_url=box.url)
    encoded = "=?utf-8?q?x=0d=0aReply-To:_x@a.vn=0d=0a=0d=0aHi_http://x.vn?="
    campaign_id = world.draft(name=f"Bão {encoded} số 3")
    world.act(campaign_id, CampaignAction.SUBMIT)
    assert notify(world, campaign_id) == 1
    (_, mail) = box.mails[0]
    assert mail["Reply-To"] is None
    assert mail["Subject"].startswith("Chờ duyệt: Bão = ?utf-8")
    assert mail.get_content().startswith("Kính gửi")


def test_a_mail_server_that_is_away_fails_the_job_and_the_next_run_sends(world, box):
    campaign_id = world.draft()
    world.act(campaign_id, CampaignAction.SUBMIT)
    world.use(smtp_url="smtp://127.0.0.1:1")
    with pytest.raises(OSError, match="refused"):
        notify(world, campaign_id)
    world.use(smtp_url=box.url)
    assert notify(world, campaign_id) == 1
    assert len(box.mails) == 1


def test_without_a_mail_server_nothing_is_enqueued(world):
    campaign_id = world.draft()
    world.act(campaign_id, CampaignAction.SUBMIT)
    queue = open_queue(DEFAULT, world.runtime.redis)
    enqueue_approval_mail(world.runtime, campaign_id)
    assert queue.count == 0
    world.use(smtp_url="smtp://127.0.0.1:1")
    enqueue_approval_mail(world.runtime, campaign_id)
    [job] = queue.jobs
    assert (job.func_name, job.args, job.retries_left) == ("workers.jobs.approval_mail_job", [campaign_id], 3)


def test_mail_that_did_not_go_is_enqueued_again_within_minutes(world, box):
    campaign_id = world.draft()
    world.act(campaign_id, CampaignAction.SUBMIT)
    now = datetime.now(UTC)
    assert enqueue_overdue_approval_mail(world.runtime, now=now) == 0
    world.use(smtp_url=box.url)
    assert [enqueue_overdue_approval_mail(world.runtime, now=now) for _ in range(2)] == [1, 0]
    assert notify(world, campaign_id) == 1
    world.runtime.redis.delete("loa:notices")
    assert enqueue_overdue_approval_mail(world.runtime, now=now) == 0


def test_one_bad_address_does_not_keep_the_mail_from_the_others(box):
    to = ["nobody@loa.example", "a@loa.example\r\nBcc: b@loa.example", "duyet@loa.example"]
    assert send_mail(box.url, to=to, subject="Chờ duyệt", body="Mời xem.\n") == 1
    assert [address for address, _ in box.mails] == ["duyet@loa.example"]


def test_an_approver_whose_server_puts_the_mail_off_gets_it_later(world, box):
    world.use(smtp_url=box.url)
    campaign_id = world.draft()
    world.act(campaign_id, CampaignAction.SUBMIT)
    box.put_off[APPROVER] = "450 greylisted"
    with pytest.raises(SMTPRecipientsRefused):
        notify(world, campaign_id)
    box.put_off.clear()
    assert notify(world, campaign_id) == 1
    assert [address for address, _ in box.mails] == [APPROVER]


@pytest.fixture
def asked(world, box):
    """A campaign that two approvers are asked about, and the mail server."""
    world.use(smtp_url=box.url)
    world.officer("hai@loa.example", Role.APPROVER)
    campaign_id = world.draft()
    world.act(campaign_id, CampaignAction.SUBMIT)
    return box, campaign_id


def test_two_workers_send_a_mail_once_and_after_a_crash_the_next_one_tells_the_others_alone(
    world, asked, monkeypatch
):
    box, campaign_id = asked
    beside = []

    def crash(*args, to, **letter):
        beside.append(notify(world, campaign_id))
        if len(beside) == 2:
            raise KeyboardInterrupt  # the process is killed
        return send_mail(*args, to=to, **letter)

    monkeypatch.setattr(notices, "send_mail", crash)
    with pytest.raises(KeyboardInterrupt):
        notify(world, campaign_id)
    monkeypatch.undo()
    assert beside == [0, 0]
    assert notify(world, campaign_id) == 1
    assert sorted(address for address, _ in box.mails) == sorted([APPROVER, "hai@loa.example"])


def test_a_worker_that_looked_before_another_one_had_sent_tells_nobody_again(world, asked, monkeypatch):
    box, campaign_id = asked
    beside = []
    due_mail = approvals._due_mail

    def look(*args, **of):
        found = due_mail(*args, **of)
        if not beside:
            beside.append(0)
            notify(world, campaign_id)
        return found

    monkeypatch.setattr(approvals, "_due_mail", look)
    notify(world, campaign_id)
    assert sorted(address for address, _ in box.mails) == sorted([APPROVER, "hai@loa.example"])


def test_whose_mailbox_is_full_gets_the_mail_later_and_the_others_get_it_once(world, asked):
    box, campaign_id = asked
    box.put_off[APPROVER] = "452 full"
    with pytest.raises(SMTPRecipientsRefused):
        notify(world, campaign_id)
    box.put_off.clear()
    assert [notify(world, campaign_id), notify(world, campaign_id)] == [1, 0]
    assert sorted(address for address, _ in box.mails) == sorted([APPROVER, "hai@loa.example"])


def test_a_password_is_not_sent_without_encryption(box):
    with pytest.raises(Exception, match="no encryption"):
        send_mail(box.url.replace("127", "loa:secret@127"), to=[AUTHOR], subject="Thử", body="Thử.\n")
    assert box.mails == []
