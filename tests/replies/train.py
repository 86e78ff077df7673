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
from campaigns.rules.replies.danger import find_danger, is_cry
from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.model import (
    COLUMNS,
    LABELS,
    LIMITS,
    SCALE,
    WEIGHTS,
    rule_feature,
    size_of,
    urgency,
)
from campaigns.rules.replies.words import unaccent_word
from tests.replies.data import Example, read_training, vocabulary_of
from tests.replies.weights import add_shorter, features_of, write_weights

FOLDS = 4
SEEN_TWICE = 2
"""A feature of fewer replies is left out."""
VARIANTS_COUNT = 0.6
"""How much a variant of a reply counts beside the reply itself."""
STRENGTH = 4.0
"""Inverse of the regularisation."""
CRIES_COUNT = 3.0
"""How much a cry for help counts beside another reply, where urgency is learned."""
TELLS = 0.5
"""How much more freely a feature is learned the more it tells a label from all others: the power of its log ratio."""
LEAST = 32
"""Weights, as stored, that are left out where none of a feature is above it: with 16 there are twice as many features, and 14 labels of 6,164 replies are others."""
WRONG = 0.04
"""Share of what is done automatically that may be wrong by models that have seen three quarters of the authors: of measured replies it is half as much, as
those that are trained on are harder, and a third is labels one can argue about.

Counted of authors who are one person each: the others were written to be hard, many a reply of theirs as nearly something else."""
COSTS = {Label.INSTALLED: 7.0, Label.WRONG_NUMBER: 2.0, Label.OPT_OUT: 0.7}
"""How bad a wrong label is, beside any other: an install is reported to leaders, a wrong number silences a phone for good."""
MISSED_CRIES = 0.035
"""Share of the cries for help of unseen authors that may be missed: of measured ones it is half as many."""


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
        self.labels = np.array([LABELS.index(each.label) for each in self.examples])
        self.urgent = np.array([each.is_urgent for each in self.examples])
        self.names, self.matrix = self._weigh()

    def _weigh(self) -> tuple[list[str], sparse.csr_matrix]:
        """Return the features, and a row for each reply with how much each counts in it."""
        places: dict[str, int] = {}
        rows, columns, values = [], [], []
        for row, (example, reading) in enumerate(zip(self.examples, self.readings, strict=True)):
            size = size_of(reading.words)
            found = Counter(features_of(reading.words, reading.meanings, find_danger(example.text)))
            rows += [row] * len(found)
            columns += [places.setdefault(name, len(places)) for name in found]
            values += [count / size for count in found.values()]
        return list(places), sparse.csr_matrix(
            (values, (rows, columns)), shape=(len(self.examples), len(places))
        )


def _strip(text: str) -> str:
    return " ".join(unaccent_word(word) if word.islower() else word for word in text.split())


def _slip(text: str, dice: random.Random) -> str:
    if len(text) < 8:
        return text
    at = dice.randrange(1, len(text) - 1)
    kind = dice.randrange(3)
    middle = ["", text[at + 1] + text[at], text[at] * 2][kind]
    return text[:at] + middle + text[at + (2 if kind == 1 else 1) :]


class Linear:
    """Weights of a trained model: a row for each feature, a column for each label and one for urgency, each learned against all other replies."""

    def __init__(self, corpus: Corpus, chosen: np.ndarray, weights: np.ndarray) -> None:
        matrix = corpus.matrix[chosen]
        seen = np.bincount(matrix.indices, minlength=matrix.shape[1])
        self.kept = np.flatnonzero(seen >= SEEN_TWICE)
        self.names = [corpus.names[at] for at in self.kept]
        matrix = matrix[:, self.kept]
        self.columns = np.zeros((len(self.names), COLUMNS))
        for column in range(COLUMNS):
            is_cry = column == len(LABELS)
            wanted = corpus.urgent if is_cry else corpus.labels == column
            if wanted[chosen].any():
                counted = weights[chosen] * np.where(wanted[chosen] & is_cry, CRIES_COUNT, 1.0)
                learner = LogisticRegression(
                    C=STRENGTH, solver="liblinear", dual=True, tol=0.05, fit_intercept=False, random_state=1
                )
                tells = sparse.diags(_tells(matrix, wanted[chosen], counted))
                self.columns[:, column] = (
                    tells @ learner.fit(matrix @ tells, wanted[chosen], counted).coef_[0]
                )

    def score(self, corpus: Corpus, chosen: np.ndarray) -> np.ndarray:
        return corpus.matrix[chosen][:, self.kept] @ self.columns


