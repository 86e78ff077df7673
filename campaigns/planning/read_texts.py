"""The texts of a draft as they arrive on the phone: each message, its other versions, each acknowledgement, with length and price."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from campaigns.planning.list_fields import FieldFacts
from campaigns.planning.preview import (
    EXAMPLE_NAME,
    EXAMPLE_TOKEN,
    Run,
    example_values,
    mark_text,
    mark_values,
)
from campaigns.rules.content import read_content, render_reply
from campaigns.rules.delivery import drops_accents
from campaigns.rules.draft import Draft
from campaigns.rules.list_fields import parse_text
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM
from outreach.core.settings import Settings
from outreach.rules.languages import VIETNAMESE
from outreach.rules.segments import Encoding, measure


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
