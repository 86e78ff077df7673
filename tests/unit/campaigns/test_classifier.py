import csv
import random
import re
import time
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from campaigns.rules.replies.classifier import BLUEZONE, LONGEST, Vocabulary, classify, explain
from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.patterns import RULES

DATA = Path(__file__).parents[2] / "data"


def read_replies(name, part=None):
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [(row["text"], Label(row["label"])) for row in rows if part in (None, row.get("part"))]


SAMPLE = read_replies("replies_sample.tsv")
TUNED = read_replies("replies_invented.tsv", "tuned")
UNTOUCHED = read_replies("replies_invented.tsv", "untouched")
LATER = read_replies("replies_invented.tsv", "later")


def score(replies):
    right, said, meant = Counter(), Counter(), Counter()
    for text, label in replies:
        found = classify(text).label
        said[found] += 1
        meant[label] += 1
        right[label] += found is label
    precision = {label: right[label] / (said[label] or 1) for label in Label}
    recall = {label: right[label] / (meant[label] or 1) for label in Label}
    f1 = [2 * right[label] / (said[label] + meant[label]) for label in Label]
    return precision, recall, sum(f1) / len(f1)


# UNTOUCHED was written before the rules and never looked into while they were made; LATER after they stood, and two
# of them were mended by it.
@pytest.mark.parametrize(
    "replies", [SAMPLE, TUNED, UNTOUCHED, LATER], ids=["sample", "tuned", "untouched", "later"]
)
def test_no_opt_out_is_missed_and_no_install_claimed_on_a_doubt(replies):
    precision, recall, macro_f1 = score(replies)
    assert recall[Label.OPT_OUT] == 1
    assert precision[Label.INSTALLED] >= 0.98
    assert macro_f1 >= 0.95