def _tells(matrix: sparse.csr_matrix, wanted: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Return for each feature how much it tells the wanted replies from the others, 1 on average."""
    here = (matrix > 0).astype(float).T
    shares = [1 + here @ (counted * side) for side in (wanted, ~wanted)]
    ratios = np.abs(np.log(shares[0] / shares[0].sum()) - np.log(shares[1] / shares[1].sum())) ** TELLS
    return ratios / ratios.mean()


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


def choose_limits(likely: np.ndarray, labels: np.ndarray) -> list[int]:
    """Return for each label the least confidence, in thousandths, with which it stands without an officer's look.

    A wrong label costs; the same price for all labels, the lowest with which at most `WRONG` of the automatic ones are wrong, decides.
    """
    said, sure = likely.argmax(axis=1), likely.max(axis=1)
    right = said == labels
    grid = np.arange(500, 1000, 5)
    kept = sure[:, None] * 1000 >= grid
    for price in np.geomspace(1, 500, 60):
        limits = []
        for at, label in enumerate(LABELS):
            gain = np.where(right, 1.0, -price * COSTS.get(label, 1.0))[said == at]
            limits.append(int(grid[(gain[:, None] * kept[said == at]).sum(axis=0).argmax()]))
        automatic = sure * 1000 >= np.array(limits)[said]
        if (~right[automatic]).sum() <= WRONG * automatic.sum():
            break
    told = ", ".join(f"{label} {limit}" for label, limit in zip(LABELS, limits, strict=True))
    print(
        f"{automatic.mean():.1%} automatic, {(~right[automatic]).mean():.2%} of them wrong: {told}",
        file=sys.stderr,
    )
    return limits


def choose_cry(urgent_by: np.ndarray, urgent: np.ndarray, has_words: np.ndarray) -> int:
    """Return the urgency, in thousandths, from which a reply is a cry: as high as `MISSED_CRIES` allows."""
    limit = np.quantile(urgent_by[urgent], MISSED_CRIES, method="lower")
    heard = urgent_by >= limit
    print(
        f"cries from {limit:.2f}: {heard[urgent].sum()} of {urgent.sum()} found, {has_words[urgent].sum()} have words of danger, "
        f"of these {(~heard[urgent & has_words]).sum()} missed; {heard[~urgent].mean():.2%} of others taken for one",
        file=sys.stderr,
    )
    return round(1000 * limit)


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
    written = np.array(corpus.is_written)
    scores = np.zeros((len(everything), COLUMNS))
    for fold in range(FOLDS):
        unseen = everything[(folds == fold) & written]
        scores[unseen] = Linear(corpus, everything[folds != fold], weights).score(corpus, unseen)
    mixed = everything[(folds >= 0) & written]
    scores, labels, urgent = scores[mixed], corpus.labels[mixed], corpus.urgent[mixed]
    readings = [corpus.readings[at] for at in mixed]
    combined = Combined(scores[:, :-1], readings, labels)
    model = Linear(corpus, everything, weights)
    model.columns[:, :-1] *= combined.spread
    found = {
        name: [round(SCALE * weight) for weight in row]
        for name, row in zip(model.names, model.columns, strict=True)
    }
    found = {name: row for name, row in found.items() if any(abs(weight) > LEAST for weight in row)}
    for name, row in zip(combined.rules, combined.added, strict=True):
        found[name] = [*(round(SCALE * weight) for weight in row), 0]
    has_words = np.array([is_cry(find_danger(corpus.examples[at].text)) for at in mixed])
    of_one = np.array([not corpus.examples[at].is_of_many for at in mixed])
    likely = combined.likely(scores[:, :-1], readings)
    helps = likely[:, LABELS.index(Label.NEED_HELP)]
    urgent_by = np.array(
        [
            urgency(*each, has_words=words)
            for *each, words in zip(scores[:, -1], helps, has_words, strict=True)
        ]
    )
    cry = choose_cry(urgent_by, urgent, has_words)
    # What is taken for a cry is never automatic, so it says nothing of how sure the others are.
    calm = urgent_by * 1000 < cry
    tell_opt_outs(likely, labels)
    found[LIMITS] = [*choose_limits(likely[calm & of_one], labels[calm & of_one]), cry]
    return {
        name: [max(-32768, min(32767, weight)) for weight in row] for name, row in add_shorter(found).items()
    }


def tell_opt_outs(likely: np.ndarray, labels: np.ndarray) -> None:
    """Print how many opt-outs are found, and how many others are taken for one, by the chance from which a doubt counts."""
    stop = labels == LABELS.index(Label.OPT_OUT)
    for chance in (0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5):
        taken = likely[:, LABELS.index(Label.OPT_OUT)] >= chance
        print(
            f"opt-out from {chance}: {(taken & stop).sum()} of {stop.sum()} found, {(taken & ~stop).sum()} others taken for one",
            file=sys.stderr,
        )


def main() -> None:
    examples = read_training()
    found = train(examples)
    write_weights(WEIGHTS, found)
    print(f"{len(examples)} replies, {len(found)} features, {WEIGHTS.stat().st_size} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
