"""Preview of a campaign before it is stored: texts, people, cost, end; also price and spending.

`read_texts` has each text as it arrives on the phone, the acknowledgements too. Columns of lists are fields of the texts: which
there are, and what the campaign's people have there.
"""

from __future__ import annotations

import statistics
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Select, distinct, exists, func, select
from sqlalchemy.orm import Session, aliased

from campaigns.models.campaigns import Campaign, CampaignList, Recipient, Sender, Step
from campaigns.planning.audience import audience_query
from campaigns.planning.kinds import all_kinds
from campaigns.privacy.clocks import quiet_days
from campaigns.rules.audience import AudienceQuery, ContactField
from campaigns.rules.budget import Spending
from campaigns.rules.content import read_content, render_reply
from campaigns.rules.delivery import drops_accents
from campaigns.rules.draft import Draft, StepDraft
from campaigns.rules.list_fields import fill_fields, parse_text
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import (
    VIETNAM,
    Pause,
    common_hours,
    due_times,
    estimated_finish,
    find_pauses,
    opens_at,
)
from campaigns.rules.states import Exclusion
from campaigns.rules.warnings import CampaignWarning, WarningFacts, find_warnings
from outreach.core.settings import Settings
from outreach.gateway_accounts import dearest_price, has_notices
from outreach.models.contacts import Contact, ContactList, ContactPhone, KeptValue, Membership
from outreach.rules.errors import BadCampaign
from outreach.rules.identity import vietnamese_order
from outreach.rules.languages import VIETNAMESE
from outreach.rules.people_beside import looks_wrong
from outreach.rules.quiet_days import NO_DAYS
from outreach.rules.segments import Encoding, TextMeasure, measure, unaccent
from outreach.rules.sms_template import Template

# People whose texts are measured; more of them change the figures by less than the rounding.
SAMPLE_SIZE = 1000
# Has the form and length of a link token, and belongs to nobody.
EXAMPLE_TOKEN = "xemthu22"  # noqa: S105
EXAMPLE_NAME = "Lê Hoa"
_MOST_NAMED = 10  # names that look wrong


_VALUES_MEASURED = 100  # values that a text is measured with
_VALUES_READ = 6  # values that an approver reads


@dataclass(frozen=True, slots=True)
class FieldFacts:
    """A field's values in the lists: some, longest, `commonest`, how many `different`, people without."""

    values: tuple[str, ...]
    longest: str
    without: int
    commonest: tuple[str, ...] = ()
    different: int = 0


def read_field_facts(session: Session, names: Collection[str], query: AudienceQuery) -> dict[str, FieldFacts]:
    """Return the facts of fields for who has a number among the people of an audience's lists, of its areas if it has any."""
    people = select(Membership.contact_id).distinct().where(Membership.list_id.in_(query.lists))
    people = people.where(exists().where(ContactPhone.contact_id == Membership.contact_id))
    for condition in query.conditions:
        if condition.field is ContactField.AREA:
            people = people.join(Contact, Contact.id == Membership.contact_id)
            people = people.where(Contact.area_code.in_(condition.allowed))
    return {name: _facts(session, name, query.lists, people) for name in names}


def facts_of_campaign(session: Session, campaign: Campaign) -> dict[str, FieldFacts]:
    """Return the facts of a campaign's fields: for its recipients once they are frozen."""
    if not campaign.fields:
        return {}
    query = audience_query(session, campaign)
    if campaign.recipients is None:
        return read_field_facts(session, campaign.fields, query)
    people = select(Recipient.contact_id).where(
        Recipient.campaign_id == campaign.id, Recipient.exclusion.is_(None), Recipient.contact_id.is_not(None)
    )
    return {name: _facts(session, name, query.lists, people) for name in campaign.fields}


