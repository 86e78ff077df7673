"""What replies mean: measured on authors nothing was trained on, and the decisions case by case; what says the same; doubts."""

import csv
import random
import time
import unicodedata
from collections import Counter

import pytest

from campaigns.planning.kinds import load_kinds
from campaigns.rules.content import read_content
from campaigns.rules.own_answers import GivenAnswer
from campaigns.rules.replies import context
from campaigns.rules.replies.alike import AlikeReply, choose_answer, group_alike, private_words, signature_of
from campaigns.rules.replies.asked import BLUEZONE, Answer, read_asked, read_question
from campaigns.rules.replies.context import without_quote
from campaigns.rules.replies.doubts import DoubtKind, answer_doubt, find_doubt
from campaigns.rules.replies.labels import OPT_IN, Label
from campaigns.rules.replies.understand import (
    COLUMNS,
    LABELS,
    LONGEST,
    MENU,
    OFFICES,
    SCALE,
    WEIGHTS,
    Chance,
    Understanding,
    decide,
    find_danger,
    is_danger,
    load_weights,
    size_of,
    telling_parts,
    understand,
    weigh,
)
from outreach.rules.errors import BadInput
from outreach.rules.segments import measure
from tests.replies.data import DATA, asked_of, questions, read_authors
from tests.replies.report import KINDS, is_right, macro_f1
from tests.replies.weights import all_features, pack_weights, use_weights
from tests.support.tables import cases, each_of, words

HELD_OUT = [each for each in read_authors() if each.is_held_out]
READ = [(each, understand(each.text, asked_of(each.kind))) for each in HELD_OUT]
OF_KINDS = [pair for pair in READ if pair[0].kind in KINDS]
OF_OFFICES = [pair for pair in READ if pair[0].kind in questions()]
with (DATA / "replies_sample.tsv").open(encoding="utf-8", newline="") as _file:
    SAMPLE = [
        (row["text"], row["label"]) for row in csv.DictReader(_file, delimiter="\t", quoting=csv.QUOTE_NONE)
    ]


def test_authors_who_were_not_trained_on_are_understood():
    automatic = [pair for pair in OF_KINDS if pair[1].is_automatic]
    assert macro_f1(OF_KINDS) > 0.92
    assert len(automatic) / sum(not each.is_urgent for each, _ in OF_KINDS) > 0.75
    assert sum(not is_right(*pair) for pair in automatic) / len(automatic) < 0.025


def test_questions_that_no_training_reply_answers_are_understood():
    automatic = [pair for pair in OF_OFFICES if pair[1].is_automatic]
    assert macro_f1(OF_OFFICES) > 0.7
    assert sum(not is_right(*pair) for pair in automatic) / len(automatic) < 0.08


def test_few_opt_outs_and_cries_for_help_are_missed():
    # Counted, as the replies of measured authors are not to be read while something is mended.
    opt_outs = [found for each, found in READ if each.label is Label.OPT_OUT]
    cries = [found for each, found in READ if each.is_urgent]
    assert sum(found.opt_out is None for found in opt_outs) / len(opt_outs) < 0.015
    assert sum(not found.is_urgent for found in cries) / len(cries) < 0.02


def test_few_are_silenced_who_did_not_ask_for_it_and_few_calm_replies_are_cries():
    sure = [each for each, found in READ if found.opt_out == "sure"]
    assert sum(each.label is not Label.OPT_OUT for each in sure) / len(sure) < 0.03
    calm = [found for each, found in READ if not each.is_urgent]
    assert sum(found.is_urgent for found in calm) / len(calm) < 0.06


@pytest.mark.parametrize("kind", sorted(load_kinds()))
@cases(
    ("1", "installed"),
    ("2", "not_yet"),
    ("3", "no_smartphone"),
    ("4", "need_help"),
    *each_of("TC | T/C | stopall | HUY1 | đừng nhắn nữa", "opt_out"),
    *each_of("DK | START", "opt_in"),
)
def test_the_menu_and_the_words_of_law_mean_the_same_in_every_kind(kind, text, label):
    found = understand(text, read_content(load_kinds()[kind]).vocabulary)
    assert (found.label, found.is_automatic) == (label, True)


@cases(
    *each_of("Tôi đồng ý nhận tin | xin nhan tin tiep | gửi tin cho tôi nhé | cho tôi nhận tin lại"),
    *each_of("em muốn nhận lại tin nhắn ạ | có gì mới cứ nhắn cho bác | Cho em xin số anh Tám bên công an"),
    "Tôi lấy giấy cho mẹ nữa rồi",
)
def test_who_asks_for_messages_or_tells_what_was_done_is_not_silenced(text):
    assert {understand(text, asked_of(kind)).opt_out for kind in load_kinds()} == {None}


