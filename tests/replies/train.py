"""Train the learned model of replies: `make replies-train` writes campaigns/rules/replies/weights.bin.

Two steps. Logistic regression over the words and meanings of all replies but those for measuring. Then, on predictions for authors that a model
has not seen, how much the rules' own label and confidence count beside it, and how far the probabilities have to be spread to be true.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from campaigns.rules.replies.classifier import Reading, read_reply
from campaigns.rules.replies.danger import find_danger
from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.model import (
    COLUMNS,
    LABELS,
    RISK,
    SCALE,
    WEIGHTS,
    features_of,
    rule_feature,
    size_of,
    write_weights,
)
from campaigns.rules.replies.understand import is_sure_enough
from campaigns.rules.replies.words import unaccent_word
from tests.replies.data import Example, read_authors, read_earlier, vocabulary_of

FOLDS = 3
SEEN_TWICE = 2
"""A feature of fewer replies is left out."""
VARIANTS_COUNT = 0.6
"""How much a variant of a reply counts beside the reply itself."""
STRENGTH = 2.0
"""Inverse of the regularisation."""


class Corpus:
    """Replies with what the rules make of them, and variants of some: without accents, with a slip of the finger."""

    def __init__(self, examples: Sequence[Example], *, vary: bool) -> None:
        dice = random.Random(1)
        self.examples: list[Example] = []
        self.is_written: list[bool] = []
        for example in examples:
            texts = [example.text]
            self.is_written += [True]
            if vary and not example.author.startswith("earlier"):
                variants = {_strip(example.text), _slip(example.text, dice)} - {example.text}
                texts += sorted(variants)
                self.is_written += [False] * len(variants)
            self.examples += (example._replace(text=text) for text in texts)
        self.readings = [read_reply(each.text, vocabulary_of(each.kind)) for each in self.examples]
        self.features = [
            Counter(features_of(each.words, each.meanings, find_danger(example.text)))
            for example, each in zip(self.examples, self.readings, strict=True)
        ]
        self.labels = np.array([LABELS.index(each.label) for each in self.examples])
        self.urgent = np.array([each.is_urgent for each in self.examples])


def _strip(text: str) -> str:
    return " ".join(unaccent_word(word) if word.islower() else word for word in text.split())


def _slip(text: str, dice: random.Random) -> str:
    if len(text) < 8:
        return text
    at = dice.randrange(1, len(text) - 1)
    kind = dice.randrange(3)
    middle = ["", text[at + 1] + text[at], text[at] * 2][kind]
    return text[:at] + middle + text[at + (2 if kind == 1 else 1) :]


def _matrix(corpus: Corpus, names: dict[str, int]) -> sparse.csr_matrix:
    rows, columns, values = [], [], []
    for row, (features, reading) in enumerate(zip(corpus.features, corpus.readings, strict=True)):
        size = size_of(reading.words)
        for name, count in features.items():
            if name in names:
                rows.append(row)
                columns.append(names[name])
                values.append(count / size)
    return sparse.csr_matrix((values, (rows, columns)), shape=(len(corpus.features), len(names)))


class Linear:
    """Weights of a trained model: a row for each feature, a column for each label and one for urgency."""

    def __init__(self, corpus: Corpus, chosen: np.ndarray, weights: np.ndarray) -> None:
        seen = Counter(name for at in chosen for name in corpus.features[at])
        self.names = {
            name: at
            for at, name in enumerate(sorted(name for name, count in seen.items() if count >= SEEN_TWICE))
        }
        matrix = _matrix(corpus, self.names)[chosen]
        options = {"C": STRENGTH, "max_iter": 60, "fit_intercept": False, "tol": 1e-3}
        labels = LogisticRegression(**options).fit(matrix, corpus.labels[chosen], weights[chosen])
        columns = np.zeros((len(self.names), len(LABELS) + 1))
        columns[:, labels.classes_] = labels.coef_.T
        urgency = np.where(corpus.urgent, 3.0, 1.0) * weights
        columns[:, -1] = (
            LogisticRegression(**options).fit(matrix, corpus.urgent[chosen], urgency[chosen]).coef_[0]
        )
        self.columns = columns

    def score(self, corpus: Corpus, chosen: np.ndarray) -> np.ndarray:
        return _matrix(corpus, self.names)[chosen] @ self.columns


def weights_of(corpus: Corpus) -> np.ndarray:
    """Return how much each reply counts: those of many authors more than those the rules were made with, and more than their variants."""
    of_authors = np.array([0.5 if each.author.startswith("earlier") else 1.0 for each in corpus.examples])
    return of_authors * np.where(corpus.is_written, 1.0, VARIANTS_COUNT)


class Combined:
    """What is added to a score for the rules' label (a row for each, by confidence), and the spread."""

    def __init__(self, scores: np.ndarray, readings: Sequence[Reading], labels: np.ndarray) -> None:
        self.rules = sorted({rule_feature(each.reply.label, each.reply.confidence) for each in readings})
        at = {name: row for row, name in enumerate(self.rules)}
        said = np.array([at[rule_feature(each.reply.label, each.reply.confidence)] for each in readings])
        count = len(LABELS)
        rows = np.arange(len(labels))

        def loss(free: np.ndarray) -> tuple[float, np.ndarray]:
            spread, added = free[0], free[1:].reshape(-1, count)
            logits = scores * spread + added[said]
            logits -= logits.max(axis=1, keepdims=True)
            likely = np.exp(logits)
            likely /= likely.sum(axis=1, keepdims=True)
            slope = likely.copy()
            slope[rows, labels] -= 1
            down = np.zeros_like(added)
            np.add.at(down, said, slope)
            penalty = 0.5
            value = -np.log(likely[rows, labels] + 1e-12).sum() + penalty * (added**2).sum()
            return value, np.concatenate([[(slope * scores).sum()], (down + 2 * penalty * added).ravel()])

        start = np.concatenate([[1.0], np.zeros(len(self.rules) * count)])
        best = minimize(loss, start, jac=True, method="L-BFGS-B").x
        self.spread, self.added = best[0], best[1:].reshape(-1, count)

    def likely(self, scores: np.ndarray, readings: Sequence[Reading]) -> np.ndarray:
        """Return the probabilities of the labels."""
        at = {name: row for row, name in enumerate(self.rules)}
        said = [at[rule_feature(each.reply.label, each.reply.confidence)] for each in readings]
        return softmax(scores * self.spread + self.added[said], axis=1)


