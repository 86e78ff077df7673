"""What a campaign's page shows of a stored campaign: its facts, submissions, changes, the actions that a user may take, and what came
of it: how many gave each answer, by place, and how many none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.forms import Form, LongTextField, NumberField, TextField
from admin.permissions import may_open
from admin.views.inbox import listed_answers, may_name, read_said
from admin.wording.campaigns import ShownChange, own_texts, show_changes, show_lifts
from campaigns.analytics.calendar import count_repeated
from campaigns.analytics.campaign_status import read_sending_panel
from campaigns.analytics.installs import small_in_drive
from campaigns.analytics.progress_counts import AnswerCounts, count_answers, count_answers_by_place
from campaigns.analytics.reach import read_reach, step_lifts
from campaigns.cases.case_list import count_open as count_open_cases
from campaigns.models.campaigns import Campaign, CampaignDecision, CampaignList, CampaignVersion, CommentCard
from campaigns.planning.approvals import is_waiting_for_approval, read_approvals, terms_of
from campaigns.planning.audience import count_joined, people_of
from campaigns.planning.comments import LONGEST, count_open, read_comments
from campaigns.planning.correct_texts import apply_corrections, changed_texts, may_be_corrected, readers_of
from campaigns.planning.correcting_campaigns import list_variants, read_correcting_campaigns, text_of
from campaigns.planning.drafts import VersionChange, compare_versions, describe_campaign, is_campaign_author
from campaigns.planning.kinds import all_kinds, load_kinds
from campaigns.planning.preview import AudiencePreview, Preview, build_preview, find_missing_fields
from campaigns.replies.receive_reply import REPLY_WINDOW
from campaigns.rules.approvals import approvers_of, find_card, missing_approval, most_covered
from campaigns.rules.content import Content, read_content
from campaigns.rules.draft import read_stored_draft
from campaigns.rules.own_answers import GivenAnswer, OwnAnswer, keeps_said, read_own_answers
from campaigns.rules.replies.labels import OFFICER_LABELS, Label
from campaigns.rules.small_counts import Small, add_up_by
from campaigns.rules.states import CampaignState
from campaigns.rules.urgent import MAX_PER_DAY, Urgency
from campaigns.sweep import refuse_wave
from campaigns.visits.hand_over import NOT_LISTED, UNANSWERED
from outreach.accounts.permissions import organisations_of, visible_to
from outreach.accounts.users import name_of, names_of
from outreach.contacts.directory import has_hidden_people
from outreach.core.settings import Settings
from outreach.models.accounts import Area, Organisation, Role, User
from outreach.models.contacts import ContactList
from outreach.runtime import Runtime

AnswerKey = tuple[Label | None, int | None]


@dataclass(frozen=True, slots=True)
class ShownResult:
    """How many gave an answer; of those recorded as done `promised` had promised it, and `before` had said something else.

    `url` leads to them, "" where the reader may not see who they are; `keys` are what is counted under it, as in `AnswerCounts`.
    """

    text: str
    people: int
    url: str = ""
    promised: int = 0
    before: int = 0
    keys: frozenset[AnswerKey] = frozenset()


@dataclass(frozen=True, slots=True)
class CampaignResults:
    """What came of a campaign within the reader's scope. `answers` are in the order in which they are offered."""

    answers: list[ShownResult]
    unanswered: ShownResult
    answered: int  # who is recorded as done may be in two of `answers`
    places: list[dict[str, Any]]
    is_few: bool = False  # the reader is told of none

    @property
    def people(self) -> int:
        """Return how many were written to."""
        return self.answered + self.unanswered.people


def results_every(campaign: Campaign, *, now: datetime) -> int:
    """Return after how many milliseconds an open page counts the answers again, 0: not any more, as hardly any come."""
    if campaign.ended_at is None:
        return 10_000 if campaign.recipients is not None else 2_000
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
    small = small_in_drive(session, campaign, user=user) or Small()
    if small.is_all:
        return CampaignResults([], ShownResult(_("Chưa trả lời"), 0), 0, [], is_few=True)
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
    """Return how many gave an answer; of those recorded as done, how many had promised it or said something else."""
    keys = frozenset(key for key in counts if (key[1] == said.own if said.own else key[0] is said.label))
    is_done = said.label is Label.INSTALLED
    undone = [each for each in own if is_done and each.means is not Label.INSTALLED]
    promised, before = (
        sum(counts[key] for key in keys for each in undone if (each.number, each.is_promise) == (key[1], of))
        for of in (True, False)
    )
    return ShownResult(text, sum(counts[key] for key in keys), url, promised, before, keys)


