"""Train the learned model of replies: `ORDINARY=FOLDER make replies-train` writes campaigns/rules/replies/weights.bin.

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
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from campaigns.rules.replies.asked import tag_words
from campaigns.rules.replies.danger import find_danger
from campaigns.rules.replies.labels import OPT_IN, Label, Meaning
from campaigns.rules.replies.model import (
    COLUMNS,
    LABELS,
    SCALE,
    WEIGHTS,
    size_of,
)
from campaigns.rules.replies.understand import Chance, ReplyFacts, chances_from, facts_of, facts_of_cry
from campaigns.rules.replies.words import unaccent_word
from tests.replies.data import FIRST_KIND, Example, asked_of, read_training
from tests.replies.ordinary import read_ordinary
from tests.replies.weights import all_features, pack_weights

FOLDS = 3
LEAST_SEEN = 2
"""A feature of fewer replies is left out."""
VARIANTS_COUNT = 0.6
"""How much a variant of a reply counts beside the reply itself."""
EARLIER_COUNT = 0.5
"""How much a reply counts that the author of many others wrote."""
ORDINARY_COUNTS = 0.4
"""How much an ordinary sentence counts beside a reply; where a wish to be left alone or a cry is learned, `ORDINARY_WEIGHS` times as much."""
ORDINARY_WEIGHS = 2.5
OWN_COUNT = 3.0
"""How much a reply to a question of an office counts where it is learned what speaks for an answer."""
STRENGTH = 4.0
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
OPEN_TO_OWN = frozenset(
    {Label.INSTALLED, Label.NOT_YET, Label.REFUSE, Label.UNCLEAR, Label.NEED_HELP, Label.NO_SMARTPHONE}
)


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
            add(example, EARLIER_COUNT if is_earlier else 1.0, is_written=True)
            if not is_earlier:
                for text in sorted({strip(example.text), slip(example.text, dice)} - {example.text}):
                    add(example._replace(text=text), VARIANTS_COUNT, is_written=False)
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
        self.names, self.matrix = self._weigh()

    def is_open(self, label: Meaning) -> np.ndarray:
        """Return of which replies nothing is said about a label."""
        own = np.array([each.label is None for each in self.examples])
        return (self.ordinary & (label in OPEN_TO_ORDINARY)) | (own & (label in OPEN_TO_OWN))

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
    """Weights of a trained model: a row for each feature, a column for each label and one for urgency, each learned against all other replies."""

    def __init__(self, corpus: Corpus, chosen: np.ndarray) -> None:
        matrix = corpus.matrix[chosen]
        seen = np.bincount(matrix.indices, minlength=matrix.shape[1])
        self.kept = np.flatnonzero(seen >= LEAST_SEEN)
        self.names = [corpus.names[at] for at in self.kept]
        matrix = matrix[:, self.kept]
        self.columns = np.zeros((len(self.names), COLUMNS))
        labels = np.array([each.label for each in corpus.examples], dtype=object)
        for column in range(COLUMNS):
            is_cry = column == len(LABELS)
            wanted = (corpus.urgent if is_cry else labels == LABELS[column])[chosen]
            told = np.ones(len(chosen), dtype=bool) if is_cry else ~corpus.is_open(LABELS[column])[chosen]
            rows, wanted = matrix[told], wanted[told]
            counted = corpus.weights[chosen][told] * np.where(wanted & is_cry, CRIES_COUNT, 1.0)
            if is_cry or LABELS[column] is Label.OPT_OUT:
                counted = counted * np.where(corpus.ordinary[chosen][told], ORDINARY_WEIGHS, 1.0)
            learner = LogisticRegression(
                C=STRENGTH, solver="liblinear", dual=True, tol=0.05, fit_intercept=False, random_state=1
            )
            tells = sparse.diags(_tells(rows, wanted, counted))
            self.columns[:, column] = tells @ learner.fit(rows @ tells, wanted, counted).coef_[0]

    def score(self, corpus: Corpus, chosen: np.ndarray) -> np.ndarray:
        return corpus.matrix[chosen][:, self.kept] @ self.columns


def _tells(matrix: sparse.csr_matrix, wanted: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Return for each feature how much it tells the wanted replies from the others, 1 on average."""
    here = (matrix > 0).astype(float).T
    shares = [1 + here @ (counted * side) for side in (wanted, ~wanted)]
    ratios = np.abs(np.log(shares[0] / shares[0].sum()) - np.log(shares[1] / shares[1].sum())) ** TELLS
    return ratios / ratios.mean()