def values_of_campaign(session: Session, campaign: Campaign) -> dict[str, set[str]]:
    """Return all that may be written for each field of a campaign's texts: values and substitute."""
    lists = select(CampaignList.list_id).where(CampaignList.campaign_id == campaign.id)
    return {
        name: {
            substitute,
            *session.scalars(
                select(KeptValue.value).distinct().where(KeptValue.list_id.in_(lists), KeptValue.name == name)
            ),
        }
        for name, substitute in campaign.fields.items()
    }


def find_missing_fields(session: Session, campaign: Campaign) -> list[str]:
    """Return the fields of a campaign's texts that none of its lists has any more: everybody would get the substitute."""
    if not campaign.fields:
        return []
    own = select(CampaignList.list_id).where(CampaignList.campaign_id == campaign.id)
    known = {
        name
        for names in session.scalars(select(ContactList.fields).where(ContactList.id.in_(own)))
        for name in names
    }
    return [name for name in campaign.fields if name not in known]


def require_fields(session: Session, campaign: Campaign) -> None:
    """Raise BadCampaign for a field that none of a campaign's lists has."""
    for name in find_missing_fields(session, campaign):
        raise BadCampaign("field_not_in_lists", name=name)


def _facts(session: Session, name: str, lists: Collection[int], people: Select[Any]) -> FieldFacts:
    of_field = (KeptValue.list_id.in_(lists), KeptValue.name == name)
    values = select(KeptValue.value).where(*of_field)
    longest = values.order_by(func.length(KeptValue.value).desc(), KeptValue.value).limit(1)
    ids = people.subquery()
    person = ids.c[0]
    without = (
        select(func.count())
        .select_from(ids)
        .where(~exists().where(*of_field, KeptValue.contact_id == person))
    )
    newer = aliased(KeptValue)
    is_replaced = exists().where(
        newer.list_id.in_(lists),
        newer.name == name,
        newer.contact_id == KeptValue.contact_id,
        newer.import_id > KeptValue.import_id,
    )
    theirs = values.where(KeptValue.contact_id.in_(select(person)), ~is_replaced)
    of_most = (
        theirs.group_by(KeptValue.value).order_by(func.count().desc(), KeptValue.value).limit(_VALUES_READ)
    )
    return FieldFacts(
        tuple(
            session.scalars(
                theirs.order_by(KeptValue.contact_id, KeptValue.import_id).limit(_VALUES_MEASURED)
            )
        ),
        session.scalar(longest) or "",
        session.scalar(without) or 0,
        tuple(sorted(session.scalars(of_most), key=vietnamese_order)),
        session.scalar(theirs.with_only_columns(func.count(distinct(KeptValue.value)))) or 0,
    )