def _by_place(
    session: Session, counts: dict[str | None, AnswerCounts], answers: list[ShownResult]
) -> list[dict[str, Any]]:
    """Return how many people of each place were written to, answered, and gave the first answer; none where all are in one place.

    Those with most people without an answer come first.
    """
    if len(counts) < 2:
        return []
    codes = [code for code in counts if code]
    names = dict(
        session.execute(select(Area.code, Area.kind + " " + Area.name).where(Area.code.in_(codes))).all()
    )
    places = list[dict[str, Any]]()
    for code, given in counts.items():
        people, unanswered = sum(given.values()), given.get((None, None), 0)
        first = sum(given.get(key, 0) for key in answers[0].keys) if answers else 0
        name = names.get(code, "") if code else ""
        place = {"name": name or _("Chưa rõ địa bàn"), "people": people, "first": first}
        places.append(place | {"answered": people - unanswered})
    return sorted(places, key=lambda place: (place["answered"] - place["people"], place["name"]))


class CommentForm(Form):
    """A comment beside a card, or a reply to one. Its text stands in another form's card."""

    main, ids, key_fields = "text", "comment", ("card", "reply_to")
    card = TextField(type="hidden")
    reply_to = NumberField(type="hidden", default=None)
    text = LongTextField(_l("Góp ý"), name="comment", rows=2, required=True, maxlength=LONGEST)

    @classmethod
    def at(cls, card: str, reply_to: int | None = None) -> CommentForm:
        form = cls.on_page(f"{card}-{reply_to}", card=card, reply_to=reply_to)
        form.text.render_kw["form"] = f"write-{form.key}"
        return form


def sheet_context(
    session: Session,
    campaign: Campaign,
    audience: AudiencePreview,
    *,
    user: User,
    runtime: Runtime,
    preview: Preview | None = None,
) -> dict[str, Any]:
    """Return what the page of a stored campaign shows, whether it is read or written; `preview` as in `read_sheet`."""
    now, settings = datetime.now(UTC), runtime.settings
    sheet = read_sheet(session, campaign, audience, user=user, settings=settings, now=now, preview=preview)
    panel = read_sending_panel(session, campaign, now, runtime=runtime) if sheet.was_launched else None
    return {
        "sheet": sheet,
        "panel": panel,
        "may_correct": may_open(user.role, "campaigns.texts")
        and may_be_corrected(campaign)
        and not campaign.correction,
        "missing_fields": find_missing_fields(session, campaign)
        if campaign.recipients is None and not sheet.is_over
        else [],
        "correction": read_correction(session, campaign, user),
        "own_texts": own_texts(sheet.description.get("content", {}), campaign.kind),
        "is_shipped": campaign.kind in load_kinds(),
        "lifts": read_lifts(session, campaign, user) if sheet.was_launched else [],
        "page_languages": list(campaign.content.get("languages", {})),
        "campaign_id": campaign.id,
        **read_talk(session, campaign, user, is_over=sheet.is_over),
        "urgent_cap": MAX_PER_DAY,
        "results": read_results(session, campaign, user, by_place=campaign.ended_at is not None)
        if campaign.launched_at
        else None,
        "results_every": results_every(campaign, now=now),
        "list_url": _list_url(campaign),
        "waiting_cases": sum(count_open_cases(session, user, campaign.id).values()) if panel else 0,
        **read_wrong_texts(session, campaign, user),
    }


def _list_url(campaign: Campaign) -> str:
    """Return where a campaign's people are listed: where people promise, those who will come, by the first column of the texts."""
    promises = [each for each in read_own_answers(campaign.content) if each.is_promise]
    chosen: dict[str, Any] = (
        {"answer": promises[0].value, "order": next(iter(campaign.fields), None)} if promises else {}
    )
    return url_for("hand_over.index", campaign_id=campaign.id, **chosen)


