"""The work list on the page: one press each, taken back, counted and narrowed down, and only within scope.

Search everywhere: people, campaigns, places and pages, each only within the rights of who searches.
"""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from admin.wording.filters import moment
from campaigns.cases import case_list
from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Outbox
from campaigns.models.replies import Case, Handling, Reply
from campaigns.planning.kinds import load_kinds
from campaigns.rules.cases import CaseKind, CaseOutcome
from campaigns.rules.own_answers import read_own_answers
from campaigns.rules.replies.labels import Label
from outreach.models.accounts import Area, AreaLevel, AuditEvent, Role
from outreach.models.contacts import Contact
from tests.support.admin_client import post, shows, signed_in
from tests.support.servers import both_databases
from tests.support.wishes import numbers_left_alone
from tests.support.world import APPROVER, AUTHOR, number


@pytest.fixture
def campaign_id(world):
    campaign = world.sent(people=4, window=["00:00", "24:00"])
    return campaign


def receive(world, index, body):
    """A reply that opens a case; the case's id."""
    assert world.reply(number(index), body, gateway_id=f"SM{index}{len(body)}")
    return world.cases()[-1].id


def press_help(world, index, campaign_id):
    world.press(campaign_id, "need_help", index=index)
    return world.cases()[-1].id


def case(world, case_id):
    return world.get_one(Case, case_id)


def shown(page):
    return [int(found) for found in re.findall(r'id="case-(\d+)"', page)]


def test_one_press_gives_the_label_and_leads_to_the_next(world, author, campaign_id):
    first, second = receive(world, 0, "ok"), receive(world, 1, "ừ")
    page = author.get("/admin/inbox/").text
    assert shown(page) == [first, second]
    assert number(0) not in page
    answer = post(author, f"/admin/inbox/{first}/label", label="installed", next=second)
    assert answer.location.startswith(f"/admin/inbox/{second}/?")
    assert case(world, first).outcome is CaseOutcome.CLASSIFIED
    assert world.recipient(number(0), campaign_id).answer is Label.INSTALLED
    assert world.status(campaign_id)["self_reported"]["installed"] == 1
    handling = world.one(select(Handling))
    assert (handling.label, handling.handled_by) == (Label.INSTALLED, world.user(AUTHOR).id)


def test_a_press_is_taken_back_exactly(world, author, campaign_id):
    help_id = receive(world, 0, "4")
    assert world.recipient(number(0), campaign_id).answer is Label.NEED_HELP  # counted at once, and looked at
    post(author, f"/admin/inbox/{help_id}/label", label="opt_out")
    assert world.read(numbers_left_alone) == {number(0)}
    assert post(author, f"/admin/inbox/{help_id}/undo").status_code == 303
    assert [each.id for each in world.cases()] == [help_id]
    assert world.recipient(number(0), campaign_id).answer is Label.NEED_HELP
    assert world.read(numbers_left_alone) == set()


def test_only_who_may_lift_an_opt_out_is_offered_to_open_it_again(world, client, campaign_id):
    world.officer("khac@loa.example")
    case_id = receive(world, 0, "ok")
    signed_in(client, AUTHOR)
    post(client, f"/admin/inbox/{case_id}/label", label="opt_out")
    for reader, is_offered in ((AUTHOR, True), ("khac@loa.example", False), (APPROVER, True)):
        signed_in(client, reader)
        page = client.get(f"/admin/inbox/{case_id}/").text
        assert (f'action="/admin/inbox/{case_id}/undo"' in page) is is_offered


def test_a_label_for_a_number_in_no_campaign_says_that_it_counts_for_nobody(world, author, campaign_id):
    stranger = receive(world, 900, "1")
    answer = post(author, f"/admin/inbox/{stranger}/label", label="installed")
    assert "chưa tính là câu trả lời của ai" in author.get(answer.location).text


