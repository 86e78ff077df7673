"""Report of how replies are understood: `make replies-report`, for authors whose replies nothing was trained on.

For each set macro F1, what is done automatically and how much of it is wrong, wishes to be left alone that are missed or read into others, cries
for help missed; plain, and weighted by the shares that an office meets. With `ORDINARY=FOLDER` also what becomes of ordinary text in its files.
"""

import os
import time
from itertools import pairwise
from pathlib import Path

from campaigns.rules.replies.labels import OPT_IN, Label
from campaigns.rules.replies.understand import Understanding, understand
from tests.replies import data
from tests.replies.data import DATA, Example

KINDS = ("bluezone", "tiem-chung", "bao-lu", "giay-to", "khao-sat")
COVERED = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
STEPS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 1.01)
"""Confidences between which it is told how many replies are right."""
CRIES_IN_OFFICE = 0.01
OPT_OUTS_IN_OFFICE = 0.03
"""Shares of all replies that an office meets, a guess: the sets hold many more."""

Read = tuple[Example, Understanding]


def is_right(example, found):
    """Return whether a reply was understood: its own answer where it gives one, else its label."""
    own = example.own if example.label is None else None
    return example.label == found.label and (own is None or own == found.own)


def meaning(label, own):
    return str(label) if label else f"answer-{own}"


def share_weighted(read, numerator, of):
    """Return a share plain, and as it would be with the shares of cries and opt-outs that an office meets."""
    groups = [2 if example.is_urgent else example.label is Label.OPT_OUT for example, _ in read]
    counts = [groups.count(group) for group in (0, 1, 2)]
    shares = (1 - CRIES_IN_OFFICE - OPT_OUTS_IN_OFFICE, OPT_OUTS_IN_OFFICE, CRIES_IN_OFFICE)
    each = [wanted / count if count else 0.0 for wanted, count in zip(shares, counts, strict=True)]
    weights = [each[group] for group in groups]
    top = sum(w for w, n, o in zip(weights, numerator, of, strict=True) if n and o)
    whole = sum(w for w, o in zip(weights, of, strict=True) if o)
    plain = share(sum(n and o for n, o in zip(numerator, of, strict=True)), sum(of))
    return f"{plain} ({top / whole:.1%} in an office)" if whole else "-"


def read_all(examples):
    return [(each, understand(each.text, data.asked_of(each.kind))) for each in examples]


def measure(read):
    """Yield the lines of the report for replies as they are understood."""
    everything = [True] * len(read)
    wrong = [not is_right(*pair) for pair in read]
    automatic = [found.is_automatic for _, found in read]
    stops = [each.label is Label.OPT_OUT for each, _ in read]
    sure = [found.opt_out == "sure" for _, found in read]
    heard = [found.opt_out is not None for _, found in read]
    cries = [each.is_urgent for each, _ in read]
    urgent = [found.is_urgent for _, found in read]
    yield (
        f"{len(read)} replies, macro F1 {macro_f1(read):.3f}; automatic {share_weighted(read, automatic, everything)}, of these wrong "
        f"{share_weighted(read, wrong, automatic)}; of what is no cry {share(sum(automatic), len(read) - sum(cries))} automatic"
    )
    missed = sum(stop and not held for stop, held in zip(stops, heard, strict=True))
    yield (
        f"  wishes to be left alone: missed {missed} of {sum(stops)}; count at once {sum(sure)}, rightly {share_weighted(read, stops, sure)}; "
        f"with those held {sum(heard)}, rightly {share_weighted(read, stops, heard)}"
    )
    wishes = [each.label == OPT_IN for each, _ in read]
    told = [found.label == OPT_IN for _, found in read]
    if any(wishes):
        silenced = sum(wish and stop for wish, stop in zip(wishes, heard, strict=True))
        both = sum(a and b for a, b in zip(wishes, told, strict=True))
        yield f"  wishes to be written to: found {both} of {sum(wishes)}, rightly {share(both, sum(told))}, taken for the opposite {silenced}"
    yield (
        f"  false installs {share(sum(w and a and f.label is Label.INSTALLED for w, a, (_, f) in zip(wrong, automatic, read, strict=True)), sum(a and f.label is Label.INSTALLED for a, (_, f) in zip(automatic, read, strict=True)))}; "
        f"cries missed {sum(c and not u for c, u in zip(cries, urgent, strict=True))} of {sum(cries)}, "
        f"others taken for one {share(sum(u and not c for c, u in zip(cries, urgent, strict=True)), len(read) - sum(cries))}"
    )
    order = sorted(range(len(read)), key=lambda at: -read[at][1].confidence)
    parts = []
    for covered in COVERED:
        top = order[: max(1, round(covered * len(order)))]
        parts.append(f"{covered:.0%} {share(sum(wrong[at] for at in top), len(top))}")
    yield "  surest share and how much of it is wrong: " + ", ".join(parts)
    steps = [(low, [low <= found.confidence < high for _, found in read]) for low, high in pairwise(STEPS)]
    right = [not each for each in wrong]
    curve = [f"from {low} {share_weighted(read, right, here)}" for low, here in steps if any(here)]
    yield "  right by confidence: " + ", ".join(curve)


