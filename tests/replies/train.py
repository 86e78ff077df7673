"""Train the learned model of replies: `ORDINARY=FOLDER make replies-train` writes campaigns/rules/replies/offices.bin.

Two steps. For each label, and for urgency, logistic regression over the words of all replies but those for measuring, and over ordinary
text. Then, on predictions for authors that a model has not seen, how far the probabilities have to be spread to be true, and what speaks for
each answer that a message offers.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit, log_softmax
from sklearn.linear_model import LogisticRegression

from campaigns.rules.replies.asked import TURNS, Asked, tag_words, turn_of
from campaigns.rules.replies.danger import find_danger
from campaigns.rules.replies.labels import OPT_IN, Label, Meaning
from campaigns.rules.replies.model import COLUMNS, LABELS, OFFICES, SCALE, WEIGHTS, size_of
from campaigns.rules.replies.understand import OWN, Chance, ReplyFacts, chances_from, facts_of, facts_of_cry
from campaigns.rules.replies.words import unaccent_word
from tests.replies.data import FIRST_KIND, Example, asked_of, read_training
from tests.replies.ordinary import read_ordinary
from tests.replies.weights import all_features, pack_weights

FOLDS = 3
LEAST_SEEN = 3
"""A feature of fewer replies is left out."""
VARIANTS_COUNT = 0.6
"""How much a variant of a reply counts beside the reply itself."""
VARIED = 0.5
"""Share of the replies to kinds that have a variant; those to questions of offices all have one."""
EARLIER_COUNT = 0.5
"""How much a reply counts that the author of many others wrote."""
OWN_COUNT = 2.0
"""How much a reply to a question of an office counts, of which there are fewer."""
OPT_IN_COUNT = 2.0
"""How much a wish to be written to counts where it and its opposite are learned: opt-outs are many more."""
ORDINARY_COUNTS = 0.4
"""How much an ordinary sentence counts beside a reply; where a wish to be left alone or a cry is learned, `ORDINARY_WEIGHS` times as much."""
ORDINARY_WEIGHS = 2.5
STEPS = 30
STRENGTH = 1.5
"""Inverse of the regularisation."""
CRIES_COUNT = 3.0
"""How much a cry for help counts beside another reply, where urgency is learned."""
TELLS = 0.5
"""How much more freely a feature is learned the more it tells a label from all others: the power of its log ratio."""
LEAST = 16
"""Weights, as stored, that are left out where none of a feature is above it."""
ORDINARY = "ordinary"
# Of an ordinary sentence, and of a reply that gives an answer of its own, it is not said whether it is one of these.
OPEN_TO_ORDINARY = frozenset({Label.QUESTION, Label.REFUSE})
OPEN = 0.1
OPEN_TO_OWN = frozenset({Label.INSTALLED, Label.NOT_YET, Label.REFUSE, Label.NEED_HELP, Label.NO_SMARTPHONE})


class Corpus:
    """Replies with what they are, and variants of some: without accents, with a slip of the finger."""

    def __init__(self, examples: Sequence[Example], ordinary: Sequence[str]) -> None:
        dice = random.Random(1)
        self.examples: list[Example] = []
        weights: list[float] = []
        self.is_written: list[bool] = []

        def add(example: Example, weight: float, *, is_written: bool) -> None:
            self.examples.append(example)
            weights.append(weight)
            self.is_written.append(is_written)

        for example in examples:
            is_earlier = example.author.startswith("earlier")
            is_own = asked_of(example.kind).is_own
            add(example, EARLIER_COUNT if is_earlier else OWN_COUNT if is_own else 1.0, is_written=True)
            if not is_earlier:
                stripped = strip(example.text)
                varied = stripped if stripped != example.text else slip(example.text, dice)
                if varied != example.text and (is_own or dice.random() < VARIED):
                    add(example._replace(text=varied), VARIANTS_COUNT, is_written=False)
        for n, text in enumerate(ordinary):
            said = strip(text) if n % 3 == 0 else text
            author = f"{ORDINARY} {n % (5 * FOLDS)}"
            add(
                Example(said, Label.UNCLEAR, None, FIRST_KIND, author, False, False, True),
                ORDINARY_COUNTS,
                is_written=True,
            )
        self.weights = np.array(weights)
        self.asked = [asked_of(each.kind) for each in self.examples]
        self.urgent = np.array([each.is_urgent for each in self.examples])
        self.ordinary = np.array([each.author.startswith(ORDINARY) for each in self.examples])
        self.own = np.array([each.is_own for each in self.asked])
        self.wanted, self.counted = self._tell()
        self.names, self.matrix = self._weigh()

    def _tell(self) -> tuple[np.ndarray, np.ndarray]:
        """Return of each reply which columns it is an example of, and how much that counts; 0 where nothing is said."""
        columns = [*map(str, LABELS), *(f"own {turn}" for turn in TURNS), "cry"]
        labels = np.array([str(each.label or "own") for each in self.examples])
        given = np.array(
            [
                "own " + turn_of(asked.answers[each.own - 1]) if each.own and each.label is None else ""
                for each, asked in zip(self.examples, self.asked, strict=True)
            ]
        )
        answers = np.array(
            [
                asked.is_own and (bool(each.own) or each.label in {answer.means for answer in asked.answers})
                for each, asked in zip(self.examples, self.asked, strict=True)
            ]
        )
        wanted = np.zeros((len(labels), COLUMNS), np.float32)
        counted = np.repeat(self.weights[:, None], COLUMNS, axis=1).astype(np.float32)
        for at, column in enumerate(columns):
            if column == "cry":
                wanted[:, at] = self.urgent
                counted[self.urgent, at] *= CRIES_COUNT
            elif column.startswith("own "):
                wanted[:, at] = answers if column == "own any" else given == column
                counted[~(self.own | self.ordinary), at] = 0
            else:
                wanted[:, at] = labels == column
                counted[self.ordinary & (column in OPEN_TO_ORDINARY), at] = 0
                counted[(labels == "own") & (column in OPEN_TO_OWN), at] *= OPEN
            if column in (Label.OPT_OUT, OPT_IN):
                counted[labels == OPT_IN, at] *= OPT_IN_COUNT
            if column in (Label.OPT_OUT, "cry"):
                counted[self.ordinary, at] *= ORDINARY_WEIGHS
        return wanted, counted

    def _weigh(self) -> tuple[list[str], sparse.csr_matrix]:
        """Return the features, and a row for each reply with how much each counts in it."""
        places: dict[str, int] = {}
        starts, columns, values = [0], [], []
        for example, asked in zip(self.examples, self.asked, strict=True):
            words = tag_words(example.text, asked)
            size = size_of(words)
            found = Counter(all_features(words))
            columns += [places.setdefault(name, len(places)) for name in found]
            values += [count / size for count in found.values()]
            starts.append(len(columns))
        matrix = sparse.csr_matrix(
            (np.array(values, dtype=np.float32), np.array(columns, dtype=np.int32), starts),
            shape=(len(self.examples), len(places)),
        )
        return list(places), matrix


def strip(text: str) -> str:
    """Return a text without accents."""
    return " ".join(unaccent_word(word) if word.islower() else word for word in text.split())


def slip(text: str, dice: random.Random) -> str:
    """Return a text with a letter left out, doubled or exchanged."""
    if len(text) < 8:
        return text
    at = dice.randrange(1, len(text) - 1)
    kind = dice.randrange(3)
    middle = ["", text[at + 1] + text[at], text[at] * 2][kind]
    return text[:at] + middle + text[at + (2 if kind == 1 else 1) :]


class Linear:
    """Weights of a trained model: a row for each feature, a column for each of `COLUMNS`, each learned against all other replies."""

    def __init__(self, corpus: Corpus, chosen: np.ndarray, start: Linear | None = None) -> None:
        seen = np.bincount(corpus.matrix[chosen].indices, minlength=corpus.matrix.shape[1])
        self.kept = np.flatnonzero(seen >= LEAST_SEEN)
        self.names = [corpus.names[at] for at in self.kept]
        self.columns = np.zeros((len(self.names), COLUMNS), np.float32)
        own = len(LABELS) + np.arange(len(TURNS))
        for columns, rows in (
            (np.setdiff1d(np.arange(COLUMNS), own), chosen),
            (own, chosen[(corpus.own | corpus.ordinary)[chosen]]),
        ):
            matrix = corpus.matrix[rows][:, self.kept]
            self.columns[:, columns] = _learn(
                matrix, corpus.wanted[rows][:, columns], corpus.counted[rows][:, columns]
            )
        tell(f"learned from {len(chosen)} replies, {len(self.names)} features")

    def score(self, corpus: Corpus, chosen: np.ndarray) -> np.ndarray:
        return corpus.matrix[chosen][:, self.kept] @ self.columns


def _learn(matrix: sparse.csr_matrix, wanted: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Return the weights of logistic regressions, one for each column, over the same replies."""
    turned, shape = matrix.T.tocsr(), (matrix.shape[1], wanted.shape[1])
    present = turned.copy()
    present.data[:] = 1
    # A feature is learned the more freely the more it tells the wanted replies from the others.
    shares = [1 + present @ (counted * side) for side in (wanted, 1 - wanted)]
    logs = [np.log(each / each.sum(axis=0)) for each in shares]
    tells = np.abs(logs[0] - logs[1]) ** TELLS
    tells = (tells / tells.mean(axis=0)).astype(np.float32)
    signs = 2 * wanted - 1

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(shape)
        margins = signs * (matrix @ (weights.astype(np.float32) * tells))
        slopes = turned @ (-counted * signs * expit(-margins)) * tells + weights / STRENGTH
        value = (counted * np.logaddexp(0, -margins)).sum(dtype=np.float64) + (
            weights**2
        ).sum() / STRENGTH / 2
        return float(value), slopes.ravel().astype(np.float64)

    options = {"maxiter": STEPS, "maxcor": 5, "ftol": 1e-5}
    best = minimize(loss, np.zeros(shape[0] * shape[1]), jac=True, method="L-BFGS-B", options=options)
    return best.x.reshape(shape) * tells


