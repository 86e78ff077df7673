"""The audit trail's page has a word for everything that is recorded."""

import ast
import re
from pathlib import Path

from admin.wording.audit import ACTIONS, SUBJECTS

ROOT = Path(__file__).resolve().parents[2]


def test_every_action_and_every_subject_has_a_word():
    calls = [
        node
        for part in ("admin", "campaigns", "outreach")
        for file in (ROOT / part).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and "record" in ast.unparse(node.func).lower()
    ]
    texts = {
        str(part.value)
        for call in calls
        for argument in call.args
        for part in ast.walk(argument)
        if isinstance(part, ast.Constant)
    }
    actions = {text for text in texts if re.fullmatch(r"[a-z_]+\.[a-z_]+", text)}
    subjects = {text.partition(":")[0] for text in texts if re.match(r"[a-z_]+:", text)}
    assert len(actions) > 60
    assert len(subjects) > 10
    assert actions - set(ACTIONS) == set()
    assert subjects - set(SUBJECTS) == set()