@dataclass(frozen=True, slots=True)
class AudiencePreview:
    """The audience of a draft: the count, the excluded, and names to measure with, as of a moment."""

    recipients: int
    excluded: dict[Exclusion, int]
    names: list[str]
    counted_at: datetime | None = None  # None: frozen
    is_founded: bool = True  # every list has its legal basis on record
    fields: Mapping[str, FieldFacts] = field(default_factory=dict)  # of the draft's texts
    sharing: Sequence[tuple[str, str]] = ()  # some who share a phone, each with whom its message addresses

    @property
    def odd_names(self) -> list[str]:
        """Return some of the names that look wrong."""
        return [*islice(filter(looks_wrong, self.names), _MOST_NAMED)]

    @property
    def people(self) -> int:
        return self.recipients + sum(self.excluded.values())


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of a step.

    `least`, `usual` (the commonest) and `most`: segments a person over the sample; `total`: segments for everybody; `vnd`:
    their price. `is_upper`: total and price are an upper limit, as the number of speakers of each language is not counted.
    """

    least: int
    usual: int
    most: int
    total: int
    vnd: int
    is_upper: bool = False


@dataclass(frozen=True, slots=True)
class StepPreview:
    """One message as people will read it.

    `marked`: the example in runs without accents. `is_marked`: the draft is unaccented, so they are removed.
    `saved_vnd`: what that saves, or would save. `text_b` and `texts` are its other texts, `hold_out` the share of the
    audience that gets none of them.
    """

    text: str
    marked: list[Run]
    encoding: Encoding
    units: int
    cost: Cost
    saved_vnd: int
    # What its notices cost if each arrives; None: it has none, or no gateway sends them.
    notice_vnd: int | None
    after_days: int
    at: str | None
    is_marked: bool
    text_b: str = ""
    texts: dict[str, str] = field(default_factory=dict)  # by language
    hold_out: float = 0.0


@dataclass(frozen=True, slots=True)
class Preview:
    """All that an author or an approver is shown.

    `price_vnd` is that of a segment. `replies_vnd`: the most that acknowledgements cost if everybody answers once.
    `begins_at` and `finishes_at` are those of the first message; `pauses` the days without sending that put something off.
    """

    audience: AudiencePreview
    steps: list[StepPreview]
    begins_at: datetime
    finishes_at: datetime | None
    doubts: list[CampaignWarning]
    pauses: list[Pause]
    price_vnd: int
    replies_vnd: int = 0

    @property
    def vnd(self) -> int:
        """Return the most that the campaign's own messages cost: what the budget and the limit of one approval are about."""
        return sum(step.cost.vnd for step in self.steps)

    @property
    def least_vnd(self) -> int:
        """Return what they cost if each notice arrives: as `vnd` without notices."""
        return sum(
            step.cost.vnd if step.notice_vnd is None else min(step.notice_vnd, step.cost.vnd)
            for step in self.steps
        )

    @property
    def is_upper(self) -> bool:
        return any(step.cost.is_upper for step in self.steps)


def build_preview(
    session: Session, draft: Draft, audience: AudiencePreview, *, settings: Settings, now: datetime
) -> Preview:
    """Build the preview of a draft for this audience."""
    link = f"{settings.link_base}/{EXAMPLE_TOKEN}"
    price = dearest_price(session, draft.sender, usual_price_vnd=settings.price_per_segment_vnd)
    notice_vnd = audience.recipients * settings.notice_price_vnd if has_notices(session, settings) else None
    # A made-up name: a resident's own would be seen by everyone who reads the draft.
    name = EXAMPLE_NAME if audience.names or not audience.recipients else ""
    fields = {"name": name, "link": link, **example_values(draft.fields, audience.fields)}

    def as_read(text: str, language: str = VIETNAMESE) -> str:
        example = parse_text(text, draft.fields).render(fields)
        return measure(example, unaccented=drops_accents(language, draft)).text

    steps = []
    for step in draft.steps:
        example = parse_text(step.text, draft.fields).render(fields)
        measured = measure(example, unaccented=draft.unaccented)
        costs = {
            plain: estimate(step, audience, link=link, price=price, accents=replace(draft, unaccented=plain))
            for plain in (False, True)
        }
        steps.append(
            StepPreview(
                text=measured.text,
                marked=mark_text(example),
                encoding=measured.encoding,
                units=measured.units,
                cost=costs[draft.unaccented],
                saved_vnd=costs[False].vnd - costs[True].vnd,
                notice_vnd=notice_vnd if step.notice_text else None,
                after_days=step.after_days,
                at=step.at,
                is_marked=draft.unaccented,
                text_b=as_read(step.text_b or ""),
                texts={code: as_read(text, code) for code, text in step.texts.items()},
                hold_out=step.hold_out,
            )
        )
    hours, quiet = common_hours(draft.hours, is_live=settings.is_live), quiet_days(settings)
    if draft.urgent:
        hours, quiet = None, NO_DAYS
    starts = max(filter(None, (now, draft.starts_at)))
    steps_planned = [(step.after_days, step.at) for step in draft.steps]
    begins_at = opens_at(due_times(starts, steps_planned, quiet)[0], hours, quiet)
    finishes_at = None
    if draft.pace:
        finishes_at = estimated_finish(
            begins_at, left=steps[0].cost.total, rate=draft.pace, hours=hours, quiet=quiet
        )
    facts = WarningFacts(
        recipients=audience.recipients,
        segments=max(step.cost.most for step in steps),
        cost_vnd=sum(step.cost.vnd for step in steps),
        finishes_at=finishes_at or begins_at,
        is_founded=audience.is_founded,
        is_registered=_is_registered(session, draft.sender),
        takes_replies=settings.takes_replies,
        is_https=settings.public_base_url.startswith("https:"),
        other_apps=_other_apps(session, draft),
        quiet=quiet,
        has_odd_names=bool(audience.odd_names),
        now=now,
    )
    pauses = find_pauses(starts, steps_planned, hours, quiet, ends_at=finishes_at)
    doubts = find_warnings(draft, facts)
    per_answer = dearest_reply(draft, audience, link=link, takes_replies=settings.takes_replies)
    replies_vnd = audience.recipients * per_answer * price
    return Preview(audience, steps, begins_at, finishes_at, doubts, pauses, price, replies_vnd)