def find_spread(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return by how much scores have to be multiplied so that their probabilities are true."""
    rows = np.arange(len(labels))

    def loss(spread: np.ndarray) -> float:
        return -float(log_softmax(scores * spread[0], axis=1)[rows, labels].mean())

    return float(minimize(loss, [1.5], method="Nelder-Mead").x[0])


class Fits:
    """What speaks for each meaning that a reply may have: conditional logit over the names of `facts_of`."""

    def __init__(self, penalty: float = 1.0) -> None:
        self.penalty = penalty
        self.weights: dict[str, float] = {}

    def fit_cries(
        self,
        examples: Sequence[Example],
        scores: np.ndarray,
        merged: Sequence[Sequence[Chance]],
        urgent: np.ndarray,
    ) -> np.ndarray:
        """Learn what speaks for a cry, and return how urgent each reply is."""
        facts = [
            facts_of_cry(
                score, find_danger(each.text), chances, len(tag_words(each.text, asked_of(each.kind)))
            )
            for each, score, chances in zip(examples, scores, merged, strict=True)
        ]
        names = list(facts[0])
        table = np.array([list(each.values()) for each in facts])
        learner = LogisticRegression(fit_intercept=False, max_iter=3000)
        learner.fit(table, urgent, np.where(urgent, CRIES_COUNT, 1.0))
        self.weights |= dict(zip(names, learner.coef_[0], strict=True))
        return table @ learner.coef_[0]

    def table(self, facts: Sequence[ReplyFacts], names: list[str]) -> tuple[sparse.csr_matrix, np.ndarray]:
        place = {name: at for at, name in enumerate(names)}
        starts, columns, values, ends = [0], [], [], [0]
        for each in facts:
            for _, _, fact in each:
                known = [(place[name], value) for name, value in fact.items() if name in place]
                columns += [at for at, _ in known]
                values += [value for _, value in known]
                starts.append(len(columns))
            ends.append(len(starts) - 1)
        return sparse.csr_matrix((values, columns, starts), shape=(len(starts) - 1, len(names))), np.array(
            ends
        )

    def fit(self, examples: Sequence[Example], facts: Sequence[ReplyFacts], counted: np.ndarray) -> None:
        names = sorted({name for each in facts for _, _, fact in each for name in fact})
        matrix, ends = self.table(facts, names)
        right = np.array(
            [
                is_right(example, label, own)
                for example, each in zip(examples, facts, strict=True)
                for label, own, _ in each
            ]
        )
        sizes = np.diff(ends)
        row_weight = np.repeat(counted, sizes)
        starts = ends[:-1]
        first = np.array([1.0 if name in ("chance", "among") else 0.0 for name in names])

        def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
            scores = matrix @ weights
            top = np.repeat(np.maximum.reduceat(scores, starts), sizes)
            raised = np.exp(scores - top)
            whole = np.repeat(np.add.reduceat(raised, starts), sizes)
            good = np.repeat(np.add.reduceat(raised * right, starts), sizes)
            slope = (raised / whole - raised * right / good) * row_weight
            value = -(np.log(good[starts] / whole[starts]) * counted).sum()
            away = weights - first
            return value + self.penalty * (away**2).sum(), matrix.T @ slope + 2 * self.penalty * away

        best = minimize(loss, first, jac=True, method="L-BFGS-B", options={"maxiter": 300}).x
        self.weights = dict(zip(names, best, strict=True))


def is_right(example: Example, label: Meaning | None, own: int | None) -> bool:
    """Return whether a meaning is the one of a reply."""
    if example.own is not None and own is not None:
        return own == example.own
    return label is not None and label == example.label


WRONG = 0.04
"""Share of what is done automatically that may be wrong by models that have seen two thirds of the authors."""
OWN_WRONG = 0.03
"""The same for own answers of questions that were not learned from."""
COSTS: dict[Meaning | None, float] = {
    Label.INSTALLED: 5.0,
    Label.WRONG_NUMBER: 2.0,
    Label.UNCLEAR: 1.5,
    OPT_IN: 3.0,
    None: 1.5,
}
"""How bad a wrong label is, beside any other: an install is reported to leaders, a wrong number silences a phone for good."""
MISSED_CRIES = 0.03
"""Share of the cries for help of unseen authors that may be missed."""
MISSED_OPT_OUTS = 0.01
"""Share of the wishes to be left alone that may neither count nor be held."""
FALSE_OPT_OUTS = 0.025
"""Share of what counts at once as a wish to be left alone that may be none."""
MOST_ORDINARY = {"opt_out": 0.002, "held": 0.02}
"""Share of ordinary sentences that may count as such a wish at once, and that may be held."""


def choose_limits(
    meanings: Sequence[Meaning | None], sure: np.ndarray, right: np.ndarray, counted: np.ndarray
) -> dict[str, float]:
    """Return for each label, and for own answers, the least confidence with which it stands without an officer's look.

    A wrong label costs; the same price for all labels, the lowest with which at most `WRONG` of the automatic ones are wrong, decides.
    """
    said = np.array([str(meaning or "own") for meaning in meanings])
    grid = np.arange(0.5, 0.995, 0.005)
    kept = (sure[:, None] >= grid) * counted[:, None]
    for price in np.geomspace(1, 500, 60):
        limits = {}
        for label in (*LABELS, None):
            here = said == str(label or "own")
            gain = np.where(right, 1.0, -price * COSTS.get(label, 1.0))[here]
            limits[str(label or "own")] = float(grid[(gain[:, None] * kept[here]).sum(axis=0).argmax()])
        automatic = sure >= np.array([limits[name] for name in said])
        wrong = (counted * (automatic & ~right)).sum() / (counted * automatic).sum()
        if wrong <= WRONG:
            break
    tell(f"{automatic.mean():.1%} automatic, {wrong:.2%} of them wrong: {limits}")
    return limits


def choose_own_limits(examples: Sequence[Example], facts: Sequence[ReplyFacts]) -> dict[str, float]:
    """Return from which chance own answers stand, and labels beside them, on questions that what speaks for them was not learned from."""
    questions = sorted({each.kind for each in examples})
    random.Random(5).shuffle(questions)
    read: list[tuple[bool, float, bool]] = []
    for part in range(FOLDS):
        unseen = set(questions[part::FOLDS])
        known = [at for at, each in enumerate(examples) if each.kind not in unseen]
        fits = Fits()
        fits.fit([examples[at] for at in known], [facts[at] for at in known], np.ones(len(known)))
        for example, fact in zip(examples, facts, strict=True):
            if example.kind in unseen and not example.is_urgent:
                best = max(
                    chances_from(fact, fits.weights, asked_of(example.kind)), key=lambda each: each.likely
                )
                read.append((best.own is not None, best.likely, is_right(example, best.label, best.own)))
    limits = {}
    for name, is_own in (("own", True), ("beside own", False)):
        for limit in np.arange(0.6, 0.99, 0.01):
            right = [each[2] for each in read if each[0] is is_own and each[1] >= limit]
            if np.mean(right) >= 1 - OWN_WRONG:
                break
        limits[name] = float(limit)
        tell(
            f"{name} from {limit:.2f}: {len(right)} of {sum(each[0] is is_own for each in read)}, right {np.mean(right):.3f}"
        )
    return limits


def choose_opt_outs(
    chance: np.ndarray, wanted: np.ndarray, ordinary: np.ndarray, of_one: np.ndarray
) -> dict[str, float]:
    """Return the chances from which a wish to be left alone is held, and counts at once."""
    held = np.quantile(chance[wanted & of_one], MISSED_OPT_OUTS)
    grid = np.arange(0.3, 0.99, 0.01)
    of_replies = ~ordinary & of_one
    false = [
        (of_replies & ~wanted & (chance >= limit)).sum() / (of_replies & (chance >= limit)).sum()
        for limit in grid
    ]
    sure = float(
        next((limit for limit, share in zip(grid, false, strict=True) if share <= FALSE_OPT_OUTS), grid[-1])
    )
    least = {name: float(np.quantile(chance[ordinary], 1 - share)) for name, share in MOST_ORDINARY.items()}
    limits = {"held": max(float(held), least["held"]), "opt_out": max(sure, least["opt_out"])}
    for name, limit in limits.items():
        taken = chance >= limit
        tell(
            f"{name} from {limit:.3f}: {(taken & wanted).sum()} of {wanted.sum()} found, {(taken & ~wanted & of_replies).sum()} other replies "
            f"and {(taken & ordinary).sum()} of {ordinary.sum()} ordinary sentences taken for one; wanted {held:.3f}, {sure:.3f}, ordinary {least}"
        )
    return limits


def choose_cry(urgency: np.ndarray, urgent: np.ndarray, ordinary: np.ndarray) -> float:
    """Return the urgency from which a reply is a cry: as high as `MISSED_CRIES` allows."""
    limit = float(np.quantile(urgency[urgent], MISSED_CRIES))
    heard = urgency >= limit
    calm = ~urgent & ~ordinary
    tell(
        f"cries from {limit:.2f}: {heard[calm].mean():.2%} of calm replies taken for one, {heard[ordinary].mean():.2%} of ordinary sentences"
    )
    return limit


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class Second(NamedTuple):
    """What the second step learns: by how much scores are spread, what speaks for each meaning, the limits of decisions."""

    spread: float
    fits: dict[str, float]
    limits: dict[str, float]


def learn_second(corpus: Corpus, folds: np.ndarray, scores: np.ndarray) -> Second:
    """Learn the second step from the scores of unseen replies."""
    chosen = np.flatnonzero((folds >= 0) & np.array(corpus.is_written))
    examples = [corpus.examples[at] for at in chosen]
    scores = scores[chosen]
    labelled = np.array([each.label is not None for each in examples])
    ordinary = corpus.ordinary[chosen]
    of_one = np.array([not each.is_of_many for each in examples])
    places = np.array([LABELS.index(each.label) if each.label else 0 for each in examples])
    spread = find_spread(scores[labelled & ~ordinary, :-1], places[labelled & ~ordinary])
    likely = np.exp(log_softmax(scores[:, :-1] * spread, axis=1))
    facts = [
        facts_of(each.text, chances, asked_of(each.kind))
        for each, chances in zip(examples, likely, strict=True)
    ]
    # An office's questions are few among the replies.
    counted = np.where(
        ordinary, 0.0, np.where([asked_of(each.kind).is_own for each in examples], OWN_COUNT, 1.0)
    )
    fits = Fits()
    told = np.flatnonzero(counted)
    fits.fit([examples[at] for at in told], [facts[at] for at in told], counted[told])
    merged = [
        chances_from(each, fits.weights, asked_of(example.kind))
        for each, example in zip(facts, examples, strict=True)
    ]
    best = [max(each, key=lambda chance: chance.likely) for each in merged]
    right = np.array(
        [is_right(example, each.label, each.own) for example, each in zip(examples, best, strict=True)]
    )
    urgent = np.array([each.is_urgent for each in examples])
    urgency = fits.fit_cries(examples, scores[:, -1], merged, urgent)
    cry = choose_cry(urgency, urgent, ordinary)
    stop = np.array([next(c.likely for c in each if c.label is Label.OPT_OUT) for each in merged])
    limits = choose_opt_outs(
        stop, np.array([each.label is Label.OPT_OUT for each in examples]), ordinary, of_one
    )
    calm = (urgency < cry) & (stop < limits["held"]) & of_one
    of_calm = np.flatnonzero(calm)
    chosen_limits = choose_limits(
        [best[at].label for at in of_calm],
        np.array([best[at].likely for at in of_calm]),
        right[calm],
        counted[calm],
    )
    own = [at for at, each in enumerate(examples) if asked_of(each.kind).is_own]
    chosen_limits |= choose_own_limits([examples[at] for at in own], [facts[at] for at in own])
    tell(f"right {right[~ordinary].mean():.3f}, of own answers {right[~labelled].mean():.3f}")
    return Second(spread, fits.weights, {**chosen_limits, **limits, "cry": cry})


def write(model: Linear, second: Second, path: Path) -> None:
    """Write the weights that matter."""
    columns = model.columns.copy()
    columns[:, :-1] *= second.spread
    stored = np.clip(np.round(columns * SCALE), -32768, 32767).astype(int)
    kept = np.abs(stored).max(axis=1) > LEAST
    features = {name: row for name, row, keep in zip(model.names, stored.tolist(), kept, strict=True) if keep}
    rounded = [{name: round(value, 4) for name, value in each.items()} for each in second[1:]]
    path.write_bytes(pack_weights(features, *rounded))
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
    train(read_training(), WEIGHTS)


if __name__ == "__main__":
    main()