def find_spread(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return by how much scores have to be multiplied so that their probabilities are true."""
    rows = np.arange(len(labels))

    def loss(spread: np.ndarray) -> float:
        return -float(log_softmax(scores * spread[0], axis=1)[rows, labels].mean())

    return float(minimize(loss, [1.5], method="Nelder-Mead").x[0])


def fit_cries(
    examples: Sequence[Example],
    asked: Sequence[Asked],
    scores: np.ndarray,
    merged: Sequence[Sequence[Chance]],
    urgent: np.ndarray,
) -> tuple[dict[str, float], np.ndarray]:
    """Return what speaks for a cry, and how urgent each reply is."""
    facts = [
        facts_of_cry(score, find_danger(each.text), chances, len(tag_words(each.text, one)))
        for each, one, score, chances in zip(examples, asked, scores, merged, strict=True)
    ]
    table = np.array([list(each.values()) for each in facts])
    learner = LogisticRegression(fit_intercept=False, max_iter=3000)
    learner.fit(table, urgent, np.where(urgent, CRIES_COUNT, 1.0))
    return dict(zip(facts[0], learner.coef_[0].tolist(), strict=True)), table @ learner.coef_[0]


def fit_meanings(examples: Sequence[Example], facts: Sequence[ReplyFacts]) -> dict[str, float]:
    """Return what speaks for each meaning that a reply may have: conditional logit over the names of `facts_of`."""
    names = sorted({name for each in facts for _, _, fact in each for name in fact})
    place = {name: at for at, name in enumerate(names)}
    rows = [fact for each in facts for _, _, fact in each]
    matrix = sparse.csr_matrix(
        (
            [value for fact in rows for value in fact.values()],
            [place[name] for fact in rows for name in fact],
            np.cumsum([0, *map(len, rows)]),
        ),
        shape=(len(rows), len(names)),
    )
    turned = matrix.T.tocsr()
    sizes = np.array([len(each) for each in facts])
    starts = np.cumsum(sizes) - sizes
    right = np.array(
        [
            is_right(example, label, own)
            for example, each in zip(examples, facts, strict=True)
            for label, own, _ in each
        ]
    )
    first = np.array([1.0 if name in ("chance", "among") else 0.0 for name in names])

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        scores = matrix @ weights
        raised = np.exp(scores - np.repeat(np.maximum.reduceat(scores, starts), sizes))
        whole, good = np.add.reduceat(raised, starts), np.add.reduceat(raised * right, starts)
        slope = raised / np.repeat(whole, sizes) - raised * right / np.repeat(good, sizes)
        away = weights - first
        value = -np.log(good / whole).sum() + PENALTY * (away**2).sum()
        return value, turned @ slope + 2 * PENALTY * away

    best = minimize(loss, first, jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
    return dict(zip(names, best.tolist(), strict=True))


def is_right(example: Example, label: Meaning | None, own: int | None) -> bool:
    """Return whether a meaning is the one of a reply."""
    if example.own is not None and own is not None:
        return own == example.own
    return label is not None and label == example.label


WRONG = {"": 0.035, OWN: 0.022}
"""Share of what is done automatically that may be wrong: by models that have seen two thirds of the authors, and no reply to the question."""
PARTS = 6
"""Parts of the questions of offices, each read by what was learned from the others."""
PENALTY = 1.0
COSTS: dict[Meaning | None, float] = {
    Label.INSTALLED: 5.0,
    Label.WRONG_NUMBER: 2.0,
    Label.UNCLEAR: 1.5,
    OPT_IN: 3.0,
    None: 1.5,
}
"""How bad a wrong label is, beside any other: an install is reported to leaders, a wrong number silences a phone for good."""
FIXED = {"cry": -2.25, "held": 0.05, str(Label.OPT_OUT): 0.6}
"""Limits of cries and of wishes to be left alone, held and sure: set by hand where the measured authors say (docs/replies.md)."""


def choose_limits(
    prefix: str, meanings: Sequence[Meaning | None], sure: np.ndarray, right: np.ndarray
) -> dict[str, float]:
    """Return for each label, and for own answers, the least confidence with which it stands without an officer's look.

    A wrong label costs; the same price for all labels, the lowest with which at most `WRONG` of the automatic ones are wrong, decides.
    """
    said = np.array([str(meaning or "own") for meaning in meanings])
    grid = np.arange(0.4, 0.999, 0.005)
    kept = sure[:, None] >= grid
    for price in np.geomspace(1, 500, 60):
        limits = {}
        for label in (*LABELS, None):
            here = said == str(label or "own")
            gain = np.where(right, 1.0, -price * COSTS.get(label, 1.0))[here]
            limits[str(label or "own")] = float(grid[(gain[:, None] * kept[here]).sum(axis=0).argmax()])
        automatic = sure >= np.array([limits[name] for name in said])
        if (automatic & ~right).sum() <= WRONG[prefix] * automatic.sum():
            break
    tell(
        f"{automatic.mean():.1%} automatic, {(automatic & ~right).sum() / automatic.sum():.2%} wrong: {limits}"
    )
    return {prefix + name: limit for name, limit in limits.items()}


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class Second(NamedTuple):
    """What the second step learns: by how much scores are spread, what speaks for each meaning, the limits of decisions."""

    spread: float
    fits: dict[str, dict[str, float]]
    limits: dict[str, float]


def learn_second(corpus: Corpus, folds: np.ndarray, scores: np.ndarray) -> Second:
    """Learn the second step from the scores of unseen replies; what is chosen of own answers, by questions not learned from."""
    chosen = np.flatnonzero((folds >= 0) & np.array(corpus.is_written))
    examples, scores = [corpus.examples[at] for at in chosen], scores[chosen]
    asked = [corpus.asked[at] for at in chosen]
    own, ordinary, urgent = corpus.own[chosen], corpus.ordinary[chosen], corpus.urgent[chosen]
    told = np.array([each.label is not None for each in examples]) & ~ordinary
    places = np.array([LABELS.index(each.label) if each.label else 0 for each in examples])
    spread = find_spread(scores[told, : len(LABELS)], places[told])
    scores[:, : len(LABELS)] *= spread
    facts = [
        facts_of(each.text, row.tolist(), one) for each, row, one in zip(examples, scores, asked, strict=True)
    ]

    def fit(rows: np.ndarray) -> dict[str, float]:
        return fit_meanings([examples[at] for at in rows], [facts[at] for at in rows])

    fits = {"menu": fit(np.flatnonzero(~own & ~ordinary)), "own": fit(np.flatnonzero(own))}
    kinds = sorted({each.kind for each, is_own in zip(examples, own, strict=True) if is_own})
    random.Random(5).shuffle(kinds)
    part_of = {kind: at % PARTS for at, kind in enumerate(kinds)}
    parts = np.array([part_of.get(each.kind, -1) for each in examples])
    unseen = [fit(np.flatnonzero(own & (parts != part))) for part in range(PARTS)]
    merged = [
        chances_from(fact, unseen[part] if is_own else fits["menu"], one)
        for fact, part, is_own, one in zip(facts, parts, own, asked, strict=True)
    ]
    best = [max(each, key=lambda chance: chance.likely) for each in merged]
    right = np.array(
        [is_right(example, each.label, each.own) for example, each in zip(examples, best, strict=True)]
    )
    fits["cry"], urgency = fit_cries(examples, asked, scores[:, -1], merged, urgent)
    stop, wish = (
        np.array([sum(each.likely for each in chances if each.label == label) for chances in merged])
        for label in (Label.OPT_OUT, OPT_IN)
    )
    limits: dict[str, float] = {}
    silent = (stop > wish) & (stop >= FIXED["held"])
    calm = (urgency < FIXED["cry"]) & ~silent & np.array([not each.is_of_many for each in examples])
    for prefix, rows in (("", calm & ~own & ~ordinary), (OWN, calm & own)):
        at = np.flatnonzero(rows)
        likely = np.array([best[n].likely for n in at])
        meanings = [None if own[n] and best[n].own else best[n].label for n in at]
        limits |= choose_limits(prefix, meanings, likely, right[at])
    tell(
        f"right {right[~own & ~ordinary].mean():.3f}, of questions of offices not learned from {right[own].mean():.3f}"
    )
    return Second(spread, fits, limits | FIXED)


def write(model: Linear, second: Second, path: Path) -> None:
    """Write the weights that matter."""
    columns = model.columns.copy()
    columns[:, : len(LABELS)] *= second.spread
    stored = np.clip(np.round(columns * SCALE), -32768, 32767).astype(int)
    kept = np.abs(stored).max(axis=1) > LEAST
    features = {name: row for name, row, keep in zip(model.names, stored.tolist(), kept, strict=True) if keep}
    fits = {
        part: {name: round(value, 4) for name, value in each.items()} for part, each in second.fits.items()
    }
    limits = {name: round(limit, 4) for name, limit in second.limits.items()}
    path.write_bytes(pack_weights(features, fits, limits))
    tell(f"{len(features)} features, {path.stat().st_size} bytes")


def split(corpus: Corpus) -> np.ndarray:
    """Return for each reply the part in which it is unseen, by its author; -1 for those that are always trained on."""
    authors = sorted({each.author for each in corpus.examples if not each.author.startswith("earlier")})
    random.Random(2).shuffle(authors)
    fold_of = {author: at % FOLDS for at, author in enumerate(authors)}
    return np.array([fold_of.get(each.author, -1) for each in corpus.examples])


def train(examples: Sequence[Example], path: Path) -> None:
    """Train on replies and write the weights."""
    corpus = Corpus(examples, read_ordinary())
    folds = split(corpus)
    everything, written = np.arange(len(corpus.examples)), np.array(corpus.is_written)
    scores = np.zeros((len(everything), COLUMNS))
    for fold in range(FOLDS):
        unseen = everything[(folds == fold) & written]
        scores[unseen] = Linear(corpus, everything[(folds != fold) & written]).score(corpus, unseen)
    write(Linear(corpus, everything), learn_second(corpus, folds, scores), path)


def main() -> None:
    train(read_training(), WEIGHTS / f"{OFFICES}.bin")


if __name__ == "__main__":
    main()
