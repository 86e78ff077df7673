"""What the residents' page needs, whoever serves it: whose link it is, what they see, who opened it, who guesses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from campaigns.links import LinkCipher
from campaigns.models import Campaign
from campaigns.planning.content import Content, read_content
from campaigns.web.failed_tokens import FailedTokens
from campaigns.web.openings import Openings
from campaigns.web.showing import Pages, Sight
from campaigns.web.standings import Standings
from outreach.access.models import Organisation
from outreach.people.models import ContactList
from outreach.runtime import Runtime


class Desk:
    def __init__(self, runtime: Runtime) -> None:
        self.cipher = LinkCipher(runtime.settings.secret_key)
        self.standings = Standings(runtime.db)
        self.failed_tokens = FailedTokens(runtime.redis)
        self._openings = Openings(runtime.db)

        def load(sight: Sight) -> tuple[Content, str]:
            with runtime.db.read() as session:
                content = content_of(session, sight.campaign_id, sight.language)
                return content, _organisation(session, sight.list_id)

        self.pages = Pages(load, takes_replies=runtime.settings.takes_replies)

    def note_opening(self, found: Row[Any]) -> None:
        """Somebody, or a program, has asked for a recipient's page."""
        self._openings.note(found.campaign_id, found.id, now=datetime.now(UTC))


def sight_of(found: Row[Any], *, is_about: bool) -> Sight:
    """The page that a recipient sees now: the question, or what is behind it."""
    return Sight(
        campaign_id=found.campaign_id,
        launched_at=found.launched_at,
        corrected_at=found.corrected_at,
        language=found.language,
        given=found.answer,
        has_clicked=found.clicked_at is not None,
        is_left_alone=found.left_alone is not None,
        is_about=is_about,
        list_id=found.list_id if is_about else None,
    )


def content_of(session: Session, campaign_id: int, language: str | None = None) -> Content:
    """A campaign's texts in a language, where they were translated."""
    content = session.execute(select(Campaign.content).where(Campaign.id == campaign_id)).scalar_one()
    return read_content(content, language)


def _organisation(session: Session, list_id: int | None) -> str:
    """Who keeps the list; empty where that is not asked or not known any more."""
    name = session.scalar(
        select(Organisation.name)
        .join(ContactList, ContactList.organisation_id == Organisation.id)
        .where(ContactList.id == list_id)
    )
    return name or ""