def test_help_stays_on_the_list_until_it_is_written_down_as_done_and_can_be_opened_again(
    world, author, campaign_id
):
    unclear = receive(world, 0, "ok")
    answer = post(author, f"/admin/inbox/{unclear}/label", label="need_help")
    page = author.get(answer.location).text
    assert shown(page) == [unclear]
    assert "Việc vẫn mở đến khi có người ghi là đã xong" in page
    answer = post(author, f"/admin/inbox/{unclear}/finish", outcome="visited", note="Đã đến nhà", result="")
    assert "Đã ghi: Đã đến tận nơi." in author.get(answer.location).text
    assert shown(author.get("/admin/inbox/").text) == []
    done = author.get("/admin/inbox/?state=done").text
    assert shown(done) == [unclear]
    assert "Đã đến nhà" in done
    post(author, f"/admin/inbox/{unclear}/reopen")
    assert shown(author.get("/admin/inbox/").text) == [unclear]


def test_a_question_is_not_answered_by_being_called_one(world, author, campaign_id):
    help_id = receive(world, 0, "4")
    post(author, f"/admin/inbox/{help_id}/label", label="question")
    assert world.recipient(number(0), campaign_id).answer is None
    assert shown(author.get("/admin/inbox/?kind=question").text) == [help_id]


def test_what_looks_like_a_question_is_answered_without_being_called_one_before(world, author, campaign_id):
    """Labelled first, each such reply took one press more."""
    case_id = receive(world, 0, "ok")
    world.execute(update(Reply).values(label=Label.QUESTION))
    page = author.get(f"/admin/inbox/{case_id}/").text
    assert "<details open><summary" in page
    assert page.index("Gửi và ghi là đã xong") < page.index('name="label"')
    done = post(author, f"/admin/inbox/{case_id}/answer", text="Cai trong CH Play", wish="done")
    after = author.get(done.location).text
    assert "Đã ghi: Đã trả lời bằng tin nhắn." in after
    assert "Tin trả lời đã được xếp" not in after  # said once, beside the way back
    assert case(world, case_id).outcome is CaseOutcome.MESSAGED


def test_of_two_who_press_at_once_one_is_told(world, author, campaign_id):
    case_id = receive(world, 0, "ok")
    post(author, f"/admin/inbox/{case_id}/label", label="installed")
    shows(post(author, f"/admin/inbox/{case_id}/label", label="refuse"), "đã xử lý xong việc này", status=422)
    assert world.recipient(number(0), campaign_id).answer is Label.INSTALLED


def test_what_a_colleague_has_taken_is_theirs_for_a_while(world, client, campaign_id):
    case_id = press_help(world, 0, campaign_id)
    signed_in(client, APPROVER)
    post(client, f"/admin/inbox/{case_id}/take")
    assert "Trả lại việc" in client.get("/admin/inbox/").text
    other = press_help(world, 1, campaign_id)
    assert shown(client.get("/admin/inbox/").text) == [case_id, other]
    mine = client.get("/admin/inbox/?mine=1").text
    assert shown(mine) == [case_id]
    assert "Việc của tôi (1)" in mine
    signed_in(client, AUTHOR)
    shows(client.get("/admin/inbox/"), f"{APPROVER} đang xử lý", but=f"/admin/inbox/{case_id}/finish")
    assert "đang xử lý việc này" in post(client, f"/admin/inbox/{case_id}/finish", outcome="called").text
    assert case(world, case_id).done_at is None


def test_the_number_is_shown_on_demand_and_that_is_on_record(world, author, campaign_id):
    case_id = press_help(world, 0, campaign_id)
    local = "0" + number(0).removeprefix("+84")
    assert local not in author.get("/admin/inbox/").text
    page = post(author, f"/admin/inbox/{case_id}/number").text
    assert local in page
    assert re.search(r'<option selected value="called">|<option value="called" selected>', page), (
        "one press records it"
    )
    seen = world.one(select(AuditEvent).where(AuditEvent.action == "case.see_number"))
    assert (seen.subject, seen.actor_id) == (f"cases:{case_id}", world.user(AUTHOR).id)
    assert not re.search(r"\d{7}", str(seen.details))


def test_who_has_no_number_is_offered_no_call_and_no_sms(world, author, campaign_id):
    case_id = press_help(world, 0, campaign_id)
    ways = [f'action="/admin/inbox/{case_id}/{way}' for way in ("number", "answer", "take", "finish")]
    assert [way in author.get(f"/admin/inbox/{case_id}/").text for way in ways] == [True] * 4
    world.change(Case, case_id, phone_id=None)  # asked for at the door
    page = author.get(f"/admin/inbox/{case_id}/").text
    assert [way in page for way in ways] == [False, False, True, True]