WRONG = 0.04
"""Share of what is done automatically that may be wrong, by models that have seen two thirds of the authors; the one of all authors has fewer errors."""


def choose_risk(likely: np.ndarray, labels: np.ndarray) -> int:
    """Return the highest risk, in ten-thousandths, with which few enough of the automatic labels are wrong, for authors not seen."""
    said = likely.argmax(axis=1)
    sure = likely.max(axis=1)
    best = 1
    for risk in range(10, 10_000, 10):
        automatic = np.array(
            [
                is_sure_enough(LABELS[at], float(p), risk=risk / 10_000)
                for at, p in zip(said, sure, strict=True)
            ]
        )
        wrong = (said != labels) & automatic
        if automatic.any() and wrong.sum() / automatic.sum() <= WRONG:
            best = risk
            told = f"risk {risk / 10_000}: {automatic.mean():.1%} automatic, {wrong.sum() / automatic.sum():.2%} wrong"
    print(told, file=sys.stderr)
    stop = LABELS.index(Label.OPT_OUT)
    for chance in (0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5):
        taken = likely[:, stop] >= chance
        found = (taken & (labels == stop)).sum() / (labels == stop).sum()
        print(
            f"opt-out from {chance}: found {found:.2%}, others taken for one {(taken & (labels != stop)).sum()}",
            file=sys.stderr,
        )
    return best


def train(examples: Sequence[Example]) -> dict[str, list[int]]:
    """Return the weights of every feature, as `write_weights` takes them."""
    corpus = Corpus(examples, vary=True)
    weights = weights_of(corpus)
    everything = np.arange(len(corpus.examples))
    # The second step learns from authors alone: the rules were made with the earlier replies, and are too good on them.
    authors = sorted({each.author for each in corpus.examples if not each.author.startswith("earlier")})
    random.Random(2).shuffle(authors)
    fold_of = {author: at % FOLDS for at, author in enumerate(authors)}
    folds = np.array([fold_of.get(each.author, -1) for each in corpus.examples])
    scores = np.zeros((len(everything), len(LABELS) + 1))
    for fold in range(FOLDS):
        inside = folds == fold
        scores[inside] = Linear(corpus, everything[~inside], weights).score(corpus, everything[inside])
    mixed = everything[folds >= 0]
    readings = [corpus.readings[at] for at in mixed]
    combined = Combined(scores[mixed][:, :-1], readings, corpus.labels[mixed])
    model = Linear(corpus, everything, weights)
    model.columns[:, :-1] *= combined.spread
    found = {
        name: [round(SCALE * weight) for weight in model.columns[at]] for name, at in model.names.items()
    }
    found = {name: row for name, row in found.items() if any(abs(weight) > 2 for weight in row)}
    likely = combined.likely(scores[mixed][:, :-1], readings)
    for name, row in zip(combined.rules, combined.added, strict=True):
        found[name] = [*(round(SCALE * weight) for weight in row), 0]
    # As people wrote them, and without the cries for help, which are never automatic.
    counted = np.array(corpus.is_written)[mixed] & ~corpus.urgent[mixed]
    risk = choose_risk(likely[counted], corpus.labels[mixed][counted])
    found[RISK] = [risk, *[0] * (COLUMNS - 1)]
    return {name: [max(-32768, min(32767, weight)) for weight in row] for name, row in found.items()}


def main() -> None:
    examples = [each for each in (*read_earlier(), *read_authors()) if not each.is_held_out]
    found = train(examples)
    write_weights(WEIGHTS, found)
    print(f"{len(examples)} replies, {len(found)} features, {WEIGHTS.stat().st_size} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