def read_talk(session: Session, campaign: Campaign, user: User, *, is_over: bool) -> dict[str, Any]:
    """Return the comments by card, how many of each are open, and by card the forms for new ones and for replies."""
    comments = read_comments(session, campaign.id)
    may_write = may_open(user.role, "campaigns.comment") and not is_over
    forms = {
        card.value: [
            CommentForm.at(card, *at) for at in ((), *((each.id,) for each in comments.get(card, ())))
        ]
        for card in (CommentCard if may_write else ())
    }
    return {"comments": comments, "open_comments": count_open(comments), "comment_forms": forms}


# Of lists of up to this many people those who have joined are counted with the page.
_COUNTED_AT_ONCE = 20_000


def read_wave(
    session: Session, campaign: Campaign, user: User, preview: Preview, *, settings: Settings, may_count: bool
) -> dict[str, Any] | None:
    """Return the second wave that a campaign could have, None if there can be none or nobody has joined.

    `people` is how many have joined the lists since the launch, None: to be counted on demand; `vnd` the most that it costs.
    `asked` is for how many it was asked; `may_approve`: the user's press is an approval. `preview` is that of the present audience.
    """
    if not may_open(user.role, "campaigns.extend") or refuse_wave(campaign, now=datetime.now(UTC)):
        return None
    before, people, cost = campaign.recipients or 0, None, preview.steps[0].cost
    if may_count or preview.audience.people <= _COUNTED_AT_ONCE:
        people = count_joined(session, campaign, passes_opt_outs=settings.urgent_passes_opt_outs)
        if not people:
            return None
    asked, approvals = campaign.wave or {}, read_approvals(session, campaign)
    total = before + (people or 0)
    vnd = preview.vnd * total // max(1, preview.audience.recipients)
    terms = terms_of(session, campaign, total, vnd, settings=settings)
    approved_by = approvers_of(approvals, terms)
    price = cost.vnd / cost.total if cost.total else settings.price_per_segment_vnd
    return {
        "people": people,
        "vnd": round((people or 0) * cost.most * price),
        "is_outgrown": missing_approval(approvals, terms) is not None,
        "approved": campaign.approved_recipients,
        "asked": asked.get("people"),
        "asked_by": name_of(session, asked.get("by")),
        "approved_by": [name_of(session, each) for each in approved_by],
        "may_approve": user.role in _APPROVERS
        and user.id not in approved_by
        and not is_campaign_author(session, campaign, user),
    }


def read_wrong_texts(session: Session, campaign: Campaign, user: User) -> dict[str, Any]:
    """Return the texts that have left and may be corrected, the campaigns that correct one, and which one this corrects."""
    sent = [
        (step.number, variant, text_of(step, variant))
        for step in campaign.steps
        if step.opened_at is not None
        for variant in list_variants(step)
    ]
    corrects = campaign.corrects or {}
    corrected = session.get(Campaign, corrects["campaign"]) if corrects else None
    return {
        "sent_texts": sent if may_open(user.role, "campaigns.correct") else [],
        "corrected_by": read_correcting_campaigns(session, campaign.id),
        "corrects": {"id": corrected.id, "name": corrected.name, **corrects} if corrected else None,
    }


def read_correction(session: Session, campaign: Campaign, user: User) -> dict[str, Any] | None:
    """Return a proposed correction, and what the user may do about it."""
    if not campaign.correction:
        return None
    by = campaign.correction["by"]
    content = apply_corrections(campaign.content, campaign.correction["texts"])
    changes = [
        VersionChange(f"content.{path}", before, after)
        for path, (before, after) in changed_texts(campaign.content, content).items()
    ]
    is_approver = user.role in _APPROVERS
    return {
        "by": name_of(session, by),
        "at": datetime.fromisoformat(campaign.correction["at"]),
        "changes": show_changes(changes, areas={}, organisations={}),
        "may_confirm": is_approver
        and user.id not in (by, *readers_of(session, campaign))
        and not is_campaign_author(session, campaign, user),
        "may_drop": is_approver or user.id == by,
    }