def macro_f1(read):
    """Return the mean F1 of the labels and own answers that occur; own answers of all questions count as by their numbers."""
    pairs = [(meaning(each.label, each.own), meaning(found.label, found.own)) for each, found in read]
    scores = []
    for name in {wanted for wanted, _ in pairs}:
        right = sum(wanted == name == given for wanted, given in pairs)
        scores.append(2 * right / sum((wanted == name) + (given == name) for wanted, given in pairs))
    return sum(scores) / len(scores)


def share(part, whole):
    return f"{part / whole:.1%}" if whole else "-"


def measure_ordinary(path):
    """Return what becomes of a file of ordinary sentences, one a line."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    found = [understand(line) for line in lines]
    counts = [
        sum(each.opt_out == "sure" for each in found),
        sum(each.opt_out == "held" for each in found),
        sum(each.is_urgent for each in found),
    ]
    names = ("count at once as opt-outs", "are held", "are urgent")
    return f"{len(lines)} sentences: " + ", ".join(
        f"{share(n, len(lines))} {name}" for n, name in zip(counts, names, strict=True)
    )


def main():
    held_out = [each for each in data.read_authors() if each.is_held_out]
    texts = [(each.text, data.asked_of(each.kind)) for each in (*held_out, *data.read_earlier())]
    started = time.process_time()
    for kind in KINDS:
        understand("xin chào", data.asked_of(kind))
    loaded = time.process_time()
    for text, asked in texts:
        understand(text, asked)
    taken = time.process_time() - loaded
    print(f"{loaded - started:.2f} s until each kind has answered once")
    print(f"{len(texts) / taken:,.0f} replies a second on one core, each read once")
    sets = {name: [each for each in held_out if each.kind == name] for name in KINDS}
    sets = {"all kinds": [each for each in held_out if each.kind in KINDS], **sets}
    offices = [each for each in held_out if each.kind in data.questions()]
    sets["questions of offices, by who knows the program"] = [
        each for each in offices if not data.of_stranger(each.kind)
    ]
    sets["questions of offices, by strangers"] = strangers = [
        each for each in offices if data.of_stranger(each.kind)
    ]
    sets |= {
        author: [each for each in strangers if each.author == author]
        for author in sorted({each.author for each in strangers})
    }
    sets["questions of offices, by strangers, that nothing was mended by"] = data.read_first_sight()
    for name, replies in sets.items():
        print(f"{name}:", *measure(read_all(replies)), sep="\n  ", flush=True)
    hard = data.read_authors(DATA / "replies_hard.txt")
    print("written to be hard:", *measure(read_all(hard)), sep="\n  ")
    print("of a storm:", *measure([pair for pair in read_all(hard) if pair[0].kind == "bao-lu"]), sep="\n  ")
    for path in sorted(Path(os.environ["ORDINARY"]).glob("*.txt")) if os.environ.get("ORDINARY") else ():
        print(f"{path.name}: {measure_ordinary(path)}")


if __name__ == "__main__":
    main()