@pytest.mark.parametrize(
    ("text", "label"),
    [
        # the hard pairs of the domain
        ("da cai dau", "not_yet"),
        ("da cai o dau", "question"),
        ("DUNG", "opt_out"),
        ("dung roi", "unclear"),
        ("toi dung dt cui", "no_smartphone"),
        ("Toi la Dung, da cai roi", "installed"),
        ("huy", "opt_out"),
        ("Huy đây, em cài rồi", "installed"),
        ("Stop covid, da cai bluezone", "installed"),
        # accents tell these apart
        ("dừng", "opt_out"),
        ("đúng", "unclear"),
        ("Dũng", "unclear"),
        ("đừng cài nữa", "refuse"),
        ("cái bàn", "unclear"),
        ("em dùng máy đen trắng", "no_smartphone"),
        # 1. opt_out beats all
        ("cài rồi, đừng nhắn nữa", "opt_out"),
        ("nhầm số rồi, xóa số tôi đi", "opt_out"),
        ("không cài được, đừng nhắn nữa", "opt_out"),
        ("toi la Dung, dung nhan nua", "opt_out"),
        ("làm sao để hủy tin nhắn này", "opt_out"),
        ("khong can tin nay", "opt_out"),
        ("xóa giùm số tôi", "opt_out"),
        ("xoa giup toi so nay", "opt_out"),
        ("bỏ giúp số của em", "opt_out"),
        ("nghỉ nhắn", "opt_out"),
        ("để tôi yên", "opt_out"),
        ("đừng nhắn được không", "opt_out"),
        ("em lỡ xóa tin nhắn rồi, gửi lại giúp", "need_help"),
        ("rất tiếc bluezone đã dừng", "need_help"),
        ("T/C", "opt_out"),
        # 2. the sender's own phone, now
        ("đã cài nhưng xóa rồi", "not_yet"),
        ("đã hủy cài đặt rồi", "not_yet"),
        ("đã hủy cài đặt", "not_yet"),
        ("cài rồi xóa luôn rồi, app rác", "refuse"),
        ("gỡ ra cài lại rồi", "installed"),
        ("chồng em cài rồi, em chưa", "not_yet"),
        ("máy tôi cài rồi, máy vợ chưa", "installed"),
        ("vợ tôi cài rồi", "unclear"),
        ("vợ cài cho tôi rồi", "installed"),
        ("máy con tôi cài rồi", "unclear"),
        ("cài cho mẹ rồi", "unclear"),
        ("cài cho mẹ rồi, máy tôi chưa", "not_yet"),
        ("đã bảo con cài rồi", "unclear"),
        ("tôi với vợ cài rồi", "installed"),
        # an install in doubt is none
        ("chắc cài rồi", "unclear"),
        ("chắc chắn cài rồi", "installed"),
        ("tưởng cài rồi mà hóa ra chưa", "not_yet"),
        ("không biết cài chưa nữa", "unclear"),
        ("gần cài xong rồi", "not_yet"),
        ("mai mới cài", "not_yet"),
        ("hôm nay mới cài", "installed"),
        ("đã cài chưa?", "question"),
        # 3. installed but not working, 4. unable, 5. does not know how
        ("cài rồi mà không mở được", "need_help"),
        ("không cài được", "need_help"),
        ("không cài được, mai nhờ con cài", "not_yet"),
        ("cài được không", "question"),
        ("không biết cài", "need_help"),
        ("đã nhờ con cài nhưng không được", "need_help"),
        ("đã nhờ con cài", "installed"),
        ("không biết cài để làm gì", "question"),
        # 6. presupposed in a question
        ("cài rồi có phải bật bluetooth không", "question"),
        # not the person
        ("ở đây không có Tuấn", "wrong_number"),
        ("không phải tôi không muốn cài mà máy không cài được", "need_help"),
        # 7. somebody looks
        ("ok", "unclear"),
        ("cai NCOVI roi", "unclear"),
        ("cài viber rồi", "unclear"),
        ("bao gio co tien ho tro covid vay", "unclear"),
        ("thôn 1", "unclear"),
        # 8. the menu
        ("1️⃣", "installed"),
        ("số 2 ạ", "not_yet"),
        ("3.", "no_smartphone"),
        ("Em chọn 4", "need_help"),
        ("1 2", "unclear"),
        ("123", "unclear"),
        ("2 máy cài rồi", "installed"),
        ("2, chưa cài", "not_yet"),
        ("2nha", "not_yet"),
        ("4 ạ nhờ anh", "need_help"),
        ("1 hay 2?", "unclear"),
        ("không phải số 1 mà số 2", "unclear"),
    ],
)
def test_hard_replies(text, label):
    assert classify(text).label == label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("ddax caif roofi", "installed"),
        ("d9a4 ca2i ro62i", "installed"),
        ("khoong caif dduwowjc", "need_help"),
        ("dduwngf nhawns nuwax", "opt_out"),
        ("hu3y", "opt_out"),
        ("huy3", "opt_out"),
        ("HUY1", "opt_out"),
        ("HUÒY", "opt_out"),
        ("hiÌnh nhý caÌi rôÌi", "unclear"),
        ("dg nhn nua", "opt_out"),
        ("chx cài", "not_yet"),
        ("cài zồi", "installed"),
        ("ðaÞ caÌi rôÌi", "installed"),
        ("chýa cài", "not_yet"),
        ("không muôìn nhâòn tin", "opt_out"),
        ("hok cài đc", "need_help"),
        ("cài òi nha", "installed"),
        ("e k bít cài", "need_help"),
        ("cài rồiiiii", "installed"),
        ("cài răng hè", "question"),
        ("chưa mô", "not_yet"),
        ("cài bluzonee rồi", "installed"),
        ("i don't have a smartphone", "no_smartphone"),
        ("stop texting me", "opt_out"),
        ("stopall", "opt_out"),
        ("HUYDK", "opt_out"),
        ("TC1", "opt_out"),
        ("unsubcribe", "opt_out"),
        ("dừg", "opt_out"),
        ("đừngg nhắnn nữaa", "opt_out"),
        ("ｄａ ｃａｉ", "installed"),
    ],
)
def test_any_way_of_typing_is_read(text, label):
    assert classify(text).label == label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        # who has it: a relative by any pronoun, or the sender under any name for oneself
        ("dì tôi cài rồi", "unclear"),
        ("dì cài rồi", "installed"),
        ("con tui cài rồi", "unclear"),
        ("con cài rồi", "installed"),
        ("chau da cai", "installed"),
        ("bố mày cài rồi", "installed"),
        ("ổng cài rồi", "unclear"),
        ("bạn t cài r", "unclear"),
        ("t cài r", "installed"),
        ("chồng đã cài, vợ chưa", "not_yet"),
        ("vo toi cai roi chu toi chua", "not_yet"),
        ("mà tui cài rồi", "installed"),
        # what was installed, and whether it was
        ("cài vân tay rồi", "unclear"),
        ("cài cái đó rồi", "installed"),
        ("cài rồi hả", "unclear"),
        ("anh đã cài chưa vậy", "question"),
        ("cài xong tôi báo", "unclear"),
        ("coi như cài rồi", "unclear"),
        ("cài lại hôm qua", "installed"),
        ("có bluezone từ lâu", "installed"),
        ("đang dùng", "installed"),
        ("đang chăn bò, tối cài", "not_yet"),
        ("làm gì đã cài", "not_yet"),
        ("chưa bao giờ cài", "not_yet"),
        ("có bao giờ cài đâu", "not_yet"),
        ("đang họp, lát cài", "not_yet"),
        ("không cài được, mai nhờ con coi giúp", "not_yet"),
        ("làm sao biết đã cài", "question"),
        # an accent away from a stop or a fault
        ("đẹp", "unclear"),
        ("chặn", "opt_out"),
        ("chân đau", "unclear"),
        ("A Lối cài rồi", "installed"),
        ("mượn máy bạn cài rồi", "unclear"),
        # a name that looks like a command, where the action is told of; a stop where it is not
        ("Huy nè, cài rồi", "installed"),
        ("huy nè, không cài", "opt_out"),
        ("Chặn đây, anh cài rồi", "installed"),
        ("chặn đây", "opt_out"),
        ("Em tên Hủy, em đã cài rồi ạ", "installed"),
        ("de nghi dung", "opt_out"),
        # somebody, everybody, or the sender's house
        ("nó cài rồi", "unclear"),
        ("cai roi nha chi", "installed"),
        ("chi oi em cai roi", "installed"),
        ("mơi cài", "not_yet"),
        ("ai cài rồi", "unclear"),
        ("mọi người cài rồi", "unclear"),
        ("ông ấy cài rồi", "unclear"),
        ("nó cài rồi, tui cũng cài rồi", "installed"),
        ("nó cài giùm tui rồi", "installed"),
        ("nó không cho cài", "need_help"),
        ("nhà em ai cũng cài rồi", "installed"),
        ("cài bluezone rồi, chưa cài zalo", "installed"),
        ("dừng xe ở chợ", "unclear"),
        ("đừng hòng tui cài", "refuse"),
        ("kết thúc dịch chưa", "unclear"),
        # left alone, in other words
        ("hết muốn nhận tin", "opt_out"),
        ("không liên hệ số này nữa", "opt_out"),
        ("xoa cai so minh di", "opt_out"),
        ("lấy số tui ra", "opt_out"),
        ("mày nhắn nữa coi", "opt_out"),
        ("nhắn ít thôi", "opt_out"),
        ("khỏi phải nhắn", "opt_out"),
        ("xin tha cho tôi", "opt_out"),
        ("nhan hoai, dung", "opt_out"),
        ("Stop nhé em cài rồi", "opt_out"),
    ],
)
def test_who_has_it_and_what_was_meant(text, label):
    assert classify(text).label == label