@cases(
    *each_of("nước lên tới cổ rồi | nuoc dang vao nha, me toi khong di duoc"),
    *each_of("con tôi co giật sau khi tiêm | co nguoi bi dien giat | thằng bé bị lạc từ sáng"),
    *each_of("tàu chết máy giữa biển | cháy nhà | chồng đánh tôi, cứu tôi với | khong muon song nua | SOS"),
    *each_of("cuwsu vowis | 1 nhưng ông nội tôi ngã bất tỉnh rồi | 2, nước ngập tới ngực"),
)
def test_a_cry_for_help_is_heard_in_every_kind_whatever_else_is_said(text):
    found = [understand(text, asked_of(kind)) for kind in load_kinds()]
    assert all(each.is_urgent and not each.is_automatic for each in found)


@cases("máy chết rồi", "cười chết mất", "chạy lụt xong rồi", "nước mắm", "nước rút rồi", "sốt ruột quá")
def test_what_only_sounds_like_danger_is_none(text):
    assert not is_danger(find_danger(text))


@cases("", " ", "...", "<3", "\ud83d", "\x00", "❤️", "\u0300\u0301", "?", "🇻🇳")
def test_nothing_without_words_is_anything(text):
    found = understand(text)
    assert (found.label, found.is_urgent, found.opt_out) == (Label.UNCLEAR, False, None)


@cases("15/8", "1.5", "14.3512, 108.0012", "https://tin.example.vn/a?b=1", "geo:14.35,108.0")
def test_a_day_a_position_and_an_address_are_no_answer_and_an_officer_looks(text):
    assert understand(text)._replace(confidence=1.0) == Understanding(Label.UNCLEAR, 1.0, False, False)


@cases("14.3512, 108.0012", "https://tin.example.vn/a?b=1", "geo:14.35,108.0")
def test_a_cry_with_a_position_or_an_address_is_one(text):
    assert understand(f"cuu. {text}").is_urgent


@cases("lorem ipsum", "asdf qwer", "xyz abc", "kqxs mn", "zzz")
def test_a_text_without_sense_is_no_wish_to_be_left_alone(text):
    assert {understand(text, asked_of(kind)).opt_out for kind in load_kinds()} == {None}


@cases(
    *each_of("da cai dau | chýa cài", "not_yet"),
    ("da cai o dau", "question"),
    *each_of("Toi la Dung, da cai roi | Huy đây, em cài rồi", "installed"),
    *each_of("Stop covid, da cai bluezone | ddax caif roofi | d9a4 ca2i ro62i", "installed"),
    *each_of("ðaÞ caÌi rôÌi | cài rồiiiii | cài bluzonee rồi | ｄａ ｃａｉ", "installed"),
    ("toi dung dt cui", "no_smartphone"),
    *each_of("DUNG | dduwngf nhawns nuwax | không muôìn nhâòn tin | stop texting me", "opt_out"),
    ("cai NCOVI roi", "unclear"),
    *each_of("khoong caif dduwowjc | hok cài đc", "need_help"),
)
def test_hard_pairs_and_any_way_of_typing(text, label):
    assert understand(text).label == label


@pytest.mark.parametrize(
    "retype",
    [
        str.upper,
        lambda text: unicodedata.normalize("NFD", text),
        lambda text: f"dạ {text} nhé",
        lambda text: f"{text}!!!",
    ],
    ids=["capitals", "nfd", "polite", "marks"],
)
def test_the_sample_means_the_same_however_it_is_typed(retype):
    meant = [
        (text, understand(text).label)
        for text, label in SAMPLE
        if label != "unclear" and text[-1] not in "?."
    ]
    changed = [text for text, label in meant if understand(retype(text)).label != label]
    assert len(changed) <= 3, changed


def test_no_text_is_too_strange_and_none_takes_long():
    dice = random.Random(7)
    signs = "aăâeêioôơuưyđdkhngrtcxsfjw0123456789 ?,./\n\t\u0300\u0323ðÌìÒòýõ😊\ud83d\ufe0f\u200dßİŉ第"
    for _ in range(1500):
        assert 0 < understand("".join(dice.choices(signs, k=dice.randint(0, 40)))).confidence <= 1
    for text in ("xin cài " * 20_000, "nước " * 20_000, "a" * 100_000, "đừng " * 500):
        started = time.process_time()
        understand(text)
        assert time.process_time() - started < 0.2
    assert understand("cài rồi " + "x" * LONGEST) == understand("cài rồi " + "x" * 2 * LONGEST)


