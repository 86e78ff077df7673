"""What came of a campaign: its answers, how many gave each, by place, and how many gave none."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.permissions import may_open
from admin.views.inbox import listed_answers, may_name, read_said
from campaigns.analytics.own_counts import AnswerCounts, count_answers, count_answers_by_place
from campaigns.analytics.small_places import small_in_drive
from campaigns.models.campaigns import Campaign
from campaigns.replies.receive_reply import REPLY_WINDOW
from campaigns.rules.content import read_content
from campaigns.rules.own_answers import GivenAnswer, OwnAnswer, keeps_said, read_own_answers
from campaigns.rules.replies.labels import OFFICER_LABELS, Label
from campaigns.rules.small_counts import Small, add_up_by
from campaigns.visits.hand_over import NOT_LISTED, UNANSWERED
from outreach.accounts.permissions import visible_to
from outreach.models.accounts import User
from outreach.models.contacts import ContactList
from outreach.models.places import Area

AnswerKey = tuple[Label | None, int | None]


@dataclass(frozen=True, slots=True)
class ShownResult:
    """How many gave an answer, of whom `promised` had promised it; `url` leads to them, "" where the reader may not see who they are.

    `keys` are what is counted under it, as in `AnswerCounts`.
    """

    text: str
    people: int
    url: str = ""
    promised: int = 0
    keys: frozenset[AnswerKey] = frozenset()


@dataclass(frozen=True, slots=True)
class PlaceResults:
    """How many people of a place were written to, answered, and gave the first answer."""

    name: str
    people: int
    answered: int
    first: int


@dataclass(frozen=True, slots=True)
class CampaignResults:
    """What came of a campaign within the reader's scope. `answers` are in the order in which they are offered."""

    answers: list[ShownResult]
    unanswered: ShownResult
    answered: int  # who is recorded as done may be in two of `answers`
    places: list[PlaceResults]

    @property
    def people(self) -> int:
        """Return how many were written to."""
        return self.answered + self.unanswered.people


def results_every(campaign: Campaign, *, now: datetime) -> int:
    """Return after how many milliseconds an open page counts the answers again, 0: not any more, as hardly any come."""
    if campaign.ended_at is None:
        return 10_000
    return 60_000 if now - campaign.ended_at < REPLY_WINDOW else 0


def read_results(
    session: Session, campaign: Campaign, user: User, *, by_place: bool = False
) -> CampaignResults:
    """Return how many of a campaign's recipients gave each answer, and how many none, within the reader's scope.

    What was offered is there, even if nobody has given it. Where people promise, the numbers lead to the list handed over,
    and who is recorded as done is one number.
    """
    own = read_own_answers(campaign.content)
    seen = visible_to(session, user, ContactList.organisation_id)
    counts = count_answers(session, [campaign.id], seen=seen)[campaign.id]
    is_named = may_name(session, user, campaign)
    is_listed = bool(own) and keeps_said(own) and may_open(user.role, "hand_over.index")

    def url(word: str, result: str | None = None) -> str:
        if not is_named:
            return ""
        if is_listed and word not in NOT_LISTED:
            return url_for("hand_over.index", campaign_id=campaign.id, answer=word)
        return url_for("contacts.index", campaign=campaign.id, answer=None if result else word, result=result)

    offered = _offered(campaign, own)
    answers: list[ShownResult] = []
    unanswered = counts[None, None]
    for word, text in listed_answers(campaign.kind, own, OFFICER_LABELS).items():
        if not (said := read_said(word, own)):
            continue
        shown = _count_given(said, text, url(word), own, counts)
        if shown.people or said.own or said.label in offered:
            answers.append(shown)
    rest = counts.keys() - frozenset[AnswerKey]({(None, None)}).union(*(each.keys for each in answers))
    if rest:
        answers.append(ShownResult(_("Trả lời khác"), sum(counts[key] for key in rest), keys=frozenset(rest)))
    nobody = url(UNANSWERED, result="unanswered") if unanswered else ""
    places: dict[str | None, AnswerCounts] = {}
    if by_place:
        by_area = count_answers_by_place(session, campaign.id, seen=seen)
        small = small_in_drive(session, campaign, user=user) or Small()
        places = add_up_by(by_area, small.area_of)
    shown_places, answered = _by_place(session, places, answers), sum(counts.values()) - unanswered
    return CampaignResults(
        answers, ShownResult(_("Chưa trả lời"), unanswered, nobody), answered, shown_places
    )


def _offered(campaign: Campaign, own: Sequence[OwnAnswer]) -> set[Label]:
    wordings = read_content(campaign.content).answers.items()
    return {each.means for each in own} or {label for label, wording in wordings if wording.button}


def _count_given(
    said: GivenAnswer, text: str, url: str, own: Sequence[OwnAnswer], counts: AnswerCounts
) -> ShownResult:
    """Return how many gave an answer; of those recorded as done, how many had promised it."""
    keys = frozenset(key for key in counts if (key[1] == said.own if said.own else key[0] is said.label))
    promises = {each.number for each in own if each.means is Label.NOT_YET}
    promised = keys if said.label is Label.INSTALLED else ()
    return ShownResult(
        text,
        sum(counts[key] for key in keys),
        url,
        sum(counts[key] for key in promised if key[1] in promises),
        keys,
    )


def _by_place(
    session: Session, counts: dict[str | None, AnswerCounts], answers: list[ShownResult]
) -> list[PlaceResults]:
    """Return the places, those with most people without an answer first; none where all people are in one."""
    if len(counts) < 2:
        return []
    codes = [code for code in counts if code]
    names = dict(
        session.execute(select(Area.code, Area.kind + " " + Area.name).where(Area.code.in_(codes))).all()
    )
    places = []
    for code, given in counts.items():
        people, unanswered = sum(given.values()), given.get((None, None), 0)
        first = sum(given.get(key, 0) for key in answers[0].keys) if answers else 0
        name = names.get(code, "") if code else ""
        places.append(PlaceResults(name or _("Chưa rõ địa bàn"), people, people - unanswered, first))
    return sorted(places, key=lambda place: (place.answered - place.people, place.name))
