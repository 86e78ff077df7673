"""A campaign's reach in the office: by step, organisation and place, for whoever may see it, and as a file."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import select, update

from campaigns.analytics.campaign_status import read_sending_panel
from campaigns.analytics.reach import read_reach
from campaigns.cases.merge_people import merge_people
from campaigns.delivery.record_outcomes import apply_reports
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.messages import Attempt, Message
from campaigns.reports.settings import current_template
from campaigns.reports.take_snapshot import take_snapshot
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import AttemptReport, AttemptState, Exclusion, MessageState, SkipReason
from outreach.models.accounts import AuditEvent, Organisation
from tests.integration.admin.test_progress import LEADER, NEIGHBOUR, launch, places
from tests.integration.campaigns.test_answer_totals import says
from tests.support.admin_client import post, signed_in
from tests.support.servers import both_databases
from tests.support.world import AUTHOR

__all__ = ["places"]


@pytest.fixture
def campaign(places):
    """Eight recipients in two organisations, all written to; the first one's message arrived and they installed."""
    campaign_id = launch(places)
    places.send()
    with places.runtime.db.write() as session:
        first = session.scalars(select(Recipient.id).order_by(Recipient.id)).first()
        assert first
        session.execute(
            update(Message).where(Message.recipient_id == first).values(state=MessageState.DELIVERED)
        )
        session.execute(update(Organisation).where(Organisation.code == "PN").values(name="=Hội Phụ nữ"))
    says(places, first, Label.INSTALLED)
    return campaign_id


@both_databases
def test_the_page_tells_each_step_organisation_and_place_to_those_who_may_see_them(campaign, client):
    path = f"/admin/campaigns/{campaign}/reach/"
    signed_in(client, LEADER)
    page = client.get(path).text
    for told in ("Tin đầu", "Đã đến máy", "Tự khai báo đã cài", "Đếm lúc", "Huyện Kon Tum", "=Hội Phụ nữ"):
        assert told in page
    assert "Theo nhà mạng và nhà cung cấp" in page
    assert "MobiFone" in page.split("Theo nhà mạng")[1]
    assert "Xã 23281" not in re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL), "but on the map"
    assert "Xã 23281" in client.get(f"{path}?district=608&step=1").text
    signed_in(client, NEIGHBOUR)
    page = client.get(path).text
    assert "Theo nhà mạng" not in page
    assert "Ủy ban MTTQ" not in page.split("Theo tổ chức")[1]
    assert "<strong>4</strong>" in page


@both_databases
def test_each_number_leads_to_its_people_where_the_reader_may_see_them(places, campaign, client):
    with places.runtime.db.write() as session:
        ids = session.scalars(
            select(Message.id)
            .where(Message.campaign_id == campaign, Message.step_id.is_not(None))
            .order_by(Message.id)
        ).all()
        for message, state, reason in (
            (ids[1], MessageState.UNDELIVERED, None),
            (ids[2], MessageState.SKIPPED, SkipReason.REPEATED),
        ):
            session.execute(
                update(Message).where(Message.id == message).values(state=state, skip_reason=reason)
            )
        failed = session.get_one(Message, ids[1])
        for n, cause in enumerate(("unknown_number", "unreachable"), start=2):
            attempt = {"message_id": failed.id, "n": n, "phone_id": failed.phone_id, "stream_id": campaign}
            attempt |= {"state": AttemptState.UNDELIVERED, "cause": cause, "worker": "", "body": ""}
            session.add(Attempt(**attempt, segments=1, claimed_at=places.now))
        left_out = session.scalars(select(Recipient.id).order_by(Recipient.id.desc())).first()
        session.execute(
            update(Recipient).where(Recipient.id == left_out).values(exclusion=Exclusion.NO_PHONE)
        )
    path = f"/admin/campaigns/{campaign}/reach/"
    signed_in(client, AUTHOR)
    links = dict(
        re.findall(r'<a href="(/admin/people/[^"]+)">(\d+)</a>', client.get(path).text.replace("&amp;", "&"))
    )
    counts = {
        href.partition("?")[2].partition("&")[2]: (int(n), int(found[1]) if found else 0)
        for href, n in links.items()
        for found in [re.search(r'role="status">(\d+) người', client.get(href).text)]
    }
    assert counts["result=delivered"] == (1, 1)
    assert {"result=excluded.no_phone", "result=failed", "result=skipped.cap&step=1", "answer=installed"} <= {
        *counts
    }
    assert {key for key, (told, found) in counts.items() if told != found} == set()
    causes = {key for key in counts if key.startswith("result=causes")}
    assert causes == {"result=causes.unreachable&step=1", "result=causes.unreachable"}
    of_first_try = client.get(f"/admin/people/?campaign={campaign}&result=causes.unknown_number").text
    assert "Không tìm thấy ai" in of_first_try, "it is counted by its last try"
    assert (
        "Bỏ qua khi đến lượt"
        in client.get(f"/admin/people/?campaign={campaign}&result=skipped.cap&step=1").text
    )
    signed_in(client, LEADER)
    assert "/admin/people/" not in client.get(path).text
    signed_in(client, NEIGHBOUR)
    assert "/admin/people/?campaign" not in client.get(path).text


