"""Alike replies in one go: grouped by meaning, handled together after a look at all, and remembered for the next."""

import html
import re

import pytest
from sqlalchemy import select, update

from campaigns.models.campaigns import Recipient
from campaigns.models.messages import Message
from campaigns.models.replies import Answer, Case, Handling, Reply
from campaigns.replies.public_requests import receive_page_message
from campaigns.rules.cases import CaseOutcome
from campaigns.rules.replies.labels import Label
from outreach.models.accounts import Role
from tests.support.admin_client import post, signed_in
from tests.support.tables import cases
from tests.support.world import AUTHOR, number

DOUBTS = ("có phải lừa đảo không", "tin này thật hay giả vậy?", "sao lừa đảo thế")


@pytest.fixture
def asked(world, client):
    """The cases of three who doubt the same, of one who says something else, and of one who cries for help."""
    world.sent(people=12, window=["00:00", "24:00"])
    for index, text in enumerate((*DOUBTS, "cài có hao pin không", "cứu với nước ngập tới nóc nhà rồi")):
        world.reply(number(index), text, gateway_id=f"SM{index}")
    signed_in(client, AUTHOR)
    return [each.id for each in world.cases()]


def outcomes(world, ids):
    return [world.get_one(Case, each).outcome for each in ids]


def test_one_answer_goes_to_all_who_ask_the_same_and_to_no_other(world, client, asked):
    groups = client.get("/admin/inbox/alike/").text
    assert "3 tin" in groups
    assert re.findall(r"/admin/inbox/alike/(\d+)/", groups) == [str(asked[0])]
    page = client.get(f"/admin/inbox/alike/{asked[0]}/").text
    assert [int(each) for each in re.findall(r'name="case" value="(\d+)" checked', page)] == asked[:3]
    post(client, f"/admin/inbox/{asked[1]}/finish", outcome="called", result="")
    text = "[{name} oi, ]tin that: {link}"
    done = post(client, f"/admin/inbox/alike/{asked[0]}/answer", case=asked[:3], text=text)
    assert done.status_code == 303
    after = client.get(done.location).text
    assert "Đã xử lý 2 việc" in after
    assert "1 việc chưa xử lý" in after
    assert outcomes(world, asked) == [
        CaseOutcome.MESSAGED,
        CaseOutcome.CALLED,
        CaseOutcome.MESSAGED,
        None,
        None,
    ]
    sent = world.all(select(Message.text).where(Message.text.contains("tin that")))
    assert len({*sent}) == 2
    assert all(re.fullmatch(r"A Thun \d oi, tin that: {link}", each) for each in sent)
    world.send()
    bodies = {line["Body"] for line in world.simulator.ledger() if "tin that" in line["Body"]}
    assert bodies == {
        f"A Thun {n} oi, tin that: {world.runtime.settings.link_base}/{world.link(1, n)}" for n in (0, 2)
    }


@cases(("finish", {"outcome": "called"}), ("label", {"label": "installed"}))
def test_who_cries_while_the_page_is_open_is_not_closed_with_the_others(world, client, asked, route, told):
    world.change(Case, asked[1], urgent_at=world.now)
    done = post(client, f"/admin/inbox/alike/{asked[0]}/{route}", case=asked[:2], **told)
    assert "vừa kêu cứu" in client.get(done.location).text
    assert [bool(each) for each in outcomes(world, asked[:2])] == [True, False]


def test_only_chosen_cases_are_closed_and_what_is_refused_keeps_the_choice(world, client, asked):
    refused = post(client, f"/admin/inbox/alike/{asked[0]}/finish", case=asked[:2], outcome="")
    assert refused.status_code == 422
    assert [int(each) for each in re.findall(r'name="case" value="(\d+)" checked', refused.text)] == asked[:2]
    assert post(client, f"/admin/inbox/alike/{asked[0]}/finish", outcome="called").status_code == 422
    post(client, f"/admin/inbox/alike/{asked[0]}/finish", case=asked[:2], outcome="called")
    assert outcomes(world, asked[:3]) == [CaseOutcome.CALLED, CaseOutcome.CALLED, None]


def test_a_case_says_who_said_the_same_and_one_press_labels_them_all_where_all_their_words_are_read(
    world, client, asked
):
    link = f'href="/admin/inbox/alike/{asked[0]}/"'
    page = client.get(f"/admin/inbox/{asked[0]}/").text
    assert "3 tin cùng ý: xử lý một lần" in page
    assert link in page
    for index, text in enumerate(("ok", "Ok", "ok"), start=5):
        world.reply(number(index), text, gateway_id=f"SM{index}")
    ids = [each.id for each in world.cases()][-3:]
    page = client.get(f"/admin/inbox/{ids[0]}/").text
    assert [int(each) for each in re.findall(r'name="case" value="(\d+)"', page)] == ids
    assert "“Ok”" in page
    action = re.search(r'formaction="([^"]+)"[^>]*>.*Cả 3 tin cùng ý: Chưa rõ', page)[1]
    done = post(client, html.unescape(action), case=ids, label="unclear", next=ids[1])
    after = client.get(done.location).text
    assert done.location.startswith("/admin/inbox/?")
    assert "Đã xử lý 3 việc" in after
    assert outcomes(world, ids) == [CaseOutcome.CLASSIFIED] * 3