LIMITS = {str(label): 0.8 for label in LABELS} | {"own": 0.85, "held": 0.2}
YES, STOP = Answer(1, ("có",), None), Answer(2, ("thôi",), Label.OPT_OUT)


@cases(
    ({Label.INSTALLED: 0.9}, {}, Understanding(Label.INSTALLED, 0.9, True, False)),
    # Who asks for messages is not silenced, but where that is unsure an officer looks.
    ({OPT_IN: 0.8, Label.OPT_OUT: 0.2}, {}, Understanding(OPT_IN, 0.8, True, False)),
    ({OPT_IN: 0.3, Label.OPT_OUT: 0.4}, {}, Understanding(Label.OPT_OUT, 0.4, False, False, "held")),
    ({Label.INSTALLED: 0.7}, {}, Understanding(Label.INSTALLED, 0.7, False, False)),
    ({1: 0.9}, {}, Understanding(None, 0.9, True, False, None, 1)),
    ({1: 0.83, Label.INSTALLED: 0.1}, {}, Understanding(None, 0.83, False, False, None, 1)),
    ({Label.OPT_OUT: 0.8}, {}, Understanding(Label.OPT_OUT, 0.8, True, False, "sure")),
    # Likely, though something else is likelier: nothing more is sent until somebody has looked.
    ({Label.REFUSE: 0.7, Label.OPT_OUT: 0.3}, {}, Understanding(Label.OPT_OUT, 0.3, False, False, "held")),
    ({Label.REFUSE: 0.85, Label.OPT_OUT: 0.1}, {}, Understanding(Label.REFUSE, 0.85, True, False)),
    # A cry: asked for help where that is possible at all, never automatic, never silenced for good.
    ({Label.INSTALLED: 0.9, Label.NEED_HELP: 0.06}, {"is_urgent": True}, Understanding(Label.NEED_HELP, 0.06, False, True)),
    ({1: 0.6, Label.NEED_HELP: 0.2}, {"is_urgent": True}, Understanding(None, 0.6, False, True, None, 1)),
    ({Label.UNCLEAR: 0.95}, {"is_urgent": True}, Understanding(Label.UNCLEAR, 0.95, False, True)),
    ({Label.OPT_OUT: 0.9}, {"is_urgent": True}, Understanding(Label.OPT_OUT, 0.9, False, True, "held")),
    ({Label.UNCLEAR: 0.9}, {"plain": YES}, Understanding(None, 0.99, True, False, None, 1)),
    ({Label.UNCLEAR: 0.9}, {"plain": STOP}, Understanding(Label.OPT_OUT, 0.99, True, False, "sure", 2)),
    ({Label.UNCLEAR: 0.9}, {"keyword": Label.OPT_OUT}, Understanding(Label.OPT_OUT, 0.99, True, False, "sure")),
    ({Label.UNCLEAR: 0.9}, {"keyword": OPT_IN}, Understanding(OPT_IN, 0.99, True, False)),
    # A number that the message does not offer.
    ({Label.INSTALLED: 0.9}, {"is_number": True}, Understanding(Label.UNCLEAR, 0.9, False, False)),
)  # fmt: skip
def test_what_is_decided(chances, more, decided):
    known = dict.fromkeys(LABELS, 0.0) | chances
    found = [
        Chance(None, meant, share) if isinstance(meant, int) else Chance(meant, None, share)
        for meant, share in known.items()
    ]
    asked = {"is_urgent": False, "plain": None, "keyword": None, **more}
    assert decide(found, limits=LIMITS, **asked) == decided


MEETING = read_question(
    "Ông/bà có đến dự họp được không?",
    [Answer(1, ("sẽ đến",)), Answer(2, ("không đến được",)), Answer(3, ("chưa biết",))],
)


@cases(
    *each_of("1 | sẽ đến | có, tôi đến", 1, None),
    *each_of("Dạ số 2 ạ | toi khong den duoc, ban qua | số hai nhé", 2, None),
    ("chưa biết nữa", 3, None),
    *each_of("TC | 1 sẽ đến. TC", None, Label.OPT_OUT),
    ("họp ở đâu vậy", None, Label.QUESTION),
    ("7", None, Label.UNCLEAR),
)
def test_a_question_of_the_offices_own_is_read_against_its_answers(text, own, label):
    found = understand(text, MEETING)
    assert (found.own, found.label) == (own, label)


def test_a_reply_that_quotes_the_message_is_read_without_it():
    sent = "Mat tran xa moi ong/ba du hop thon 19h thu Bay. Nhan 1 se den, 2 khong den duoc"
    assert without_quote(f'"{sent}" 2 nhé', sent) == "2 nhé"
    assert without_quote(sent, sent) == sent
    assert without_quote("Mặt trận xã mời ông/bà dự họp thôn 19h thứ Bảy. Vâng", sent) == "Vâng"
    assert without_quote("vâng", sent) == "vâng"