def read_lifts(session: Session, campaign: Campaign, user: User) -> list[dict[str, str]]:
    if not any(step.hold_out or step.text_b for step in campaign.steps):
        return []
    seen = organisations_of(session, user)
    return show_lifts(step_lifts(campaign, read_reach(session, campaign, seen=seen, now=datetime.now(UTC))))


_WRITERS = (Role.STAFF, Role.APPROVER, Role.ADMINISTRATOR)
_APPROVERS = (Role.APPROVER, Role.ADMINISTRATOR)


@dataclass(frozen=True, slots=True)
class CampaignSheet:
    """All data of a sheet. `may` holds the actions that this user may take now."""

    campaign: Campaign
    organisation: str
    author: str
    approver: str
    description: dict[str, Any]
    content: Content
    kind: str
    lists: list[tuple[int, str, str]]  # id, name, organisation
    preview: Preview
    submissions: list[dict[str, Any]]
    changes: list[ShownChange]
    compared_with: int | None
    is_author: bool
    approvals: int  # number needed
    covered: int  # that it covers; before it, that it would cover
    approved_by: list[str]  # names of those who approved the last submission
    is_held: bool  # launched, and waits for an approval
    version: int | None  # number of the last submission
    urgent: Urgency | None
    may: frozenset[str]
    was_launched: bool
    is_over: bool
    repeated: int  # people who would be skipped, as they have just had the same text

    @property
    def phase(self) -> str:
        """Return which question the page answers first: draft, returned, submitted, approved, sending, done or dropped."""
        if self.campaign.state is CampaignState.DRAFT:
            is_returned = bool(self.submissions) and self.submissions[0]["approved"] is False
            return "returned" if is_returned and self.submissions[0]["reason"] else "draft"
        if self.was_launched:
            return "done" if self.is_over else "sending"
        return "dropped" if self.is_over else self.campaign.state.value


def cards_to_open(sheet: CampaignSheet, commented: Mapping[str, int]) -> list[str]:
    """Return the cards that are open when the page comes: what is next."""
    if sheet.phase == "returned":
        return [find_card(sheet.submissions[0]["reason"], commented)]
    return ["approve"] if sheet.phase in ("draft", "submitted") or sheet.is_held else []


def read_sheet(
    session: Session,
    campaign: Campaign,
    audience: AudiencePreview,
    *,
    user: User,
    settings: Settings,
    now: datetime,
    preview: Preview | None = None,
) -> CampaignSheet:
    """Return the data of a campaign's page, with the actions that `user` may take.

    `preview` is that of a draft being written; else it is built from what is stored.
    """
    kinds = all_kinds(session)
    description = describe_campaign(session, campaign, kinds=kinds)
    draft = read_stored_draft(description, kinds=kinds)
    versions = session.scalars(
        select(CampaignVersion).where(CampaignVersion.campaign_id == campaign.id).order_by(CampaignVersion.n)
    ).all()
    area_names = dict(
        session.execute(select(Area.code, Area.kind + " " + Area.name).order_by(Area.code)).all()
    )
    compared, changes = _compare(campaign, description, list(versions))
    is_author = is_campaign_author(session, campaign, user)
    organisation = session.get(Organisation, campaign.organisation_id) if campaign.organisation_id else None
    shown = preview or build_preview(session, draft, audience, settings=settings, now=now)
    terms = terms_of(session, campaign, shown.audience.recipients, shown.vnd, settings=settings)
    approver_ids = approvers_of(read_approvals(session, campaign), terms)
    waits = is_waiting_for_approval(campaign)
    may = _allowed_actions(
        CampaignState.SUBMITTED if waits else campaign.state, user.role, is_author=is_author
    )
    if waits:
        may -= {"discard", "withdraw", "return"}
    if has_hidden_people(session, user, *people_of(session, campaign)):
        may &= {"copy", "try"}
        # Whom they name may be among the hidden.
        shown = replace(shown, audience=replace(shown.audience, sharing=()))
    return CampaignSheet(
        campaign=campaign,
        organisation=organisation.name if organisation else "",
        author=name_of(session, campaign.created_by),
        approver=name_of(session, campaign.approved_by),
        description=description,
        content=read_content(campaign.content),
        kind=kinds.get(campaign.kind, {}).get("title", campaign.kind),
        lists=_lists(session, campaign),
        preview=shown,
        submissions=_submissions(session, list(versions)),
        changes=show_changes(
            changes,
            areas=area_names,
            organisations=dict(session.execute(select(Organisation.code, Organisation.name)).all()),
        ),
        compared_with=compared,
        is_author=is_author,
        approvals=terms.approvals,
        covered=most_covered(
            campaign.approved_recipients or shown.audience.recipients,
            margin_percent=settings.approved_growth_percent,
        ),
        urgent=draft.urgent,
        approved_by=[name_of(session, number) for number in approver_ids],
        is_held=waits,
        version=versions[-1].n if versions else None,
        may=may - {"approve"} if user.id in approver_ids else may,
        was_launched=campaign.state not in _BEFORE_LAUNCH and campaign.approved_at is not None,
        is_over=campaign.state in (CampaignState.COMPLETED, CampaignState.CANCELLED),
        repeated=count_repeated(session, campaign, settings=settings, at=max(now, shown.begins_at))
        if campaign.state in (CampaignState.SUBMITTED, CampaignState.APPROVED)
        else 0,
    )


