"""What a step is reckoned to cost, by all of its texts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from campaigns.planning.kinds import load_kinds
from campaigns.planning.preview import AudiencePreview, Cost, dearest_reply, estimate
from campaigns.rules.draft import StepDraft, read_stored_draft

ONE, TWO, THREE = "a" * 160, "a" * 161, "a" * 307  # segments of GSM-7: 160 alone, 153 in a chain
# Accents are dropped in Vietnamese and Xơ Đăng, and kept in Gia Rai.
PLAIN: Any = SimpleNamespace(unaccented=True, unaccented_languages=("sed",), fields={})
STEPS = [
    (StepDraft(ONE), Cost(1, 1, 1, 10, 3_000)),
    (StepDraft(ONE, text_b=THREE), Cost(1, 1, 3, 20, 6_000)),
    (StepDraft(THREE, text_b=ONE), Cost(1, 1, 3, 20, 6_000)),
    (StepDraft(ONE, texts={"sed": TWO, "jra": ONE}), Cost(1, 1, 2, 20, 6_000, is_upper=True)),
    (StepDraft(TWO, texts={"sed": ONE}), Cost(1, 2, 2, 20, 6_000, is_upper=True)),
    (StepDraft(ONE, text_b=TWO, texts={"sed": THREE}), Cost(1, 1, 3, 30, 9_000, is_upper=True)),
    (StepDraft(ONE, texts={"sed": "ă" * 160}), Cost(1, 1, 1, 10, 3_000, is_upper=True)),
    (StepDraft(ONE, texts={"jra": "ă" * 160}), Cost(1, 1, 3, 30, 9_000, is_upper=True)),
]


def test_the_dearest_acknowledgement_counts_and_on_the_page_alone_that_of_an_opt_out() -> None:
    kinds = load_kinds()
    content = {"answers": {"installed": {"reply": TWO}, "opt_out": {"reply": ONE}}}
    data = {"name": "A", "text": ONE, "lists": ["MTTQ/A"], "sender": "MTTQ", "content": content}
    draft, audience = read_stored_draft(data, kinds=kinds), AudiencePreview(10, {}, ["A"])
    found = [dearest_reply(draft, audience, link="", takes_replies=takes) for takes in (True, False)]
    assert found == [2, 1]


@pytest.mark.parametrize(("step", "cost"), STEPS, ids=range(len(STEPS)))
def test_a_step_costs_what_all_of_its_texts_take(step: StepDraft, cost: Cost) -> None:
    audience = AudiencePreview(10, {}, ["Y Hlan", "A Thun"])
    assert estimate(step, audience, link="https://l.example/x", price=300, accents=PLAIN) == cost