TELEX = {"\u0301": "s", "\u0300": "f", "\u0309": "r", "\u0303": "x", "\u0323": "j"}
VNI = dict(zip(TELEX, "12345", strict=True)) | {"\u0302": "6", "\u031b": "7", "\u0306": "8"}


def type_in_telex(text):
    words = []
    for word in unicodedata.normalize("NFC", text.lower()).split():
        letters, tone = "", ""
        for letter in word.replace("đ", "dd"):
            base, *marks = unicodedata.normalize("NFD", letter)
            letters += base + "".join({"\u0302": base}.get(mark, "w") for mark in marks if mark not in TELEX)
            tone += "".join(TELEX.get(mark, "") for mark in marks)
        words.append(re.sub(r"^(\w*)", rf"\g<1>{tone}", letters))
    return " ".join(words)


def type_in_vni(text):
    decomposed = unicodedata.normalize("NFD", text.lower().replace("đ", "d9"))
    return "".join(VNI.get(sign, sign) for sign in decomposed)


def misread_windows_1258(text):
    composed = "".join(
        unicodedata.normalize("NFC", "".join(mark for mark in letter if mark not in TELEX))
        + "".join(mark for mark in letter if mark in TELEX)
        for letter in (unicodedata.normalize("NFD", each) for each in unicodedata.normalize("NFC", text))
    )
    return composed.encode("cp1258", "replace").decode("cp1252", "replace")


def strip_accents(text):
    decomposed = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign))