def dearest_reply(draft: Draft, audience: AudiencePreview, *, link: str, takes_replies: bool) -> int:
    """Return the most segments of one acknowledgement by SMS, in any language, with the longest name."""
    values = {
        "name": max(audience.names or [EXAMPLE_NAME], key=len),
        "link": link,
        "time": "00:00 ngay 01/01/2026",
    }
    most = 1
    for language in (VIETNAMESE, *draft.content.get("languages", {})):
        content = read_content(draft.content, language)
        texts = [content.wording(Label.OPT_OUT).reply]
        if takes_replies:
            texts += [own.reply for own in content.own_answers]
            texts += [wording.reply for wording in content.answers.values()]
        unaccented = drops_accents(language, draft)
        for text in filter(None, texts):
            most = max(most, measure(render_reply(text, values), unaccented=unaccented).segments)
    return most


def _is_registered(session: Session, sender: str) -> bool:
    row = session.get(Sender, sender)
    return row is not None and row.registered_on is not None


def _other_apps(session: Session, draft: Draft) -> frozenset[str]:
    """Return the app names of other kinds: such a name in the text shows that it was copied from one."""
    others = [kind for name, kind in all_kinds(session).items() if name != draft.kind]
    return frozenset(kind["app"]["name"] for kind in others if kind.get("app"))


def estimate(
    step: StepDraft | Step, audience: AudiencePreview, *, link: str, price: int, accents: Draft | Campaign
) -> Cost:
    """Estimate the cost of a step, at `price` đồng a segment; `accents` says in which languages they are dropped.

    Half of the people get its second text. If the step is translated, everybody is counted with the text that costs most.
    The longest value of each field counts for the most that a message costs.
    """
    names, fields = audience.names or [EXAMPLE_NAME], accents.fields
    values = [
        tuple(_values_of(n, fields, audience.fields).items()) if fields else () for n in range(len(names))
    ]
    people = tuple(zip(names, values, strict=True))
    longest = {
        name: max(substitute, audience.fields[name].longest if name in audience.fields else "", key=len)
        for name, substitute in fields.items()
    }

    def segments(*texts: str, language: str = VIETNAMESE) -> list[int]:
        unaccented = drops_accents(language, accents)
        return [n for text in texts for n in _count_segments(text, tuple(fields), people, link, unaccented)]

    own_segments = segments(step.text, step.text_b) if step.text_b else segments(step.text)
    written = ((VIETNAMESE, step.text), (VIETNAMESE, step.text_b), *step.texts.items())
    dearest = [
        measure_for(
            parse_text(text, fields),
            max(names, key=len),
            link=link,
            unaccented=drops_accents(language, accents),
            values=longest,
        ).segments
        for language, text in written
        if text and fields
    ]
    others = (segments(text, language=code) for code, text in step.texts.items())
    segments_by_text = [own_segments, *others]
    total = round(max(sum(counts) / len(counts) for counts in segments_by_text) * audience.recipients)
    return Cost(
        least=min(map(min, segments_by_text)),
        usual=statistics.mode(sorted(own_segments)),
        most=max([*dearest, *map(max, segments_by_text)]),
        total=total,
        vnd=total * price,
        is_upper=bool(step.texts),
    )