def test_the_list_is_narrowed_down_and_every_filter_says_how_many(world, author, campaign_id):
    world.add(
        Area(code="62", name="Kon Tum", kind="x", level=AreaLevel.PROVINCE),
        Area(code="611", name="Đắk Glei", kind="x", level=AreaLevel.DISTRICT, parent_code="62"),
        Area(code="23341", name="Đắk Glei", kind="x", level=AreaLevel.COMMUNE, parent_code="611"),
    )
    person = world.first(select(Contact.id).order_by(Contact.id))
    world.change(Contact, person, area_code="23341")
    later = world.sent(name="Đợt hai", text="Nhắc lại: mời cài Bluezone {link}", window=["00:00", "24:00"])
    here = press_help(world, 0, later)
    before = press_help(world, 1, campaign_id)
    question = receive(world, 2, "cài ở đâu vậy")
    for query, expected in (
        ("", [here, before, question]),
        ("?order=newest", [question, before, here]),
        ("?kind=help", [here, before]),
        (f"?campaign={campaign_id}", [before]),
        (f"?campaign={later}&kind=question", [question]),
        ("?area=611", [here]),
        ("?area=23341", [here]),
        ("?area=23341&kind=question", []),
        ("?organisation=999", []),
    ):
        assert shown(author.get(f"/admin/inbox/{query}").text) == expected, query
    page = author.get("/admin/inbox/?kind=help").text
    assert f'<option value="{campaign_id}">Bluezone (1)' in page
    assert f'<option value="{later}">Đợt hai (1)' in page
    assert ">x Đắk Glei (1)<" in page
    line = page.partition(f'id="case-{here}"')[2].partition("</a>")[0]
    assert line.count("x Đắk Glei") == 1, "its commune, without the district"


def test_why_no_answer_has_come_by_night_stands_beside_the_case_and_with_the_person(
    world, author, campaign_id
):
    world.close_window(campaign_id)
    case_id = receive(world, 0, "4")
    person = world.recipient(number(0), campaign_id).contact_id
    due = world.one(select(Outbox.not_before))
    for path in ("/admin/inbox/", f"/admin/inbox/{case_id}/", f"/admin/people/{person}/"):
        assert f"Tin trả lời sẽ gửi lúc {moment(due)}" in author.get(path).text, path
    world.change(Campaign, campaign_id, window_from="00:00", window_to="24:00")
    world.execute(update(Outbox).values(not_before=world.now))
    world.send()
    assert "Đã gửi tin trả lời lúc" in author.get("/admin/inbox/").text


def test_an_answer_is_written_from_a_kept_text_and_stays_where_it_is_refused(world, author, campaign_id):
    case_id = press_help(world, 0, campaign_id)
    assert post(author, "/admin/inbox/texts/", title="Hẹn", text="[{name} oi, ]xem {link}").status_code == 303
    page = author.get(f"/admin/inbox/{case_id}/").text
    written = re.search(r'data-text="([^"]*)".*Hẹn', page)
    assert written[1] == "A Thun 0 oi, xem {link}"  # by the link an officer could speak for the resident
    measured = post(author, f"/admin/inbox/{case_id}/measure", text=written[1]).get_json()
    assert re.fullmatch(r"A Thun 0 oi, xem http://\S+/x{8}", measured["text"])
    wrong = post(author, f"/admin/inbox/{case_id}/answer", text="xem {lien ket}", wish="done")
    assert (wrong.status_code, "xem {lien ket}" in wrong.text) == (422, True)
    long = "ă" * 500
    shows(post(author, f"/admin/inbox/{case_id}/answer", text=long, wish="done"), long, status=422)
    assert post(author, f"/admin/inbox/{case_id}/answer", text=written[1], wish="done").status_code == 303
    world.send()
    link = f"{world.runtime.settings.link_base}/{world.link(campaign_id)}"
    assert f"A Thun 0 oi, xem {link}" in [line["Body"] for line in world.simulator.ledger()]
    page = author.get("/admin/inbox/?state=done").text
    assert "Đã trả lời bằng tin nhắn" in page
    assert "Đã gửi tin trả lời lúc" in page
    assert link not in page  # who reads the inbox does not speak for anybody


