"""The counters behind the figures say what the people say, whatever happened and in whichever order."""

import random
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import String, cast, func, select, update

from admin.app import create_app
from campaigns import answer_totals
from campaigns.answer_totals import find_differences, fold_answer_totals
from campaigns.models.campaigns import Recipient
from campaigns.models.replies import AnswerTotal
from campaigns.replies.record_answer import undo_answer
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import CampaignAction
from outreach.contacts.contact import Closing, suppress_number
from outreach.models.accounts import Area, AreaLevel
from outreach.models.contacts import Contact
from outreach.rules.errors import WrongState
from tests.support.processes import ROOT
from tests.support.servers import both_databases

PEOPLE = 12


def check(world):
    sums, wrong = world.read(find_differences)
    assert wrong == []
    return sums


def says(world, recipient_id, label, *, days=0):
    recipient, at = world.get_one(Recipient, recipient_id), world.now + timedelta(days=days)
    with world.runtime.db.write() as session:
        world.answer(session, recipient, label, now=at)


def takes_back(world, recipient_id, *, days=0):
    recipient = world.get_one(Recipient, recipient_id)
    world.do(undo_answer, recipient, now=world.now + timedelta(days=days))


def recipients(world):
    counted = (Recipient.exclusion.is_(None), Recipient.contact_id.is_not(None))
    return world.all(select(Recipient.id).where(*counted).order_by(Recipient.id))


@pytest.fixture
def populated(world):
    """People of three places, one of whom cannot be reached."""
    world.add_people(PEOPLE)
    world.add_person("Y Blốc")
    places = {"kind": "Huyện", "level": AreaLevel.DISTRICT}
    world.add(*(Area(code=str(n), name=f"Nơi {n}", **places) for n in range(3)))
    world.execute(update(Contact).values(area_code=cast(Contact.id % 3, String)))
    return world


@both_databases
@pytest.mark.parametrize("seed", range(2))
def test_any_history_leaves_counters_that_the_people_confirm(populated, seed, monkeypatch):
    monkeypatch.setattr(answer_totals, "FOLD_BEYOND", 4)
    dice = random.Random(seed)
    campaign_id = populated.launch()
    if dice.random() < 0.7:
        populated.act(campaign_id, CampaignAction.UNDO)  # the launch is taken back, and made again
        check(populated)
        populated.act(campaign_id, CampaignAction.LAUNCH)
        populated.sweep()
    for day in range(32):
        who = dice.choice(recipients(populated))
        try:
            match dice.choice(["says"] * 5 + ["takes back"] * 3 + ["fold", "suppressed", "erased"]):
                case "says":
                    says(populated, who, dice.choice([Label.INSTALLED, *Label]), days=day // 8)
                case "takes back":
                    takes_back(populated, who, days=day // 8)
                case "fold":
                    populated.do(fold_answer_totals)
                case "suppressed":
                    _suppress(populated, who)
                case "erased":
                    _erase(populated, who)
        except WrongState:
            pass  # the number is suppressed already
    assert check(populated) > 3


def _suppress(world, recipient_id):
    person = world.get_one(Recipient, recipient_id)
    told = {"reason": Closing.OPT_OUT, "note": "gọi điện xin thôi"}
    world.do(suppress_number, person.contact_id, person.phone_id, **told)


def _erase(world, recipient_id):
    contact_id = world.get_one(Recipient, recipient_id).contact_id
    world.erase(contact_id or 0)


@both_databases
def test_answers_while_the_counters_are_folded_are_all_counted(populated, monkeypatch):
    monkeypatch.setattr(answer_totals, "FOLD_BEYOND", 0)
    populated.launch()
    people = recipients(populated)[:8]

    def fold(_):
        populated.do(fold_answer_totals)

    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(says, populated, who, Label.INSTALLED) for who in people]
        jobs += [pool.submit(fold, n) for n in range(6)]
        for job in jobs:
            job.result()
    check(populated)
    fold(0)
    check(populated)
    assert populated.scalar(select(func.sum(AnswerTotal.installed))) == 8
    assert populated.scalar(select(func.min(AnswerTotal.people))) == 0  # nothing is left to be folded


@both_databases
def test_a_counter_that_is_wrong_is_named(populated):
    runner = create_app(populated.runtime.settings).test_cli_runner()
    campaign_id = populated.launch()
    says(populated, recipients(populated)[0], Label.INSTALLED)
    assert runner.invoke(args=["counters", "verify"]).exit_code == 0
    populated.execute(update(AnswerTotal).where(AnswerTotal.day.is_not(None)).values(installed=4))
    told = runner.invoke(args=["counters", "verify"])
    assert told.exit_code == 1
    assert told.stdout == ""
    assert f"chiến dịch {campaign_id}" in told.stderr
    assert "đếm lại 1 máy đã cài, đang ghi 4" in told.stderr


def test_where_a_recipient_stands_is_changed_in_few_places():
    changes = re.compile(
        r"\brecipient\.answer = |\bInstallReport\(\n|withdrawn_at = |update\(Recipient\)|set_columns\(\s*session, Recipient,"
    )
    found = {
        str(path.relative_to(ROOT))
        for package in ("campaigns", "workers", "outreach", "admin")
        for path in Path(ROOT, package).rglob("*.py")
        if changes.search(path.read_text(encoding="utf-8"))
    }
    assert found == {
        "campaigns/replies/record_answer.py",
        "campaigns/planning/audience.py",  # of a new audience, before it is counted
        "campaigns/sweep.py",  # when somebody joined, no answer
        "campaigns/privacy/retention.py",  # takes the person alone away, no answer
        "campaigns/privacy/health_answers.py",  # only which merge left somebody out
        "outreach/migrations/versions/0166_reports_of_merged.py",  # counts what it changes
        "admin/demo/load_demo.py",  # writes in bulk and has everything counted anew
    }
