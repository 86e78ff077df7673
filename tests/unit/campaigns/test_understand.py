"""Replies as the rules and the learned model understand them together."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns.planning.kinds import load_kinds
from campaigns.rules.content import read_content
from campaigns.rules.replies.classifier import read_reply
from campaigns.rules.replies.danger import find_danger, is_cry
from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.model import (
    COLUMNS,
    SCALE,
    WEIGHTS,
    load_weights,
    size_of,
    unpack,
    weigh,
)
from campaigns.rules.replies.understand import understand
from tests.replies.data import read_authors, vocabulary_of
from tests.replies.report import macro_f1
from tests.replies.weights import add_shorter, features_of, use_weights, write_weights

HELD_OUT = [each for each in read_authors() if each.is_held_out]
READ = [(each, understand(each.text, vocabulary_of(each.kind))) for each in HELD_OUT]


def test_authors_who_were_not_trained_on_are_understood() -> None:
    automatic = [(each, found) for each, found in READ if found.is_automatic]
    wrong = sum(each.label is not found.label for each, found in automatic)
    assert macro_f1(READ) > 0.915
    assert len(automatic) / sum(not each.is_urgent for each, _ in READ) > 0.79
    assert wrong / len(automatic) < 0.02


def test_few_opt_outs_and_cries_for_help_are_missed() -> None:
    # Counted, as the replies of measured authors are not to be read while something is mended.
    opt_outs = [found for each, found in READ if each.label is Label.OPT_OUT]
    cries = [found for each, found in READ if each.is_urgent]
    assert sum(found.label is not Label.OPT_OUT for found in opt_outs) / len(opt_outs) < 0.015
    assert sum(not found.is_urgent for found in cries) / len(cries) < 0.02


def test_few_calm_replies_of_a_storm_are_taken_for_cries() -> None:
    calm = [found for each, found in READ if each.kind == "bao-lu" and not each.is_urgent]
    assert sum(found.is_urgent for found in calm) / len(calm) < 0.075


@pytest.mark.parametrize("kind", sorted(load_kinds()))
@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("1", "installed"),
        ("2", "not_yet"),
        ("3", "no_smartphone"),
        ("4", "need_help"),
        ("TC", "opt_out"),
        ("đừng nhắn nữa", "opt_out"),
        ("cút", "opt_out"),
        ("câm mồm", "opt_out"),
        ("biến đi", "opt_out"),
    ],
)
def test_the_menu_and_the_stop_words_mean_the_same_in_every_kind(kind: str, text: str, label: str) -> None:
    found = understand(text, read_content(load_kinds()[kind]).vocabulary)
    assert found.label == label


@pytest.mark.parametrize(
    "text",
    [
        "nước lên tới cổ rồi",
        "nuoc dang vao nha, me toi khong di duoc",
        "con tôi co giật sau khi tiêm",
        "kho tho qua",
        "co nguoi bi dien giat",
        "thằng bé bị lạc từ sáng",
        "tàu chết máy giữa biển",
        "cháy nhà",
        "chồng đánh tôi, cứu tôi với",
        "khong muon song nua",
        "SOS",
        "cuwsu vowis",
    ],
)
def test_a_cry_for_help_is_heard_in_every_kind(text: str) -> None:
    assert all(understand(text, vocabulary_of(kind)).is_urgent for kind in load_kinds())
    assert not understand(text).is_automatic


@pytest.mark.parametrize(
    "text",
    [
        "máy chết rồi",
        "cười chết mất",
        "chạy lụt xong rồi",
        "nước mắm",
        "nước rút rồi",
        "sốt ruột quá",
        "đang chạy xe",
        "điện thoại hết pin",
    ],
)
def test_what_only_sounds_like_danger_is_none(text: str) -> None:
    assert not is_cry(find_danger(text))


def test_nothing_without_words_is_anything() -> None:
    for text in ("", " ", "...", "<3", "\ud83d", "\x00"):
        found = understand(text)
        assert (found.label, found.is_urgent) == (Label.UNCLEAR, False)


@pytest.mark.parametrize(
    "text", ["lorem ipsum", "ut enim ad minim veniam", "asdf qwer", "xyz abc", "kqxs mn", "zzz", "🙂"]
)
def test_a_text_without_sense_is_no_wish_to_be_left_alone(text: str) -> None:
    found = {understand(text, vocabulary_of(kind)).label for kind in load_kinds()}
    assert Label.OPT_OUT not in found


def test_no_text_takes_long() -> None:
    understand("xin chào")
    for text in ("xin cài " * 20_000, "nước " * 20_000, "a" * 100_000, "đừng " * 500):
        started = time.process_time()
        understand(text)
        assert time.process_time() - started < 0.1


@pytest.fixture
def weights_file(tmp_path: Path) -> Iterator[Path]:
    """A file of weights to be written and used."""
    yield tmp_path / "weights.bin"
    use_weights(WEIGHTS)


def test_ten_weights_are_added_as_one_number(weights_file: Path) -> None:
    one, two = [-3, 0, 7, 32767, -32768, 1, 2, 3, 4, -5], [1, -1, 1, 1, -1, 0, 0, 0, 0, 5]
    write_weights(weights_file, {"one": one, "two": two})
    use_weights(weights_file)
    assert unpack(sum(load_weights().values())) == [a + b for a, b in zip(one, two, strict=True)]


def test_what_is_weighed_at_run_time_is_what_was_learned(weights_file: Path) -> None:
    reading = read_reply("dạ chưa cài được, con cháu nó cài cho rồi nhé, cài đi cài lại")
    danger = find_danger("nước lên tới cổ rồi")
    features = Counter(features_of(reading.words, reading.meanings, danger))
    dice = random.Random(1)
    # A third of the features is not known, as of every reply.
    learned = {
        name: [dice.randrange(-300, 300) for _ in range(COLUMNS)]
        for name in sorted(features)
        if dice.random() < 0.67
    }
    wanted = [
        sum(count * learned[name][column] for name, count in features.items() if name in learned)
        for column in range(COLUMNS)
    ]
    write_weights(weights_file, add_shorter(learned))
    use_weights(weights_file)
    found = weigh(reading.words, reading.meanings, danger, *reading.reply)
    assert found == pytest.approx([each / size_of(reading.words) / SCALE for each in wanted])