@cases(b"", b"[]", b"{}", b'{"answers": [{}]}', b'{"answers": [{"number": "a", "words": "b"}]}', b"\xff")
def test_a_wrong_file_of_what_was_asked_is_refused(data):
    with pytest.raises(BadInput):
        read_asked(data)


def test_what_is_weighed_at_run_time_is_what_was_learned(tmp_path):
    parts = words("dạ chưa VERB được , con cháu nó VERB cho rồi nhé VERB đi VERB lại")
    features = Counter(all_features(parts))
    dice = random.Random(1)
    # A third of the features is not known, as of every reply.
    learned = {
        name: [dice.randrange(-300, 300) for _ in range(COLUMNS)]
        for name in sorted(features)
        if dice.random() < 0.67
    }
    wanted = [
        sum(n * learned[name][at] for name, n in features.items() if name in learned) for at in range(COLUMNS)
    ]
    (tmp_path / f"{OFFICES}.bin").write_bytes(pack_weights(learned, {}, {}, {}))
    use_weights(tmp_path)
    try:
        assert weigh(parts, OFFICES) == pytest.approx([each / size_of(parts) / SCALE for each in wanted])
    finally:
        use_weights(WEIGHTS)
    assert all(load_weights(part).limits for part in (MENU, OFFICES))


@cases(
    *each_of("nhầm | à nhầm | em bấm nhầm ạ | Xin lỗi, nhắn nhầm | nham roi | lộn", True),
    *each_of("nhầm số | nhầm, 2 | nhầm người | chưa cài", False),
    ("", False),
)
def test_a_bare_mistake_takes_back_what_was_said(text, is_taken_back):
    assert context.takes_back(text) is is_taken_back


@cases(
    ("có", "Ông/bà có cần giúp không?", True),
    ("dạ có ạ", "Ong/ba can can bo goi lai khong?", True),
    ("vâng", "Cán bộ đến nhà hướng dẫn được không ạ?", True),
    ("có", "Ông/bà đã cài Bluezone chưa?", False),
    *each_of("không | có tốn tiền không", "Ông/bà có cần giúp không?", False),
)
def test_a_bare_yes_answers_what_we_asked_last(text, asked, is_yes):
    assert context.accepts_help(text, asked=asked) is is_yes


@cases(
    *each_of("cài rồi, đừng nhắn nữa | đừng nhắn nữa, tôi cài xong rồi | cai roi nen thoi dung nhan", True),
    *each_of("đừng nhắn nữa | vợ cài rồi, đừng nhắn nữa | chưa cài, đừng nhắn nữa", False),
)
def test_done_is_heard_beside_a_stop(text, is_told):
    assert context.reports_install_too(text, BLUEZONE) is is_told


@cases(
    *each_of("TC đợt này | tu choi chien dich nay | Không nhận tin về việc này nữa", True),
    ("đừng nhắn đợt này nữa", True),
    *each_of("TC | Đợt này nhắn nhiều quá, đừng nhắn nữa | không nhận tin nữa", False),
    *each_of("không làm việc này | đợt này", False),
)
def test_an_opt_out_is_from_everything_unless_it_says_clearly_from_what(body, is_of_drive):
    assert context.is_of_drive_only(body) is is_of_drive


@cases(*each_of("có | Dạ ko em | ok chị | rồi ạ", True), *each_of("có đi | không biết", False))
def test_a_bare_yes_or_no_answers_only_what_was_asked_just_before(text, is_bare):
    assert context.needs_question(text) is is_bare


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


@cases(
    *each_of("bạn là ai | tin này có phải lừa đảo không | ai nhắn vậy | tin nay that khong", "sender"),
    *each_of("có mất tiền không | ton tien khong | miễn phí hả", "cost"),
    *each_of("sao biết số tôi | lay so toi o dau ra | có bị lộ thông tin không", "data"),
    *each_of("cài ở đâu | tiêm có đau không", None),
)
def test_a_doubt_is_recognised(text, doubt):
    assert find_doubt(text) == (DoubtKind(doubt) if doubt else None)


@pytest.mark.parametrize("doubt", DoubtKind)
def test_an_answer_is_short(doubt):
    text = answer_doubt(
        doubt, issuer="UB MTTQ Viet Nam tinh Kon Tum", contact="truong thon, to truong to dan pho"
    )
    assert measure(text, unaccented=True).segments <= 2
