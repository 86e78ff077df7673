"""The text of one message: the step's template with this person's name and link, measured."""

from __future__ import annotations

from typing import Any

from campaigns.links import LinkCipher
from campaigns.planning.draft import FIELDS
from outreach.sms.template import Template
from outreach.sms.text import measure


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
        """Body and segments of a claimed row (step_text or text, name, recipient_id)."""
        if row.text is not None:
            measured = measure(row.text)
            return measured.text, measured.segments
        template = self._templates.get(row.step_text)
        if template is None:
            if len(self._templates) > 100:
                self._templates.clear()
            template = self._templates[row.step_text] = Template.parse(row.step_text, allowed=FIELDS)
        values = {"name": row.name or "", "link": self.link(row.recipient_id)}
        measured = measure(template.render(values), unaccented=unaccented)
        return measured.text, measured.segments