@lru_cache(maxsize=64)  # a campaign's page asks for the same 2,000 each time, a third of its 75 ms
def _count_segments(
    text: str,
    fields: tuple[str, ...],
    people: tuple[tuple[str, tuple[tuple[str, str], ...]], ...],
    link: str,
    unaccented: bool,
) -> tuple[int, ...]:
    """Return the segments of a text for each of these people, who have a name and their fields' values."""
    template = parse_text(text, dict.fromkeys(fields, ""))
    return tuple(
        measure_for(template, name, link=link, unaccented=unaccented, values=dict(values)).segments
        for name, values in people
    )


def estimate_steps(
    session: Session, campaign: Campaign, audience: AudiencePreview, *, settings: Settings
) -> tuple[int, list[Cost]]:
    """Return today's price of a segment in đồng, and what each step of a campaign costs at it."""
    price = dearest_price(session, campaign.sender, usual_price_vnd=settings.price_per_segment_vnd)
    link = f"{settings.link_base}/{EXAMPLE_TOKEN}"
    steps = campaign.steps
    return price, [estimate(step, audience, link=link, price=price, accents=campaign) for step in steps]


def measure_for(
    template: Template, name: str, *, link: str, unaccented: bool, values: Mapping[str, str] | None = None
) -> TextMeasure:
    """Measure the text for one person; `values` are those of the lists' fields."""
    return measure(template.render({**(values or {}), "name": name, "link": link}), unaccented=unaccented)


def example_values(fields: Mapping[str, str], facts: Mapping[str, FieldFacts]) -> dict[str, str]:
    """Return the example person's values: the first sampled that differ from substitutes, else any."""
    known = [name for name in fields if name in facts and facts[name].values]
    for n in range(min((len(facts[name].values) for name in known), default=0)):
        values = _values_of(n, fields, facts)
        if all(values[name] != fields[name] for name in known):
            return values
    return _values_of(0, fields, facts)


def _values_of(n: int, fields: Mapping[str, str], facts: Mapping[str, FieldFacts]) -> dict[str, str]:
    """Return the field's values of the n-th person of a sample."""
    values = {name: facts[name].values for name in fields if name in facts and facts[name].values}
    return fill_fields(fields, {name: each[n % len(each)] for name, each in values.items()})


class Run(NamedTuple):
    """A piece of an example. `is_changed`: it lost its accents; `is_filled`: it is a list's value, other for each person."""

    text: str
    is_changed: bool
    is_filled: bool = False


_FILLED = ("\ue000", "\ue001")  # around a list's value, in an example that is being marked


def mark_text(text: str, *, unaccented: bool = True) -> list[Run]:
    """Return a text in runs, without its accents if they are dropped; values that `mark_values` marked are runs of their own."""
    runs: list[Run] = []
    is_filled = False
    for letter in unicodedata.normalize("NFC", text):
        if letter in _FILLED:
            is_filled = letter == _FILLED[0]
            continue
        plain = unaccent(letter) if unaccented else letter
        changed = plain != letter
        if runs and runs[-1][1:] == (changed, is_filled):
            runs[-1] = runs[-1]._replace(text=runs[-1].text + plain)
        else:
            runs.append(Run(plain, changed, is_filled))
    return runs


def mark_values(values: Mapping[str, str]) -> dict[str, str]:
    """Return values as they are to be written into an example for `mark_text`."""
    return {name: value and value.join(_FILLED) for name, value in values.items()}