def test_what_was_settled_together_is_taken_back_together(world, client, asked):
    for action, values in (("label", {"label": "refuse"}), ("finish", {"outcome": "called"})):
        done = post(client, f"/admin/inbox/alike/{asked[0]}/{action}", case=asked[:3], **values)
        page = client.get(done.location).text
        assert "Đã xử lý 3 việc" in page
        undo = {
            "what": re.findall(r'name="what" value="(\w+)"', page),
            "case": re.findall(r'name="case" value="(\d+)"', page),
        }
        back = client.get(post(client, "/admin/inbox/alike/undo", **undo).location).text
        assert "Đã hoàn tác 3 việc" in back
        assert outcomes(world, asked) == [None] * 5
        assert re.findall(r"/admin/inbox/alike/(\d+)/", back) == [str(asked[0])]


def test_what_officers_decide_is_the_suggestion_for_the_same_words_and_goes_with_the_person(
    world, client, asked
):
    words = "lúc khác hẵng hay"

    def suggested(index):
        world.reply(number(index), words, gateway_id=f"SM2{index}")
        reply = world.first(select(Reply).order_by(Reply.id.desc()))
        return reply.label, reply.is_sure

    first, _is_sure = suggested(5)
    other = Label.REFUSE if first is not Label.REFUSE else Label.NOT_YET
    for index in (6, 7, 8):
        case = world.cases()[-1]
        post(client, f"/admin/inbox/{case.id}/label", label=other.value)
        assert suggested(index) == (other, index == 8)
    world.execute(update(Reply).where(Reply.id.in_(select(Handling.reply_id))).values(body=""))
    assert suggested(9)[0] is first


def test_what_an_officer_decides_holds_for_people_of_lists_that_they_see(world, client):
    """Else one personal link and one association's officer would opt the whole province's people out by words that many write."""
    women = world.organisation()
    campaign = world.sent(people=3, window=["00:00", "24:00"])
    members = [world.recipient(number(index), campaign) for index in (1, 2)]
    own = world.add_list("Phụ nữ thôn 1", *(each.contact_id for each in members), owner=women)
    for member in members:
        world.change(Recipient, member.id, list_id=own)
    signed_in(client, world.officer("phunu@loa.example", Role.STAFF, women))
    for _ in range(3):
        world.do(receive_page_message, members[0].id, "lúc khác hẵng hay")
        post(client, f"/admin/inbox/{world.cases()[-1].id}/label", label="opt_out")
    said = [world.reply(number(index), "lúc khác hẵng hay", gateway_id=f"SM{index}") for index in (0, 2)]
    assert [reply.label is Label.OPT_OUT and reply.is_sure for reply in said] == [False, True]


def test_one_press_for_a_group_is_one_decision_and_gives_no_label_by_itself(world, client, asked):
    said = [world.reply(number(index), "lúc khác hẵng hay", gateway_id=f"SM{index}") for index in (5, 6, 7)]
    ids = world.all(select(Case.id).where(Case.reply_id.in_([reply.id for reply in said])))
    post(client, f"/admin/inbox/alike/{ids[0]}/label", case=ids, label="opt_out")
    again = world.reply(number(8), "lúc khác hẵng hay", gateway_id="SM8")
    assert (again.label, again.is_sure) == (Label.OPT_OUT, False)


@cases(
    ("moi-du", None, "own-1", 3, (Label.NOT_YET, 1, False)),  # not the own answer that the model would guess
    ("bluezone", "moi-du", "installed", 5, None),  # something else was asked there
    ("moi-du", "moi-du", "own-1", 3, None),  # another campaign's answers may have other numbers
    ("bluezone", None, "opt_out_drive", 3, (Label.OPT_OUT, None, True)),
    ("bluezone", "moi-du", "opt_out_drive", 3, (Label.OPT_OUT, None, True)),
)
def test_what_officers_decided_counts_as_they_decided_it_and_where_the_same_was_asked(
    world, client, first, second, word, times, expected
):
    texts = {
        "bluezone": "Moi ong/ba cai Bluezone: {link} TC de tu choi",
        "moi-du": "Moi ong/ba du hop. TC de tu choi",
    }
    world.sent(people=6, kind=first, text=texts[first])
    signed_in(client, AUTHOR)
    for index in range(times):
        world.reply(number(index), "rồi hen", gateway_id=f"SM{index}")
        post(client, f"/admin/inbox/{world.cases()[-1].id}/label", label=word)
    if second:
        world.sent(kind=second, name="Lần hai", text=texts[second].replace("Moi", "Kinh moi"))
    reply = world.reply(number(5), "rồi hen", gateway_id="SM5")
    given = world.rows(
        select(Answer.label, Answer.own_answer, Answer.drive_only).where(Answer.reply_id == reply.id)
    )
    assert given == ([expected] if expected else [])


def test_an_answer_is_measured_as_it_would_be_sent(world, client, asked):
    measured = post(client, f"/admin/inbox/{asked[0]}/measure", text="Tin thật " * 20)
    assert measured.json["segments"] >= 2
    assert measured.json["text"].startswith("Tin th")
