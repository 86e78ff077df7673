"""Replies that say the same are found together, and what officers decided is found again by the words."""

from campaigns.rules.own_answers import GivenAnswer
from campaigns.rules.replies.alike import AlikeReply, choose_answer, group_alike, private_words, signature_of
from campaigns.rules.replies.asked import BLUEZONE
from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.understand import telling_parts
from tests.support.tables import cases

NOBODY = private_words()


def groups(*texts, topics=""):
    return group_alike(
        AlikeReply(at, (topics[at : at + 1],), text, BLUEZONE) for at, text in enumerate(texts)
    )


@cases(
    (("có phải lừa đảo không", "tin này thật hay giả vậy?", "ai nhắn đó"),),
    (("mạng nhà tôi yếu quá", "mang nha toi yeu qua", "Mạng nhà tôi yếu quá!!!"),),
    (("cài có mất tiền không", "cai app nay co ton tien k"),),
)
def test_the_same_meaning_in_other_letters_is_one_group(texts):
    assert groups(*texts) == [list(range(len(texts)))]


def test_other_meanings_and_other_topics_are_other_groups():
    assert groups("có phải lừa đảo không", "trời mưa to ghê", "lừa đảo hả", "nhà có ba con bò") == [
        [0, 2],
        [1],
        [3],
    ]
    assert len(groups("lừa đảo hả", "lừa đảo hả", topics="ab")) == 2


def test_names_places_and_numbers_do_not_count_in_a_signature():
    private = private_words("Nguyễn Thị Mận", "Thôn Kon Rờ Bàng", None)
    one = signature_of("Mận ở Kon Rờ Bàng chưa có sóng, gọi 0905000123", BLUEZONE, private)
    other = signature_of("man o chua co song goi 0905000999", BLUEZONE, private)
    assert one == other
    assert one != signature_of("chưa có điện", BLUEZONE, private)
    assert signature_of("Mận!", BLUEZONE, private) == ""


@cases(
    ({}, None),
    ({GivenAnswer(Label.QUESTION): 1}, (GivenAnswer(Label.QUESTION), False)),
    ({GivenAnswer(Label.QUESTION): 3}, (GivenAnswer(Label.QUESTION), True)),
    ({GivenAnswer(Label.INSTALLED): 4}, (GivenAnswer(Label.INSTALLED), False)),
    ({GivenAnswer(Label.INSTALLED, 2): 5}, (GivenAnswer(Label.INSTALLED, 2), True)),
    ({GivenAnswer(Label.QUESTION): 9, GivenAnswer(Label.REFUSE): 1}, None),
    ({GivenAnswer(Label.INSTALLED, 1): 9, GivenAnswer(Label.INSTALLED, 2): 1}, None),
)
def test_officers_must_agree_and_often_before_a_label_stands_by_itself(decisions, chosen):
    assert choose_answer(decisions) == chosen


@cases(
    ("trời mưa quá mà thôi đừng nhắn nữa nha", Label.OPT_OUT, "đừng"),
    ("chào em, chị cài rồi đó", Label.INSTALLED, "cài"),
)
def test_a_label_is_traced_to_the_words_that_told_it(text, label, telling):
    parts = telling_parts(text, BLUEZONE, label)
    assert "".join(part for part, _tells in parts) == text
    assert telling in [part for part, tells in parts if tells]
    assert sum(tells for _part, tells in parts) < len(text.split())