def segment_price(stored_vnd: int | None, settings: Settings) -> int:
    """Return a campaign's price of a segment: the one it was launched at, else today's."""
    return settings.price_per_segment_vnd if stored_vnd is None else stored_vnd


def campaign_spending(campaign: Campaign, settings: Settings, *, taken: int | None = None) -> Spending:
    """Return what a campaign has used, with the segments under way, or of `taken` segments."""
    return Spending(
        campaign.segments_taken if taken is None else taken,
        campaign.priced_segments,
        campaign.priced_vnd,
        segment_price(campaign.price_vnd, settings),
    )


@dataclass(frozen=True, slots=True)
class ReadText:
    """One text as one person reads it.

    `key` names it in the form: "0" the first message, "1" the first reminder, "0.b" its second text, "0.ede" that in a
    language, "0.zalo" its notice, "reply.installed" an acknowledgement. `template` is it as written. `marked` and `is_marked`: see StepPreview.
    `vnd` is the example's price.
    """

    key: str
    template: str
    text: str
    marked: list[Run]
    is_marked: bool
    encoding: Encoding
    units: int
    segments: int
    vnd: int
    step: int | None = None  # 0 for the first message
    version: str = ""  # "b", "zalo" or a language
    label: Label | None = None  # of the answer that it acknowledges
    own: str = ""  # the own answer that it acknowledges

    @property
    def to_try(self) -> str:
        """What a test message is made of: a message's template, an acknowledgement with the example's values."""
        return self.template if self.step is not None else self.text


def read_texts(
    draft: Draft,
    *,
    settings: Settings,
    now: datetime,
    price_vnd: int | None = None,
    facts: Mapping[str, FieldFacts] | None = None,
) -> list[ReadText]:
    """Return a draft's texts with an example's values; `price_vnd` of a segment, else the settings'."""
    price_vnd = settings.price_per_segment_vnd if price_vnd is None else price_vnd
    filled = example_values(draft.fields, facts or {})
    values = {
        **filled,
        "name": EXAMPLE_NAME,
        "link": f"{settings.public_base_url}/{EXAMPLE_TOKEN}",
        "time": f"{now.astimezone(VIETNAM):%H:%M ngay %d/%m/%Y}",
    }

    def shown(key: str, template: str, example: str, *, to_mark: str = "", **which: object) -> ReadText:
        language = str(which.get("version") or "b")
        unaccented = drops_accents(VIETNAMESE if language == "b" else language, draft)
        sent = measure(example, unaccented=unaccented)
        return ReadText(
            key=key,
            template=template,
            text=sent.text,
            marked=mark_text(to_mark or example, unaccented=unaccented),
            is_marked=unaccented,
            encoding=sent.encoding,
            units=sent.units,
            segments=sent.segments,
            vnd=settings.notice_price_vnd if version == "zalo" else sent.segments * price_vnd,
            **which,  # type: ignore[arg-type]
        )

    texts = []
    for n, step in enumerate(draft.steps):
        versions = {"": step.text, "zalo": step.notice_text, "b": step.text_b, **step.texts}
        for version, template in versions.items():
            if template:
                parsed = parse_text(template, draft.fields)
                to_mark = parsed.render({**values, **mark_values(filled)})
                key = f"{n}.{version}" if version else str(n)
                texts.append(
                    shown(key, template, parsed.render(values), to_mark=to_mark, step=n, version=version)
                )
    content = read_content(draft.content)
    for own in content.own_answers:
        if own.reply:
            example = render_reply(own.reply, values)
            texts.append(shown(f"reply.{own.value}", own.reply, example, own=own.text))
    for label, wording in content.answers.items():
        if wording.reply:
            example = render_reply(wording.reply, values)
            texts.append(shown(f"reply.{label.value}", wording.reply, example, label=label))
    return texts