@pytest.mark.parametrize("route", ["finish", "label", "answer"])
def test_a_cry_that_came_while_a_page_was_open_is_not_settled_from_it(world, author, campaign_id, route):
    case_id = receive(world, 0, "toi can giup cai dat")
    told = {"outcome": "called", "label": "question", "text": "Xin cho can bo den", "wish": "done"}

    def settle():
        page = author.get(f"/admin/inbox/{case_id}/").text
        sent = {**told, "seen": re.search(r'name="seen" value="(\d+)"', page)[1]}
        return lambda: post(author, f"/admin/inbox/{case_id}/{route}", **sent)

    settle_from_old_page = settle()
    assert receive(world, 0, "cứu với, nước lên tới nóc nhà rồi") == case_id
    refused = settle_from_old_page()
    assert (refused.status_code, "vừa kêu cứu" in refused.text) == (422, True)
    assert [each.id for each in world.cases() if each.kind is CaseKind.HELP] == [case_id]
    settle_from_old_page = settle()
    later = world.now + timedelta(minutes=3)  # of which nobody is alerted anew
    world.reply(number(0), "cứu với, nước cuốn mất nhà rồi", gateway_id="again", now=later)
    refused = settle_from_old_page()
    assert (refused.status_code, "vừa kêu cứu" in refused.text) == (422, True)
    settle_from_old_page = settle()
    before = world.now - timedelta(minutes=3)  # written before all of them, and only now delivered
    world.reply(number(0), "cứu với, bà cụ không đi được", gateway_id="late", now=before)
    refused = settle_from_old_page()
    assert (refused.status_code, "vừa kêu cứu" in refused.text) == (422, True)
    assert settle()().status_code == 303
    assert [each for each in world.cases() if each.kind is CaseKind.HELP] == []


def test_a_next_page_begins_below_a_cry_that_was_settled_meanwhile(world, author, campaign_id, monkeypatch):
    monkeypatch.setattr(case_list, "ON_A_PAGE", 1)
    first, second = (receive(world, index, "cứu với nước ngập tới nóc nhà rồi") for index in (0, 1))
    world.change(Case, first, done_at=world.now, outcome=CaseOutcome.CALLED)
    assert shown(author.get(f"/admin/inbox/?after={first}").text) == [second]


@both_databases
def test_pages_follow_each_other_without_gap_or_double(world, author, campaign_id, monkeypatch):
    monkeypatch.setattr(case_list, "ON_A_PAGE", 2)
    ids = [press_help(world, index, campaign_id) for index in range(4)] + [receive(world, 0, "ok")]
    for order, expected in (("", ids), ("newest", ids[::-1])):
        path, found = f"/admin/inbox/?order={order}", []
        while path:
            page = author.get(path).text
            found += shown(page)
            following = re.search(r'href="([^"]+)" rel="next"|rel="next" href="([^"]+)"', page)
            path = (following[1] or following[2]).replace("&amp;", "&") if following else ""
        assert found == expected


def test_the_home_page_the_list_and_the_directory_count_the_same(world, author, campaign_id):
    press_help(world, 0, campaign_id)
    press_help(world, 1, campaign_id)
    receive(world, 2, "4")
    assert "<strong>3</strong> Cần giúp" in author.get("/admin/").text
    assert len(shown(author.get("/admin/inbox/?kind=help").text)) == 3
    assert "3 người" in author.get(f"/admin/people/?campaign={campaign_id}&answer=need_help").text


def test_an_auditor_only_reads(world, client, campaign_id):
    receive(world, 0, "cài ở đâu vậy")
    page = signed_in(client, world.officer("kiemtra@loa.example", Role.AUDITOR)).get("/admin/inbox/").text
    assert "cài ở đâu vậy" in page
    assert 'name="label"' not in page


