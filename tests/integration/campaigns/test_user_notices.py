"""What waits for a user: counted in the page, told by mail once, in a bundle, and only where it is wanted."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from smtplib import SMTPRecipientsRefused

import pytest
from sqlalchemy import select

from campaigns.models.replies import Case
from campaigns.reports.user_notices import choose_notices, mail_notices, read_notices
from campaigns.rules.cases import CaseKind
from campaigns.rules.states import CampaignAction
from outreach.accounts import notices
from outreach.core.mail import send_mail
from outreach.models.accounts import MailedNotice, NoticeKind, User
from outreach.models.contacts import Upload, UploadState
from tests.support.servers import both_databases
from tests.support.world import APPROVER, AUTHOR, number

pytestmark = both_databases
K = NoticeKind


@pytest.fixture
def box(world, box):
    world.use(smtp_url=box.url)
    return box


def hand_in(world, state=UploadState.READY, email=AUTHOR):
    file = {"list_id": world.list_id, "file_name": "Tổ 2.xlsx", "size": 1, "sha256": "", "state": state}
    ended = world.now if state is UploadState.FAILED else None
    by = {"uploaded_by": world.user(email).id, "uploaded_at": world.now, "ended_at": ended}
    world.add(Upload(**file, **by))


def waiting(world, email):
    user = world.one(select(User).where(User.email == email))
    return [each.kind for each in world.read(read_notices, user)]


def mail(world, **after):
    return mail_notices(world.runtime, now=world.now + timedelta(**after))


def test_each_hears_of_what_is_theirs(world):
    campaign_id = world.draft()
    world.act(campaign_id, CampaignAction.SUBMIT)
    hand_in(world)
    hand_in(world, UploadState.FAILED)
    for hours in (1, 30):
        taken = {"opened_at": world.in_hours(-hours), "taken_at": world.in_hours(-hours)}
        world.add(Case(kind=CaseKind.QUESTION, taken_by=world.user(AUTHOR).id, **taken))
    assert waiting(world, AUTHOR) == [K.READY, K.FAILED, K.CASES]
    assert waiting(world, APPROVER) == [K.APPROVAL]
    world.act(campaign_id, CampaignAction.RETURN, APPROVER)
    assert waiting(world, AUTHOR)[0] is K.RETURNED
    assert waiting(world, APPROVER) == []


def test_a_bundle_goes_once_and_the_next_one_an_hour_later(world, box):
    world.add_people(1)
    hand_in(world)
    hand_in(world, UploadState.FAILED)
    assert [mail(world), mail(world), mail(world, minutes=5)] == [1, 0, 0]
    hand_in(world)
    assert [mail(world, minutes=30), mail(world, minutes=61), mail(world, hours=9)] == [0, 1, 0]
    assert [address for address, _ in box.mails] == [AUTHOR, AUTHOR]
    first = box.mails[0][1].get_content()
    assert "1 danh sách đã đọc xong" in first
    assert "1 tệp danh sách không đọc được" in first
    assert "/admin/notices/" in first
    for said in ("A Thun", "Tổ 2", number(0)):
        assert said not in first


def test_two_workers_send_one_mail(world, box):
    hand_in(world)
    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(lambda _n: mail(world), range(2))) == 1
    assert len(box.mails) == 1


def test_what_was_not_told_as_the_worker_was_killed_is_told_by_the_next_one(world, box, monkeypatch):
    def killed(*_args, **_letter):
        raise KeyboardInterrupt

    hand_in(world)
    monkeypatch.setattr(notices, "send_mail", killed)
    with pytest.raises(KeyboardInterrupt):
        mail(world)
    monkeypatch.undo()
    assert [mail(world, minutes=5), mail(world, minutes=10)] == [1, 0]


def test_a_server_that_is_away_is_tried_again(world, box):
    hand_in(world)
    world.use(smtp_url="smtp://127.0.0.1:1")
    with pytest.raises(OSError, match="refused"):
        mail(world)
    world.use(smtp_url=box.url)
    assert [mail(world, minutes=5), mail(world, minutes=10)] == [1, 0]


def test_a_mailbox_that_is_full_keeps_nobody_elses_mail(world, box, monkeypatch):
    def send(url, *, to, **values):
        if to == [AUTHOR]:
            raise SMTPRecipientsRefused({AUTHOR: (452, b"full")})
        return send_mail(url, to=to, **values)

    hand_in(world)
    hand_in(world, email=APPROVER)
    monkeypatch.setattr(notices, "send_mail", send)
    assert mail(world) == 1
    monkeypatch.undo()
    assert mail(world, minutes=5) == 1
    assert [address for address, _ in box.mails] == [APPROVER, AUTHOR]


def test_what_is_not_wanted_is_neither_counted_nor_mailed(world, box):
    hand_in(world)
    world.do(choose_notices, wanted=[K.CASES])
    assert waiting(world, AUTHOR) == []
    assert mail(world) == 0
    assert world.all(select(MailedNotice)) == []
