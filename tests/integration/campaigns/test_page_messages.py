"""What residents write on their page reaches an officer, a wish for a reminder is kept, and the page says who sends."""

import re

import pytest
from sqlalchemy import select, update

from campaigns.cases.conversation import read_items
from campaigns.cases.merge_people import merge_people
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.replies import AnswerSource, Case, Reply, ReplyChannel
from campaigns.replies.public_requests import LONGEST_MESSAGE, MOST_A_DAY
from campaigns.rules.cases import CaseKind, CaseOutcome
from outreach.contacts.suppressions import has_suppression
from outreach.models.contacts import Phone, SuppressionReason
from tests.support.admin_client import shows
from tests.support.world import number

one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def campaign(world):
    return world.launch(people=2)


@pytest.fixture
def link(world, campaign):
    return f"/{world.link(campaign)}"


def cases(world):
    rows = select(Case.kind, Case.urgent_at, Reply.body).outerjoin(Reply, Reply.id == Case.reply_id)
    rows = world.rows(rows.order_by(Case.id))
    return [(kind, urgent_at is not None, body) for kind, urgent_at, body in rows]


def test_a_question_and_a_wish_to_be_called_become_cases_once(client, world, link):
    for _ in range(2):
        asked = client.post(link, data={"answer": "ask", "text": "Cài có mất tiền không?"})
        client.post(link, data={"answer": "call"})
    assert (asked.status_code, asked.headers["Location"]) == (303, f"{link}?sent=asked")
    assert cases(world) == [
        (CaseKind.QUESTION, False, "Cài có mất tiền không?"),
        (CaseKind.QUESTION, False, "Xin gọi điện cho tôi."),
    ]
    assert "Đã gửi cho cán bộ" in client.get(f"{link}?sent=asked").text


def test_a_cry_for_help_on_the_page_is_urgent_and_is_told_whom_to_call(client, world, link):
    answer = client.post(link, data={"answer": "ask", "text": "Nước ngập tới nóc rồi cứu với"})
    assert answer.headers["Location"] == f"{link}?sent=urgent"
    assert [(kind, is_urgent) for kind, is_urgent, _body in cases(world)] == [(CaseKind.HELP, True)]
    assert 'href="tel:112"' in client.get(f"{link}?sent=urgent").text


@one_database
def test_the_same_words_after_an_officer_settled_them_are_a_new_case(client, world, link):
    said = ({"answer": "ask", "text": "Nước ngập tới nóc rồi cứu với"}, {"answer": "call"})
    for data in (*said, *said):
        client.post(link, data=data)
    world.execute(update(Case).values(done_at=world.now, outcome=CaseOutcome.UNREACHED))
    for data in (*said, *said):
        client.post(link, data=data)
    assert [case.kind for case in world.cases()] == [CaseKind.HELP, CaseKind.QUESTION]
    assert len(cases(world)) == 4


@one_database
def test_what_is_written_counts_as_a_reply_does(client, world, link):
    answer = client.post(link, data={"answer": "ask", "text": "đừng nhắn cho tôi nữa"})
    assert answer.headers["Location"] == link
    assert "Ông/bà đã trả lời: Không nhận tin nào nữa" in client.get(link).text
    reply = world.one(select(Reply))
    assert reply.channel is ReplyChannel.PAGE
    # The officer sees it once, as it came.
    said = [each for each in world.read(read_items, [reply.recipient_id or 0]) if not each.is_ours]
    assert [(each.source, each.text) for each in said] == [(AnswerSource.PAGE, "đừng nhắn cho tôi nữa")]


@one_database
def test_empty_long_and_too_many_messages_are_refused_in_words(client, link):
    for text, words in ((" ", "còn trống"), ("a" * (LONGEST_MESSAGE + 1), str(LONGEST_MESSAGE))):
        shows(client.post(link, data={"answer": "ask", "text": text}), words, status=422)
    for n in range(MOST_A_DAY):
        assert client.post(link, data={"answer": "ask", "text": f"câu hỏi {n}?"}).status_code == 303
    cry = client.post(link, data={"answer": "ask", "text": "Nước ngập tới nóc rồi cứu với"})
    assert cry.headers["Location"] == f"{link}?sent=urgent"
    shows(client.post(link, data={"answer": "ask", "text": "thêm một câu?"}), f"{MOST_A_DAY} tin", status=422)


