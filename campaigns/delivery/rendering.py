"""The text of one message: the step's template with this person's name and link, measured."""

from __future__ import annotations

from typing import Any

from campaigns.delivery.rules import hash_content
from campaigns.links import LinkCipher
from campaigns.planning.draft import FIELDS
from campaigns.planning.lots import SECOND_TEXT
from outreach.sms.template import Template
from outreach.sms.text import measure

# What stands in a stored text for the personal link.
LINK = "{link}"


def text_for(step: Any, *, language: str | None, arm: int | None) -> str:
    """Of a step's texts (step_text, text_b, texts) the one in the phone's language, else the one that the lot gave,
    in Vietnamese.
    """
    own: str | None = step.texts.get(language) if step.texts else None
    chosen: str = own or (step.text_b if arm == SECOND_TEXT and step.text_b else step.step_text)
    return chosen


def content_of(step: Any, *, language: str | None, arm: int | None) -> str:
    """What nobody is to get again within a day, whichever campaign says it."""
    return hash_content(text_for(step, language=language, arm=arm), step=step.step)


def renderer_of(settings: Any) -> Renderer:
    """The installation's own (public_base_url, secret_key)."""
    return Renderer(public_base_url=settings.public_base_url, cipher=LinkCipher(settings.secret_key))


class Renderer:
    """Parses each template once; holds no more than the steps under way."""

    def __init__(self, *, public_base_url: str, cipher: LinkCipher) -> None:
        self._base = public_base_url
        self._cipher = cipher
        self._templates: dict[str, Template] = {}

    def link(self, recipient_id: int) -> str:
        """The personal link."""
        return f"{self._base}/{self._cipher.token(recipient_id)}"

    def render(self, row: Any, *, unaccented: bool) -> tuple[str, int]:
        """Body and segments of a claimed row (step_text and its variants, or text; name, recipient_id)."""
        if row.text is not None:
            text = row.text
            if LINK in text and row.recipient_id is not None:
                text = text.replace(LINK, self.link(row.recipient_id))
            measured = measure(text)
            return measured.text, measured.segments
        step_text = text_for(row, language=row.language, arm=row.arm)
        template = self._templates.get(step_text)
        if template is None:
            if len(self._templates) > 100:
                self._templates.clear()
            template = self._templates[step_text] = Template.parse(step_text, allowed=FIELDS)
        values = {"name": row.name or "", "link": self.link(row.recipient_id)}
        measured = measure(template.render(values), unaccented=unaccented)
        return measured.text, measured.segments