def test_one_label_has_one_key_on_every_card_and_own_answers_those_of_the_message(world, client, campaign_id):
    """Else the digit that means a question here closes a number there."""
    receive(world, 2, "ok")
    world.add_people(2, first=10)
    text = "Ong/ba co den hop duoc khong? Tra loi: 1 toi se den, 2 toi khong den duoc, TC tu choi"
    world.sent(kind="moi-du", name="Mời họp", text=text, window=["00:00", "24:00"])
    receive(world, 0, "chắc để xem đã")
    receive(world, 1, "dạ")
    signed_in(client, AUTHOR)
    all_keys = {}
    for case_id in shown(client.get("/admin/inbox/").text):
        page = client.get(f"/admin/inbox/{case_id}/").text
        keys = dict(re.findall(r'name="label" value="([^"]+)" aria-keyshortcuts="(\w)"', page))
        assert len(keys) == page.count('name="label"') == len({*keys.values()})
        assert {word: key for word, key in keys.items() if key.isdigit()} in (
            {},
            {f"own-{n}": str(n) for n in (1, 2, 3)},
        )
        assert len(re.findall(r'class="primary" name="label" value="[^"]+"', page)) == 1
        for word, key in keys.items():
            all_keys.setdefault(word, set()).add(key)
    assert {"wrong_number", "question", "own-1"} <= all_keys.keys()
    assert all(len(keys) == 1 for keys in all_keys.values())
    offered = f"/admin/inbox/?undo={world.cases()[-1].id}&what=own-1"
    (said,) = [own.text for own in read_own_answers(load_kinds()["moi-du"]) if own.number == 1]
    assert said in client.get(offered).text
    signed_in(client, world.officer("pn@loa.example", Role.STAFF, world.organisation()))
    assert said not in client.get(offered).text  # of another organisation's campaign


def test_a_filter_that_leaves_nothing_names_what_it_filters_by(world, author, campaign_id):
    page = author.get(f"/admin/inbox/?campaign={campaign_id}").text
    assert f'<option value="{campaign_id}" selected>Bluezone (0)' in page


def test_a_cry_is_called_by_one_press_and_can_be_handed_to_the_emergency_numbers(world, author, campaign_id):
    cry = receive(world, 0, "nước lên tới ngực rồi, cứu với")
    page = author.get(f"/admin/inbox/{cry}/").text
    call = re.search(r'<button class="call".*?</kbd> (.*?)</button>', page)
    assert call[1] == "Gọi ngay"
    assert page.index("Gọi ngay</button>") < page.index("Nhận việc</button>") < page.index("Chuyển 112/115")
    page = post(author, f"/admin/inbox/{cry}/number").text
    assert f'data-dial href="tel:{number(0)}"' in page
    assert page.index("Ghi là đã xong</button>") < page.index('href="tel:112"')
    rescue = post(author, f"/admin/inbox/{cry}/number", to="rescue").text
    # Unless the call centre is asked for.
    assert rescue.index('href="tel:112"') < rescue.index("Ghi là đã xong</button>")
    shows(page, 'href="tel:112"', 'href="tel:115"', "nước lên tới ngực rồi", "0" + number(0)[3:])
    seen = re.search(r'name="seen" value="(\d+)"', page)[1]
    done = {"outcome": "called", "result": "", "note": "Đã chuyển 112/115", "seen": seen}
    post(author, f"/admin/inbox/{cry}/finish", **done)
    assert case(world, cry).note == "Đã chuyển 112/115"


LEADER = "lanhdao@loa.example"


def test_people_campaigns_and_pages_are_found_without_accents(author, world):
    world.launch(people=3, name="Vận động Đăk Hring")
    digits = number(1)[-3:]
    assert "Người dân" in post(author, "/admin/search/", q=digits).text
    assert "Vận động Đăk Hring" in post(author, "/admin/search/", q="dak hri").text
    part = post(author, "/admin/search/?part=1", q="danh sach").text
    assert part.lstrip().startswith("<section")
    assert 'href="/admin/lists/"' in part
    assert "Không tìm thấy" in post(author, "/admin/search/", q="không có gì như vậy").text


def test_a_leader_finds_no_person_and_a_whole_number_is_on_record(client, world):
    world.add_people(2)
    world.officer(LEADER, Role.LEADER)
    signed_in(client, LEADER)
    assert "/admin/people/" not in post(client, "/admin/search/?part=1", q=number(1)[-3:]).text
    signed_in(client, AUTHOR)
    post(client, "/admin/search/", q=number(1))
    actions = world.all(select(AuditEvent.action))
    assert actions.count("contact.search_number") == 1
