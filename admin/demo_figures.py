"""The demo's goals and the figures of others: the letter's two goals, and made-up figures that say so."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from campaigns.agencies.counts import Counts
from campaigns.agencies.reports import hand_in_by_form
from campaigns.goals.entering import enter_denominator, find_subject, set_goal
from campaigns.goals.goal import Scope, Subject
from campaigns.official import enter_official
from campaigns.planning.draft import DEFAULT_KIND
from campaigns.planning.kinds import load_kinds
from campaigns.windows import VIETNAM
from outreach.access.models import OrganisationKind, User
from outreach.access.organisations import create_organisation

LETTER = "Công văn của UBND tỉnh Kon Tum về đẩy mạnh cài đặt Bluezone, tháng 8 năm 2020"
EXAMPLE = "SỐ VÍ DỤ để tập huấn, không phải số thật"
# People by district: estimates from the census of 2019 and the shares of 2022.
RESIDENTS = {
    "608": 165_563,
    "615": 74_172,
    "611": 60_545,
    "616": 49_838,
    "612": 47_935,
    "610": 47_770,
    "614": 28_956,
    "617": 27_334,
    "613": 26_246,
    "618": 12_080,
}
# Of the demo's people, so that its shares look like those of a province.
_WITH_SMARTPHONE = 0.56
_OFFICIAL_OF = (0.34, 0.28, 0.31, 0.22, 0.27, 0.19, 0.24, 0.12, 0.17, 0.3)  # of those, by district
# What each agency counted on the last days, the oldest first: staff, smartphones, installed. None: not handed in.
_AGENCIES: tuple[tuple[str, str, tuple[Counts | None, ...]], ...] = (
    ("STTTT", "Sở Thông tin và Truyền thông", (Counts(62, 60, 51), Counts(62, 60, 57), Counts(62, 60, 60))),
    ("SYT", "Sở Y tế", (Counts(1_204, 1_181, 920), Counts(1_204, 1_181, 1_043), Counts(1_204, 1_181, 1_120))),
    ("SGDDT", "Sở Giáo dục và Đào tạo", (Counts(318, 309, 188), Counts(318, 309, 226), None)),
    ("STC", "Sở Tài chính", (None, Counts(74, None, 40), Counts(74, 71, 55))),
)


def invent_figures(session: Session, contacts: int, *, under: str, user: User, now: datetime) -> None:
    """Goals, denominators, official installs and agencies' counts for a demo of so many people."""
    today = now.astimezone(VIETNAM).date()
    then = now - timedelta(days=4)
    for scope, place, share in ((Scope.RESIDENTS, "62", "50"), (Scope.STAFF, "", "100")):
        subject = find_subject(session, kind=DEFAULT_KIND, scope=scope, place=place, kinds=load_kinds())
        deadline = (today + timedelta(days=12)).isoformat()
        set_goal(session, subject, share=share, deadline=deadline, basis=LETTER, user=user, now=then)
    whole = sum(RESIDENTS.values())
    owners = {
        code: max(1, round(contacts * _WITH_SMARTPHONE * people / whole))
        for code, people in RESIDENTS.items()
    }
    for code, count in {"62": sum(owners.values()), **owners}.items():
        enter_denominator(
            session,
            Subject(DEFAULT_KIND, Scope.RESIDENTS, area=code),
            value=str(count),
            as_of=then.astimezone(VIETNAM).date().isoformat(),
            source=EXAMPLE,
            user=user,
            now=then,
        )
    for (code, count), share_of_them in zip(owners.items(), _OFFICIAL_OF, strict=True):
        enter_official(
            session,
            day=(today - timedelta(days=1)).isoformat(),
            area=code,
            installed=str(round(count * share_of_them)),
            source=EXAMPLE,
            user=user,
            now=now,
        )
    for code, name, days in _AGENCIES:
        agency = create_organisation(
            session, code=code, name=name, kind=OrganisationKind.AGENCY, parent_code=under, area_code="62"
        )
        for ago, counts in zip(range(len(days) - 1, -1, -1), days, strict=True):
            if counts:
                hand_in_by_form(
                    session,
                    agency.id,
                    counts,
                    day=today - timedelta(days=ago),
                    note=EXAMPLE,
                    user=user,
                    now=now - timedelta(days=ago),
                )