@one_database
def test_what_strangers_write_of_a_number_uses_up_none_of_its_own_messages(client, world):
    world.runtime.redis.flushdb()
    own = f"/{world.link(world.launch(people=6), 5)}"
    for n in range(MOST_A_DAY):
        note = {"number": number(5), "note": f"Nước ngập tới nóc rồi cứu với {n}"}
        assert client.post("/hoi/nhan", data=note).status_code == 200
    assert client.post(own, data={"answer": "ask", "text": "Cài có mất tiền không?"}).status_code == 303


def test_who_says_where_they_are_on_a_warning_s_page_is_never_one_too_many(client, world, campaign, link):
    world.change(Campaign, campaign, urgent_reason="Bão số 9")
    for n in range(MOST_A_DAY):
        client.post(link, data={"answer": "ask", "text": f"Hỏi câu {n}"})
    cry = client.post(link, data={"answer": "ask", "text": "16.04712, 108.20678"})
    assert cry.headers["Location"] == f"{link}?sent=urgent"


def test_whoever_wants_to_be_reminded_gets_the_next_step_and_others_who_answered_do_not(
    client, world, campaign, link
):
    client.post(link, data={"answer": "not_yet"})
    assert "Ông/bà được nhắc trong lần nhắn tin sau" in client.get(link).text
    recipients = world.all(select(Recipient).order_by(Recipient.id))
    assert [each.wants_reminder for each in recipients] == [True, False]
    client.post(link, data={"answer": "installed"})
    assert not world.recipient(number(0), campaign).wants_reminder


@one_database
def test_a_wrong_number_is_said_by_a_person_and_taken_back(client, world, link):
    def is_wrong():
        phone = world.one(select(Phone).where(Phone.e164 == number(0)))
        return world.read(has_suppression, phone.id, SuppressionReason.WRONG_NUMBER)

    client.post(link, data={"answer": "wrong_number"})
    assert is_wrong()
    client.post(link, data={"answer": "undo", "given": "wrong_number"})
    assert not is_wrong()


@one_database
@pytest.mark.parametrize("rest", [".", ",", ").", "”"])
def test_a_link_that_was_opened_with_the_sentences_end_still_opens(client, link, rest):
    answer = client.get(link + rest)
    assert (answer.status_code, answer.headers["Location"]) == (302, link)
    assert client.get("/zzzzzzzz" + rest, follow_redirects=True).status_code == 404


@one_database
def test_the_page_names_its_domain_and_a_chat_s_preview_has_no_token(client, link):
    page = shows(client.get(link), "Không thu tiền, không hỏi mã OTP", "127.0.0.1")
    previews = re.findall(r'<meta property="og:\w+" content="([^"]+)">', page)
    assert len(previews) == 3
    assert link[1:] not in page.split("</head>")[0]


@one_database
def test_the_language_can_be_changed_and_what_is_not_translated_is_marked(client, world):
    world.add_people(1)
    content = {"languages": {"jra": {"question": "Ih dui mơ̆?", "page": {"other": "Tơlơi pơkŏn"}}}}
    campaign = world.launch(content=content)
    link = "/" + world.link(campaign)
    assert 'href="?lang=jra" lang="jra"' in client.get(link).text
    page = client.get(f"{link}?lang=jra").text
    assert '<html lang="jra">' in page
    assert "<h2>Ih dui mơ̆?</h2>" in page
    assert '<span lang="vi">Gọi cho tôi</span>' in page
    answer = client.post(f"{link}?lang=jra", data={"answer": "installed"})
    assert answer.headers["Location"] == f"{link}?lang=jra"
    assert client.get(f"{link}?lang=xx").status_code == 200


@one_database
def test_a_link_of_who_was_merged_takes_as_many_messages_a_day_as_any_other(client, world, campaign, link):
    first, second = world.all(select(Recipient.contact_id).order_by(Recipient.id))
    world.press(campaign, "installed", index=1)
    world.do(merge_people, second or 0, first or 0)
    texts = [f"Cài ở đâu, lần thứ {n}?" for n in range(MOST_A_DAY + 1)]
    statuses = [client.post(link, data={"answer": "ask", "text": text}).status_code for text in texts]
    assert statuses == [303] * MOST_A_DAY + [422]
