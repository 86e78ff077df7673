"""Steps and goals in a campaign's description."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import pytest

from campaigns.rules.draft import GoalDraft, StepDraft
from outreach.rules.errors import BadTemplate
from tests.support.tables import cases
from tests.unit.campaigns.test_draft import draft, refusal


@cases(
    {"text": "x"},
    {"text": "x", "after_days": 0},
    {"text": "x", "after_days": 365},
    {"text": "x", "after_days": 1, "at": "00:00"},
)
def test_a_step_says_what_and_when(step: dict[str, Any]) -> None:
    assert draft(step=[step]).steps[1] == StepDraft(**step)


@cases(
    {},
    {"text": "  "},
    {"text": "x", "after_days": -1},
    {"text": "x", "after_days": 366},
    {"text": "x", "after_days": 1.5},
    {"text": "x", "after_days": True},
    {"text": "x", "at": "8:30"},
    {"text": "x", "at": "25:00"},
    {"text": "x", "when": "later"},
    "x",
)
def test_a_step_that_says_too_little_or_too_much(step: Any) -> None:
    assert "bước" in refusal(step=[step])


def test_steps_stand_in_the_order_of_their_days() -> None:
    assert len(draft(step=[{"text": "a", "after_days": 2}, {"text": "b", "after_days": 2}]).steps) == 3
    assert "tăng dần" in refusal(step=[{"text": "a", "after_days": 3}, {"text": "b", "after_days": 2}])


@pytest.mark.parametrize("text", ["Mời {ten}", "Mời {name", "[Chào {name} mời"])
def test_a_text_is_checked_in_every_step(text: str) -> None:
    with pytest.raises(BadTemplate):
        draft(text=text)
    with pytest.raises(BadTemplate):
        draft(step=[{"text": text, "after_days": 1}])


@pytest.mark.parametrize("share", [0.001, 0.5, 1, 1.0])
def test_a_goal_is_a_share(share: float) -> None:
    assert draft(goal={"share": share}).goal == GoalDraft(float(share))


@pytest.mark.parametrize("share", [0, -0.5, 1.01, 50, "50%", None, True, math.nan])
def test_a_goal_that_is_no_share(share: Any) -> None:
    assert "share" in refusal(goal={"share": share})


@cases(
    {"denominator": 60},
    {"denominator": 60, "date": "2020-08-15"},
    {"denominator": 60, "source": "Tổ dân phố"},
    {"denominator": 60, "date": "", "source": "Tổ dân phố"},
    {"denominator": 0, "date": "2020-08-15", "source": "Tổ dân phố"},
    {"denominator": 0.5, "date": "2020-08-15", "source": "Tổ dân phố"},
    {"denominator": True, "date": "2020-08-15", "source": "Tổ dân phố"},
    {"denominator": 60, "date": "giữa tháng tám", "source": "Tổ dân phố"},
    {"of": 60},
)
def test_a_figure_to_measure_against_has_a_date_and_a_source(goal: dict[str, Any]) -> None:
    refusal(goal={"share": 0.5, **goal})


def test_the_date_of_a_figure_may_be_written_either_way() -> None:
    for day in (date(2020, 8, 15), "2020-08-15"):
        goal = draft(goal={"share": 0.5, "denominator": 1, "date": day, "source": "x"}).goal
        assert goal == GoalDraft(0.5, 1, "2020-08-15", "x")
