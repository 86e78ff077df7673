"""Train the learned model of replies: `ORDINARY=FOLDER make replies-train` writes campaigns/rules/replies/offices.bin.

Two steps. For each label, for each way in which an own answer turns, and for urgency, logistic regression over the words of all replies but
those for measuring, and over ordinary text. Then, on predictions for authors and for offices' questions that a model has not seen, how far the
probabilities have to be spread to be true, what speaks for each meaning and for a cry, and the limits of decisions.
"""

import random
import re
import sys
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from campaigns.rules.replies.asked import TURNS, Asked, tag_words, turn_of
from campaigns.rules.replies.labels import OPT_IN, Label
from campaigns.rules.replies.understand import (
    COLUMNS,
    LABELS,
    OFFICES,
    SCALE,
    WEIGHTS,
    Chance,
    chances_from,
    decide_by,
    facts_of,
    facts_of_cry,
    find_danger,
    size_of,
)
from campaigns.rules.replies.words import unaccent_word
from tests.replies.data import FIRST_KIND, Example, asked_of, is_typical, read_training
from tests.replies.ordinary import read_ordinary
from tests.replies.report import measure
from tests.replies.weights import all_features, pack_weights

FOLDS, LEFT_OUT = 9, 6
"""Parts of the authors, and how many of them are left out in turn: a model that has not seen a third of them is less sure than the one that is used."""
LEAST_SEEN = 2
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
STRENGTH = 3.0
"""Inverse of the regularisation."""
CRIES_COUNT = 3.0
"""How much a cry for help counts beside another reply, where urgency is learned."""
TELLS = 0.5
"""How much more freely a feature is learned the more it tells a label from all others: the power of its log ratio."""
LEAST = 80
"""Weights, as stored, that are left out where none of a feature is above it."""
ORDINARY = "ordinary"
# Of an ordinary sentence, and of a reply that gives an answer of its own, it is not said whether it is one of these.
OPEN_TO_ORDINARY = frozenset({Label.QUESTION, Label.REFUSE})
OPEN = 0.1
OPEN_TO_OWN = frozenset({Label.INSTALLED, Label.NOT_YET, Label.REFUSE, Label.NEED_HELP, Label.NO_SMARTPHONE})


class Corpus:
    """Replies with what they are, and variants of some: without accents, with a slip of the finger."""

    def __init__(self, examples, ordinary):
        dice = random.Random(1)
        self.examples = []
        weights = []
        written = []

        def add(example, weight, *, is_written):
            self.examples.append(example)
            weights.append(weight)
            written.append(is_written)

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
        self.weights, self.is_written = np.array(weights), np.array(written)
        self.asked = [asked_of(each.kind) for each in self.examples]
        self.urgent = np.array([each.is_urgent for each in self.examples])
        self.ordinary = np.array([each.author.startswith(ORDINARY) for each in self.examples])
        self.own = np.array([each.is_own for each in self.asked])
        self.wanted, self.counted = self._tell()
        self.names, self.matrix = self._weigh()

    def _tell(self):
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

    def _weigh(self):
        """Return the features, and a row for each reply with how much each counts in it."""
        places = {}
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


def strip(text):
    """Return a text without accents."""
    return " ".join(unaccent_word(word) if word.islower() else word for word in text.split())


def slip(text, dice):
    """Return a text with a letter left out, doubled or exchanged."""
    if len(text) < 8:
        return text
    at = dice.randrange(1, len(text) - 1)
    kind = dice.randrange(3)
    middle = ["", text[at + 1] + text[at], text[at] * 2][kind]
    return text[:at] + middle + text[at + (2 if kind == 1 else 1) :]


class Linear:
    """Weights of a trained model: a row for each feature, a column for each of `COLUMNS`, each learned against all other replies."""

    def __init__(self, corpus, chosen):
        seen = np.bincount(corpus.matrix[chosen].indices, minlength=corpus.matrix.shape[1])
        self.kept = np.flatnonzero(seen >= LEAST_SEEN)
        self.names = [corpus.names[at] for at in self.kept]
        self.columns = np.zeros((len(self.names), COLUMNS))
        matrix = corpus.matrix[chosen][:, self.kept].astype(float)
        for column in range(COLUMNS):
            counted = corpus.counted[chosen, column].astype(float)
            told = np.flatnonzero(counted)
            rows, wanted, counted = matrix[told], corpus.wanted[chosen[told], column] > 0, counted[told]
            learner = LogisticRegression(
                C=STRENGTH, solver="liblinear", dual=True, tol=0.05, fit_intercept=False, random_state=1
            )
            tells = sparse.diags(_tells(rows, wanted, counted))
            self.columns[:, column] = tells @ learner.fit(rows @ tells, wanted, counted).coef_[0]
        tell(f"learned from {len(chosen)} replies, {len(self.names)} features")

    def score(self, corpus, chosen):
        return corpus.matrix[chosen][:, self.kept] @ self.columns