def _lists(session: Session, campaign: Campaign) -> list[tuple[int, str, str]]:
    rows = session.execute(
        select(ContactList.id, ContactList.name, Organisation.name)
        .join(CampaignList, CampaignList.list_id == ContactList.id)
        .join(Organisation, Organisation.id == ContactList.organisation_id)
        .where(CampaignList.campaign_id == campaign.id)
        .order_by(Organisation.name, ContactList.name)
    )
    return [(row[0], row[1], row[2]) for row in rows]


_BEFORE_LAUNCH = (CampaignState.DRAFT, CampaignState.SUBMITTED, CampaignState.APPROVED)


def _allowed_actions(state: CampaignState, role: Role, *, is_author: bool) -> frozenset[str]:
    """Return the actions to offer; the use cases check again when one is taken."""
    if role not in _WRITERS:
        return frozenset()
    may = {"copy", "try"}
    if state in _BEFORE_LAUNCH:
        may.add("discard")
    if state is CampaignState.DRAFT:
        may |= {"edit", "submit"}
    elif state in (CampaignState.SUBMITTED, CampaignState.APPROVED):
        if is_author:
            may.add("withdraw")
        elif role in _APPROVERS:
            may.add("return")
        if state is CampaignState.APPROVED:
            may.add("launch")
        elif role in _APPROVERS and not is_author:
            may.add("approve")
    return frozenset(may)


def _compare(
    campaign: Campaign, description: dict[str, Any], versions: list[CampaignVersion]
) -> tuple[int | None, list[Any]]:
    """Return the compared version and the changes.

    For a draft since it was last submitted, else between the last two submissions.
    """
    if campaign.state not in _BEFORE_LAUNCH:
        return None, []
    if campaign.state is CampaignState.DRAFT and versions:
        return versions[-1].n, compare_versions(versions[-1].data, description)
    if len(versions) > 1:
        return versions[-2].n, compare_versions(versions[-2].data, versions[-1].data)
    return None, []


def _submissions(session: Session, versions: list[CampaignVersion]) -> list[dict[str, Any]]:
    """Return each submission and the decision on it, the last one first; `approved` is None while it waits."""
    if not versions:
        return []
    found = session.scalars(
        select(CampaignDecision)
        .where(CampaignDecision.version_id.in_([version.id for version in versions]))
        .order_by(CampaignDecision.id)
    )
    decisions = {each.version_id: each for each in found}
    ids = {version.submitted_by for version in versions} | {d.decided_by for d in decisions.values()}
    names, submissions = names_of(session, ids), []
    for version in reversed(versions):
        each = decisions.get(version.id)
        submissions.append(
            {
                "n": version.n,
                "submitted_by": names[version.submitted_by],
                "submitted_at": version.submitted_at,
                "approved": each.approved if each else None,
                "decided_by": names[each.decided_by] if each else "",
                "decided_at": each.decided_at if each else None,
                "reason": each.reason if each else "",
            }
        )
    return submissions