@pytest.mark.parametrize(
    "retype",
    [
        strip_accents,
        type_in_telex,
        type_in_vni,
        misread_windows_1258,
        str.upper,
        lambda text: unicodedata.normalize("NFD", text),
    ],
    ids=["bare", "telex", "vni", "windows-1258", "capitals", "nfd"],
)
def test_the_sample_means_the_same_however_it_is_typed(retype):
    changed = [text for text, label in SAMPLE if text.isprintable() and classify(retype(text)).label != label]
    assert len(changed) <= 1, changed


@pytest.mark.parametrize("before", ["", "dạ ", "em ơi ", "chào cán bộ, ", "cảm ơn, ", "alo, "])
@pytest.mark.parametrize(
    "after", ["", " ạ", " nhé em", " nha chị", " cán bộ ơi", "!!!", " 😊", " nhé cảm ơn"]
)
def test_civilities_change_nothing(before, after):
    meant = [(text, label) for text, label in SAMPLE if label != Label.UNCLEAR]
    changed = [
        text for text, label in meant if classify(f"{before}{text.rstrip('.?')}{after}").label != label
    ]
    assert changed == []


@pytest.mark.parametrize("text", ["", " ", "\n", "...", "❤️", "\ud83d", "\x00", "\u0300\u0301", "?", "🇻🇳"])
def test_a_reply_without_words_is_unclear(text):
    assert classify(text).label is Label.UNCLEAR


def test_no_text_is_too_strange():
    dice = random.Random(7)
    signs = "aăâeêioôơuưyđdkhngrtcxsfjw0123456789 ?,./\n\t\u0300\u0323ðÌìÒòýõ😊\ud83d\ufe0f\u200dßİŉ第"
    for _ in range(1500):
        reply = classify("".join(dice.choices(signs, k=dice.randint(0, 40))))
        assert 0 < reply.confidence < 1


def test_a_very_long_reply_is_read_up_to_its_limit_and_fast():
    started = time.perf_counter()
    assert classify("xin cài " * 20_000).confidence > 0
    assert classify("đừng nhắn nữa " + "cài rồi " * 20_000).label is Label.OPT_OUT
    assert classify("x" * LONGEST + " đừng nhắn nữa").label is Label.UNCLEAR
    assert time.perf_counter() - started < 0.5


def test_doubt_shows_in_the_confidence():
    assert classify("đã cài rồi").confidence > 0.9
    assert classify("abc xyz").confidence < 0.5
    assert classify("cài làm gì").confidence < 0.7
    assert classify("Y Bông cài rồi").confidence < 0.8


def test_a_decision_can_be_explained():
    reason = explain("vợ cài rồi, em chưa")
    assert reason.reply == classify("vợ cài rồi, em chưa")
    assert reason.meanings == ("KIN", "VERB", "ALREADY", "BREAK", "NOTYET")
    assert reason.rule is not None
    assert explain("abc xyz").rule is None


@pytest.mark.parametrize(("label", "confidence", "rule", "example"), RULES, ids=[rule[3] for rule in RULES])
def test_each_rule_decides_its_example(label, confidence, rule, example):
    assert explain(example)[::2] == ((label, confidence), rule)


VACCINATION = Vocabulary(
    verbs=("tiêm", "chích", "chích ngừa", "tiêm chủng", "tiêm phòng"),
    done=("vaccinated",),
    things=("vắc xin", "vaccine", "astra", "pfizer", "mũi 1", "mũi 2"),
    other_things=("cúm", "uốn ván"),
)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("da tiem roi", "installed"),
        ("tiêm mũi 1 rồi", "installed"),
        ("chích pfizer rồi nha", "installed"),
        ("chưa tiêm", "not_yet"),
        ("mai tui đi chích", "not_yet"),
        ("không tiêm đâu", "refuse"),
        ("tiêm ở đâu", "question"),
        ("tiêm có đau không", "question"),
        ("tiêm cúm rồi", "unclear"),
        ("chắc tiêm rồi", "unclear"),
        ("bố tôi tiêm rồi", "unclear"),
        ("mai mới tiêm", "not_yet"),
        ("xóa giùm số tôi", "opt_out"),
        ("đừng nhắn nữa", "opt_out"),
        ("cài rồi", "unclear"),
    ],
)
def test_another_campaign_brings_its_own_words(text, label):
    assert classify(text, VACCINATION).label == label


def test_the_first_campaign_is_the_default():
    assert (
        classify("da tiem roi") == classify("da tiem roi", BLUEZONE) != classify("da tiem roi", VACCINATION)
    )