def _tells(matrix, wanted, counted):
    """Return for each feature how much it tells the wanted replies from the others, 1 on average."""
    here = (matrix > 0).T
    shares = [1 + here @ (counted * side) for side in (wanted, ~wanted)]
    logs = [np.log(each / each.sum()) for each in shares]
    ratios = np.abs(logs[0] - logs[1]) ** TELLS
    return ratios / ratios.mean()


def find_spread(scores, labels):
    """Return by how much scores have to be multiplied so that their probabilities are true."""
    rows = np.arange(len(labels))

    def loss(spread):
        return -float(log_softmax(scores * spread[0], axis=1)[rows, labels].mean())

    return float(minimize(loss, [1.5], method="Nelder-Mead").x[0])


def fit_cries(facts, urgent):
    """Return what speaks for a cry, and how urgent each reply is."""
    table = np.array([list(each.values()) for each in facts])
    learner = LogisticRegression(fit_intercept=False, max_iter=3000)
    learner.fit(table, urgent, np.where(urgent, CRIES_COUNT, 1.0))
    return dict(zip(facts[0], learner.coef_[0].tolist(), strict=True)), table @ learner.coef_[0]


def fit_meanings(examples, facts):
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

    def loss(weights):
        scores = matrix @ weights
        raised = np.exp(scores - np.repeat(np.maximum.reduceat(scores, starts), sizes))
        whole, good = np.add.reduceat(raised, starts), np.add.reduceat(raised * right, starts)
        slope = raised / np.repeat(whole, sizes) - raised * right / np.repeat(good, sizes)
        away = weights - first
        value = -np.log(good / whole).sum() + PENALTY * (away**2).sum()
        return value, turned @ slope + 2 * PENALTY * away

    best = minimize(loss, first, jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
    return dict(zip(names, best.tolist(), strict=True))


def is_right(example, label, own):
    """Return whether a meaning is the one of a reply."""
    if example.own is not None and own is not None:
        return own == example.own
    return label is not None and label == example.label


MISSED = 0.0075
"""Share of the cries, and of the wishes to be left alone, that may be missed by authors and questions not learned from: with a margin below 1%."""
PRECISE, PRECISE_HELD = 0.98, 0.87
"""Share of what counts at once as a wish to be left alone, and of that with what is held, that must be such: sooner more are missed."""
WRONG = 0.025
"""Share of what is done automatically that may be wrong: by models that have seen two thirds of the questions, and not the one asked."""
PARTS = 6
"""Parts of the questions of offices, each read by what was learned from the others."""
PENALTY = 1.0
COSTS = {Label.INSTALLED: 5.0, Label.WRONG_NUMBER: 2.0, OPT_IN: 3.0}
COSTS |= {Label.UNCLEAR: 1.5, None: 1.5}
"""How bad a wrong label is, beside any other: an install is reported to leaders, a wrong number silences a phone for good."""


class LeftOut(NamedTuple):
    """Replies of authors and to questions that were not learned from: what each may mean, and how urgent it is."""

    examples: Sequence[Example]
    asked: Sequence[Asked]
    merged: Sequence[Sequence[Chance]]
    urgency: np.ndarray

    def likely(self, label):
        return np.array(
            [sum(each.likely for each in chances if each.label == label) for chances in self.merged]
        )


def choose_limits(unseen):
    """Return the limits of decisions: first few cries are missed, then few wishes to be left alone, then few are read into others.

    Then for each label, and for own answers, the least confidence with which it stands without an officer's look: a wrong one costs; the
    same price for all labels, the lowest with which at most `WRONG` of the automatic ones are wrong, decides.
    """
    labels = np.array([str(each.label or "own") for each in unseen.examples])
    urgent = np.array([each.is_urgent for each in unseen.examples])
    stop, wish = unseen.likely(Label.OPT_OUT), unseen.likely(OPT_IN)
    stops = labels == Label.OPT_OUT
    cry = float(np.quantile(unseen.urgency[urgent], MISSED))
    grid = np.arange(0.4, 0.999, 0.005)

    def lowest(limits, share):
        precise = (limit for limit in limits if stops[stop >= limit].mean() >= share)
        return float(next(precise, limits[-1]))

    held = max(float(np.quantile(stop[stops], MISSED)), lowest(np.geomspace(0.002, 0.4, 80), PRECISE_HELD))
    limits = {"cry": cry, "held": held, str(Label.OPT_OUT): lowest(grid, PRECISE)}
    best = [max(each, key=lambda chance: chance.likely) for each in unseen.merged]
    right = np.array(
        [is_right(each, one.label, one.own) for each, one in zip(unseen.examples, best, strict=True)]
    )
    silent = (stop > wish) & (stop >= held)
    rows = np.flatnonzero((unseen.urgency < cry) & ~silent)
    said = np.array(["own" if best[at].own else str(best[at].label) for at in rows])
    sure, right = np.array([best[at].likely for at in rows]), right[rows]
    kept = sure[:, None] >= grid
    for price in np.geomspace(1, 500, 60):
        chosen = {}
        for label in (*LABELS, None):
            here = said == str(label or "own")
            gain = np.where(right, 1.0, -price * COSTS.get(label, 1.0))[here]
            chosen[str(label or "own")] = float(grid[(gain[:, None] * kept[here]).sum(axis=0).argmax()])
        automatic = sure >= np.array([chosen[name] for name in said])
        if (automatic & ~right).sum() <= WRONG * automatic.sum():
            break
    return round_all(chosen | limits)


def tell(*lines):
    print(*lines, sep="\n  ", file=sys.stderr, flush=True)


class Second(NamedTuple):
    """What the second step learns: by how much scores are spread, what speaks for each meaning and for a cry, the limits of decisions."""

    spread: float
    meanings: dict[str, float]
    cries: dict[str, float]
    limits: dict[str, float]


def learn_second(corpus, folds, scores):
    """Learn the second step from the scores of replies that were not learned from, and tell how well these would be understood."""
    chosen = np.flatnonzero((folds >= 0) & corpus.is_written & ~corpus.ordinary)
    labelled = chosen[[corpus.examples[at].label is not None for at in chosen]]
    places = np.array([LABELS.index(corpus.examples[at].label) for at in labelled])
    spread = find_spread(scores[labelled, : len(LABELS)], places)
    rows = chosen[corpus.own[chosen]]
    examples, asked, scores = (
        [corpus.examples[at] for at in rows],
        [corpus.asked[at] for at in rows],
        scores[rows],
    )
    scores[:, : len(LABELS)] *= spread
    facts = [
        facts_of(each.text, row.tolist(), one) for each, row, one in zip(examples, scores, asked, strict=True)
    ]

    def fit(wanted):
        at = np.flatnonzero(wanted)
        return fit_meanings([examples[n] for n in at], [facts[n] for n in at])

    parts = split(examples, PARTS)
    fits = [fit(parts != part) for part in range(PARTS)]
    merged = [
        chances_from(fact, fits[n], one) for fact, n, one in zip(facts, parts.tolist(), asked, strict=True)
    ]
    of_cries = [
        facts_of_cry(float(score), find_danger(each.text), chances, len(tag_words(each.text, one)))
        for each, one, score, chances in zip(examples, asked, scores[:, -1], merged, strict=True)
    ]
    cries, urgency = fit_cries(of_cries, corpus.urgent[rows])
    typical = [at for at, each in enumerate(examples) if is_typical(each.kind)]
    told = ([part[at] for at in typical] for part in (examples, asked, merged))
    limits = choose_limits(LeftOut(*told, urgency[typical]))
    found = [
        decide_by(each.text, one, chances, urgent, limits)
        for each, one, chances, urgent in zip(examples, asked, merged, urgency.tolist(), strict=True)
    ]
    tell(f"Not learned from: {limits}", *measure(list(zip(examples, found, strict=True))))
    whole = fit(parts >= 0)
    return Second(spread, round_all(whole), round_all(cries), limits)


def round_all(weights):
    return {name: round(value, 4) for name, value in weights.items()}


def write(model, second, path):
    """Write the weights that matter."""
    columns = model.columns.copy()
    columns[:, : len(LABELS)] *= second.spread
    stored = np.clip(np.round(columns * SCALE), -32768, 32767).astype(int)
    kept = np.abs(stored).max(axis=1) > LEAST
    features = {name: row for name, row, keep in zip(model.names, stored.tolist(), kept, strict=True) if keep}
    path.write_bytes(pack_weights(features, second.meanings, second.cries, second.limits))
    tell(f"{len(features)} features, {path.stat().st_size} bytes")


def group_of(example):
    """Return what is left out together: the replies of an author, those to an office's question, all questions of one stranger."""
    if not asked_of(example.kind).is_own:
        return example.author
    return re.sub(r"^([rtu]\d+)-\d$", r"\1", example.kind)


def split(examples, count):
    """Return for each reply the part of `count` parts in which it is unseen, -1 for those that are always trained on."""
    is_own = {
        group_of(each): asked_of(each.kind).is_own
        for each in examples
        if not each.author.startswith("earlier")
    }
    names = sorted(is_own)
    random.Random(2).shuffle(names)
    names.sort(key=is_own.__getitem__, reverse=True)
    places = {name: at % count for at, name in enumerate(names)}
    return np.array([places.get(group_of(each), -1) for each in examples])


def train(examples, path):
    """Train on replies, tell how well those are understood that were not learned from, and write the weights to a path."""
    corpus = Corpus(examples, read_ordinary())
    folds = split(corpus.examples, FOLDS)
    everything = np.arange(len(corpus.examples))
    scores = np.zeros((len(everything), COLUMNS))
    for fold in range(LEFT_OUT):
        unseen = everything[(folds == fold) & corpus.is_written]
        learned = everything[(folds != fold) & corpus.is_written]
        scores[unseen] = Linear(corpus, learned).score(corpus, unseen)
    second = learn_second(corpus, np.where(folds < LEFT_OUT, folds, -1), scores)
    if path:
        write(Linear(corpus, everything), second, path)


def main():
    train(read_training(), None if "--left-out" in sys.argv else WEIGHTS / f"{OFFICES}.bin")


if __name__ == "__main__":
    main()
