"""Report of how replies are understood: `make replies-report`, for authors whose replies nothing was trained on.

For each kind the label's F1, what is done automatically and how much of it is wrong, opt-outs and cries for help missed, false installs; then the
curve: of the surest share, how much is wrong.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.understand import Understanding, understand
from tests.replies.data import DATA, Example, read_authors, read_earlier, vocabulary_of

KINDS = ("bluezone", "tiem-chung", "bao-lu", "giay-to", "khao-sat")
COVERED = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def measure(examples: Sequence[Example]) -> Iterator[str]:
    """Yield the lines of the report for these replies."""
    read = [(each, understand(each.text, vocabulary_of(each.kind))) for each in examples]
    automatic = [(each, found) for each, found in read if found.is_automatic]
    wrong = [found for each, found in automatic if found.label is not each.label]
    opt_outs = [found for each, found in read if each.label is Label.OPT_OUT]
    installs = [each for each, found in automatic if found.label is Label.INSTALLED]
    cries = [found for each, found in read if each.is_urgent]
    calm = [found for each, found in read if not each.is_urgent]
    yield (
        f"{len(read)} replies, macro F1 {macro_f1(read):.3f}; automatic {share(len(automatic), len(read))}, of these wrong "
        f"{share(len(wrong), len(automatic))}; of what is no cry for help {share(sum(not each.is_urgent for each, _ in automatic), len(calm))} automatic"
    )
    yield (
        f"  opt-outs missed {sum(found.label is not Label.OPT_OUT for found in opt_outs)} of {len(opt_outs)}; "
        f"false installs {share(sum(each.label is not Label.INSTALLED for each in installs), len(installs))}; "
        f"cries missed {sum(not found.is_urgent for found in cries)} of {len(cries)}, "
        f"others taken for one {share(sum(found.is_urgent for found in calm), len(calm))}"
    )
    surest = sorted(read, key=lambda pair: -pair[1].confidence)
    parts = []
    for covered in COVERED:
        top = surest[: max(1, round(covered * len(surest)))]
        parts.append(
            f"{covered:.0%} {share(sum(found.label is not each.label for each, found in top), len(top))}"
        )
    yield "  surest share and how much of it is wrong: " + ", ".join(parts)


def macro_f1(read: Sequence[tuple[Example, Understanding]]) -> float:
    """Return the mean F1 of the labels that occur."""
    scores = []
    for label in {each.label for each, _ in read}:
        right = sum(each.label is label is found.label for each, found in read)
        given = sum(each.label is label for each, _ in read) + sum(found.label is label for _, found in read)
        scores.append(2 * right / given)
    return sum(scores) / len(scores)


def share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def main() -> None:
    held_out = [each for each in read_authors() if each.is_held_out]
    texts = [(each.text, vocabulary_of(each.kind)) for each in (*held_out, *read_earlier())]
    started = time.process_time()
    for kind in KINDS:
        understand("xin chào", vocabulary_of(kind))
    loaded = time.process_time()
    for text, vocabulary in texts:
        understand(text, vocabulary)
    taken = time.process_time() - loaded
    print(f"{loaded - started:.2f} s until each kind has answered once")
    print(f"{len(texts) / taken:,.0f} replies a second on one core, each read once")
    for name in ("all", *KINDS):
        print(
            f"{name}:",
            *measure([each for each in held_out if name in ("all", each.kind)]),
            sep="\n  ",
            flush=True,
        )
    hard = read_authors(DATA / "replies_hard.txt")
    print("written to be hard:", *measure(hard), sep="\n  ")
    print("of a storm:", *measure([each for each in hard if each.kind == "bao-lu"]), sep="\n  ")


if __name__ == "__main__":
    main()
