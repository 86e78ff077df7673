"""Goals, and how many people they are of, as an officer enters them."""

from typing import Any

from campaigns.goals.goals import enter_denominator, find_subject, set_goal
from tests.support.world import AUTHOR, Site


def aim(
    site: Site,
    share: str,
    *,
    drive: int,
    scope: str = "residents",
    place: str = "62",
    by: str = AUTHOR,
    **more: Any,
) -> None:
    """Set the goal of a place's residents, of the staff (place "") or of an organisation's members, in percent."""
    subject = site.read(find_subject, drive=drive, scope=scope, place=place)
    site.do(set_goal, subject, share=share, by=by, **{"deadline": "", "basis": "Công văn"} | more)


def count_people(
    site: Site, people: dict[str, str], *, drive: int, as_of: str = "2020-08-01", by: str = AUTHOR
) -> None:
    """Enter how many residents these areas have."""
    for area, value in people.items():
        subject = site.read(find_subject, drive=drive, scope="residents", place=area)
        site.do(enter_denominator, subject, value=value, as_of=as_of, source="Sở TT&TT", by=by)
