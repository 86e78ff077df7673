"""Every command with every role: those that act as somebody let in whom their office is for, and nobody else.

The table is the promise, written by hand; a new command is named here. Commands without `--as` are the operator's, who
has the machine: what they do stands in the audit as done from the command line.
"""

import click
import pytest
from sqlalchemy import func, select

from campaigns.models.campaigns import Campaign
from campaigns.rules.states import CAMPAIGN_MOVES, CampaignAction, CampaignState
from outreach.models.accounts import AuditEvent, Role, User
from tests.integration.campaigns.test_lifecycle import put
from tests.support.world import LIST, TEXT

# Administrator, Staff, aPprover, Leader, aUditor.
TABLE = """
campaigns create            ASP..
campaigns submit            ASP..
campaigns approve           A.P..
campaigns launch            ASP..
campaigns pause             ASP..
campaigns resume            ASP..
campaigns cancel            ASP..
campaigns undo              ASP..
goals set                   ASP..
send-test                   ASP..
goals denominators          ASP..
official import             ASP..
tokens create               A....
tokens list                 A...U
tokens end                  A....
"""
# For nobody in particular, by group.
OPERATOR = """
campaigns status
areas change load match move
audit verify
backup create restore
contacts check do-not-call exchange import undo
counters verify
db downgrade upgrade version
- doctor handover scheduler serve setup worker
keys rehash rotate show
demo load drill
organisations create
replies classify examples import
reports daily run status verify
retention run show
sms measure
users create remove-second-factor reset-password sessions unlock
"""
LETTERS = dict(zip("ASPLUV", Role, strict=True))
ACTING = {line[:28].strip(): line[28:].strip() for line in TABLE.strip().splitlines()}
OPERATORS = [
    f"{group} {name}".removeprefix("- ")
    for group, *names in map(str.split, OPERATOR.strip().splitlines())
    for name in names
]
OF_A_CAMPAIGN = {name for name in ACTING if name.startswith("campaigns ") and name != "campaigns create"}
FEWEST_CELLS = 100


@pytest.fixture
def database_url(sqlite_url):
    return sqlite_url


class Terminal:
    """Types commands as one user after the other."""

    def __init__(self, world, folder):
        self.world = world
        self.app = world.app()
        self.campaign = world.draft()
        self.files = {
            "campaigns create": (
                "c.toml",
                f'name = "Bluezone"\ntext = "{TEXT}"\nlists = ["{LIST}"]\nsender = "MTTQ"\n',
            ),
            "goals denominators": (
                "d.csv",
                "scope,place,value,as_of,source\nmembers,MTTQ,300,2020-08-01,Hội\n",
            ),
            "official import": ("o.csv", "day,area,installed,source\n"),
        }
        for name, content in self.files.values():
            (folder / name).write_text(content, encoding="utf-8")
        self.folder = folder

    def type(self, name, email):
        words = name.split()
        if name in self.files:
            words.append(self.folder / self.files[name][0])
        elif name == "tokens create":
            words += ["Cổng dịch vụ", "--organisation", "MTTQ", "--right", "figures:read"]
        elif name == "tokens end":
            words.append(1)
        elif name == "tokens list":
            pass
        elif name == "send-test":
            words.append("0912 000 101")
        elif name == "goals set":
            words += ["members", "--place", "MTTQ", "--share", "50", "--deadline", "2030-08-20"]
        else:
            self._make_ready(CampaignAction(words[1]))
            words.append(self.campaign)
        return self.app.test_cli_runner().invoke(args=[*map(str, words), "--as", email])

    def _make_ready(self, action):
        before = min(CAMPAIGN_MOVES[action][0], key=list(CampaignState).index)
        put(self.world, self.campaign, state=before)


@pytest.fixture
def terminal(world, tmp_path):
    other = world.organisation("TN", "Hội khác", below=None)
    for role in Role:
        world.officer(f"{role.value}@here.example", role, world.organisation_id())
        if role is not Role.ADMINISTRATOR:
            world.officer(f"{role.value}@there.example", role, other)
    return Terminal(world, tmp_path)


def commands(group, *above):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *above, name)
        else:
            yield " ".join((*above, name)), command


def test_every_command_has_a_row_and_says_as_whom_where_it_acts_as_somebody(terminal):
    found = dict(commands(terminal.app.cli))
    assert sorted(found) == sorted([*ACTING, *OPERATORS])
    as_somebody = {
        name for name, command in found.items() if any("--as" in part.opts for part in command.params)
    }
    assert as_somebody == set(ACTING)


def test_each_role_gets_as_far_as_its_office_and_no_further(terminal, world, record_property):
    wrong, cells = [], 0
    for name, who in ACTING.items():
        allowed = {LETTERS[letter] for letter in who if letter in LETTERS}
        for role in Role:
            done = terminal.type(name, f"{role.value}@here.example")
            is_refused = "không có quyền" in done.stderr or "Chỉ cán bộ" in done.stderr
            if is_refused is (role in allowed) or (is_refused and done.exit_code == 0):
                wrong.append(f"{name} as {role.value}: {done.exit_code} {done.stderr[:80]}")
            cells += 1
            if role is Role.ADMINISTRATOR or name not in OF_A_CAMPAIGN:
                continue
            theirs = terminal.type(name, f"{role.value}@there.example")
            if theirs.exit_code == 0 or "trong phạm vi được giao" not in theirs.stderr:
                wrong.append(f"{name} as {role.value} of another organisation: {theirs.stderr[:80]}")
            cells += 1
        for stranger in ("khong-co@here.example", ""):
            if terminal.type(name, stranger).exit_code == 0:
                wrong.append(f"{name} as nobody")
            cells += 1
    record_property("cells", cells)
    print(f"{cells} cells of commands and roles")
    assert wrong == []
    assert cells >= FEWEST_CELLS


def test_a_locked_account_types_nothing_and_what_is_typed_is_on_record_as_typed(terminal, world):
    assert terminal.type("campaigns submit", "staff@here.example").exit_code == 0
    with world.runtime.db.write() as session:
        events = session.scalars(
            select(AuditEvent).where(AuditEvent.action == "campaign.submit").order_by(AuditEvent.id)
        ).all()
        assert [event.origin for event in events] == ["command"]
        session.execute(User.__table__.update().values(is_active=False))
        drafts = session.scalar(select(func.count()).select_from(Campaign))
    for name in ACTING:
        assert terminal.type(name, "administrator@here.example").exit_code != 0
    assert world.count(Campaign) == drafts