def test_the_files_hold_the_same_by_step_organisation_and_place_and_are_on_record(places, campaign, client):
    path = f"/admin/campaigns/{campaign}/reach/file"
    signed_in(client, AUTHOR)
    head, *lines = csv.reader(io.StringIO(post(client, path, form="csv").data.decode("utf-8-sig")))
    assert head[:5] == ["Bước", "Tổ chức", "Huyện", "Xã, phường, thị trấn", "Mã địa bàn"]
    delivered = head.index("Tin: Nhà mạng báo đã đến máy")
    assert sum(int(line[delivered] or 0) for line in lines) == 1
    assert sum(int(line[head.index("Người nhận")] or 0) for line in lines) == 8
    assert {line[1] for line in lines} == {"Ủy ban MTTQ", "'=Hội Phụ nữ"}  # no spreadsheet runs it
    book = CalamineWorkbook.from_filelike(io.BytesIO(post(client, path, form="xlsx").data))
    sheet = book.get_sheet_by_index(0).to_python()
    assert sheet[0] == head
    assert sum(row[delivered] or 0 for row in sheet[1:]) == 1  # a number, not a text
    assert post(client, path, form="pdf").status_code == 404
    signed_in(client, NEIGHBOUR)
    theirs = post(client, path, form="csv").data.decode("utf-8-sig")
    assert "Ủy ban MTTQ" not in theirs
    told = places.all(select(AuditEvent).where(AuditEvent.action == "reach.export").order_by(AuditEvent.id))
    assert [event.subject for event in told] == [f"campaigns:{campaign}"] * 3


def test_the_page_of_a_campaign_is_there_after_somebody_was_erased(campaign, places, client):
    """A number that was among the first hundred of an installation and erased was of no operator, and the page a fault."""
    erased = places.first(select(Recipient.contact_id).order_by(Recipient.id))
    places.erase(erased)
    page = signed_in(client, AUTHOR).get(f"/admin/campaigns/{campaign}/reach/")
    assert page.status_code == 200
    carried = re.findall(r'<th scope="row">(MobiFone|nhà mạng khác)</th>\s*<td[^>]*>(\d+)', page.text)
    assert carried == [("MobiFone", "7"), ("nhà mạng khác", "1")]


@both_databases
def test_after_a_merge_every_page_and_the_report_tell_what_reach_tells(campaign, places, client):
    """The list of campaigns, the panel and the report went on counting both; the campaign's page did so until a restart."""
    signed_in(client, AUTHOR)
    page = f"/admin/campaigns/{campaign}/"
    assert "8 người" in client.get(page).text
    _first, second, third, fourth, *_others = places.all(select(Recipient).order_by(Recipient.id))
    with places.runtime.db.write() as session:  # what the gateway took and could not send did not leave
        phones = (third.phone_id, fourth.phone_id)
        ids = session.scalars(select(Attempt.id).where(Attempt.phone_id.in_(phones)))
        failed = [AttemptReport(each, AttemptState.FAILED, cause="other") for each in ids]
        apply_reports(session, failed, now=places.now, secret_key=places.keys.secret_key)
    places.do(merge_people, second.contact_id, third.contact_id)
    assert places.status(campaign)["recipients"] == 7
    row = places.get_one(Campaign, campaign)
    written = places.read(read_reach, row, seen=None).total.written
    places.runtime.redis.delete(
        *places.runtime.redis.keys("loa:panel:*")
    )  # counted for the page, not a second ago
    panel = places.read(read_sending_panel, row, places.now, runtime=places.runtime)
    assert (panel.total, panel.states[MessageState.FAILED], panel.causes) == (7, 1, (("other", 1),))
    assert re.search(r'data-label="Người nhận">7<', client.get("/admin/campaigns/").text)
    assert "7 người" in client.get(page).text
    form, now = places.read(current_template, 1), datetime.now(UTC)
    at = {"day": now.astimezone(VIETNAM).date() + timedelta(days=1), "known_until": now}
    [line] = places.read(take_snapshot, form, drive=1, **at).campaigns
    assert (line.recipients, line.sent) == (7, written) == (7, 6)
