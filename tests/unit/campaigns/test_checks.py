"""What the checks of an installation call well, in need of care, or a fault; and what is wrong in a set-up file."""

from datetime import date, timedelta

import pytest

from campaigns.rules import checks
from campaigns.rules.checks import Check, Finding, Level, fault, warning, worst
from campaigns.rules.installation import read_installation
from outreach.rules.errors import BadInput, LoaError
from tests.support.tables import cases

HOUR, DAY, GB = timedelta(hours=1), timedelta(days=1), 1024**3


@cases(
    (checks.judge_clock(0.4, other=LoaError("check_gateway_clock")), Level.OK, ""),
    (checks.judge_clock(-9, other=LoaError("check_gateway_clock")), Level.WARNING, "check_clock_wrong"),
    (checks.judge_clock(3600, other=LoaError("check_database_clock")), Level.FAULT, "check_clock_wrong"),
    (checks.judge_backup(None, is_encrypted=True, is_same_key=True), Level.FAULT, "check_backup_none"),
    (checks.judge_backup(HOUR, is_encrypted=True, is_same_key=True), Level.OK, ""),
    (checks.judge_backup(HOUR, is_encrypted=False, is_same_key=True), Level.WARNING, "check_backup_open"),
    (
        checks.judge_backup(HOUR, is_encrypted=True, is_same_key=False),
        Level.WARNING,
        "check_backup_other_key",
    ),
    (checks.judge_backup(30 * HOUR, is_encrypted=True, is_same_key=True), Level.WARNING, "check_backup_old"),
    (checks.judge_backup(3 * DAY, is_encrypted=True, is_same_key=True), Level.FAULT, "check_backup_old"),
    (checks.judge_disk(50 * GB, 100 * GB, folder="x"), Level.OK, ""),
    (checks.judge_disk(10 * GB, 100 * GB, folder="x"), Level.WARNING, "check_disk_full"),
    (checks.judge_disk(4 * GB, 100 * GB, folder="x"), Level.FAULT, "check_disk_full"),
    (checks.judge_disk(GB // 4, GB, folder="x"), Level.FAULT, "check_disk_full"),
    (checks.judge_connections(20, 100), Level.OK, ""),
    (checks.judge_connections(85, 100), Level.WARNING, "check_connections_full"),
    (checks.judge_connections(97, 100), Level.FAULT, "check_connections_full"),
    (checks.judge_jobs({"sweep_job": 2}, {"send": 5.0}, []), Level.OK, ""),
    (checks.judge_jobs({"send_job": 3}, {}, []), Level.FAULT, "check_jobs_fail"),
    (checks.judge_jobs({"reset_mail_job": 1}, {}, []), Level.FAULT, "check_jobs_fail"),
    (checks.judge_jobs({}, {}, ["sweep_job"]), Level.FAULT, "check_jobs_stuck"),
    (checks.judge_jobs({}, {"inbound": 300.0}, []), Level.WARNING, "check_jobs_wait"),
    (checks.judge_workers({"send", "default"}, ["send", "default"]), Level.OK, ""),
    (checks.judge_workers({"default"}, ["send", "default"]), Level.FAULT, "check_workers_missing"),
    (checks.judge_certificate(60 * DAY, host="x"), Level.OK, ""),
    (checks.judge_certificate(5 * DAY, host="x"), Level.WARNING, "check_certificate_ends"),
    (checks.judge_certificate(-DAY, host="x"), Level.FAULT, "check_certificate_invalid"),
    (checks.judge_certificate(None, host="x"), Level.FAULT, "check_certificate_invalid"),
    (checks.judge_callbacks(0, 0, is_live=False), Level.OK, ""),
    (checks.judge_callbacks(0, 0, is_live=True), Level.WARNING, "check_callbacks_untried"),
    (checks.judge_callbacks(3, 1, is_live=True), Level.OK, ""),
    (checks.judge_callbacks(3, 0, is_live=True), Level.FAULT, "check_callbacks_none"),
)
def test_each_figure_is_judged(found, level, code):
    assert (found.level, found.problem.code if found.problem else "") == (level, code)


def test_the_worst_finding_counts():
    well, care = Finding(Check.DISK), warning(Check.MAIL, LoaError("check_mail_none"))
    assert worst([]) is worst([well]) is Level.OK
    assert worst([well, care]) is Level.WARNING
    assert worst([care, fault(Check.QUEUE, LoaError("check_redis_away", error="x")), well]) is Level.FAULT


TODAY = date(2026, 11, 26)
FRONT = {"code": "MTTQ", "name": "Ủy ban MTTQ", "kind": "front"}
PLAN = {
    "province": 68,
    "administrator": {"email": "quantri@loa.example"},
    "organisation": [FRONT, {"code": "PN", "name": "Hội  Phụ nữ", "parent": "MTTQ"}],
    "sender": [{"name": "MTTQ", "registered_on": date(2026, 11, 2)}],
    "goal": [{"share": 62.5, "deadline": date(2026, 12, 31)}],
}


def read(**changes):
    return read_installation({**PLAN, **changes}, kinds=["bluezone"], today=TODAY)


def test_values_become_texts_as_typed_into_a_form():
    plan = read()
    assert plan.province == "68"
    assert plan.organisations[1]["name"] == "Hội Phụ nữ"
    assert plan.senders[0]["registered_on"] == "2026-11-02"
    assert (plan.goals[0]["share"], plan.goals[0]["deadline"]) == ("62.5", "2026-12-31")
    assert plan.report == {}


@cases(
    ({"province": ""}, ["setup_part_missing"]),
    ({"colour": "red"}, ["setup_part_unknown"]),
    ({"sqlite": "yes"}, ["setup_part_type"]),
    ({"administrator": {"name": "Đức"}}, ["setup_part_missing"]),
    ({"administrator": None}, ["setup_part_missing"]),
    ({"organisation": "MTTQ"}, ["setup_part_type", "setup_front_missing"]),
    ({"organisation": [{**FRONT, "kind": "party"}]}, ["setup_choice_wrong", "setup_front_missing"]),
    ({"organisation": [*reversed(PLAN["organisation"])]}, ["setup_parent_later"]),
    ({"organisation": [FRONT, FRONT]}, ["setup_code_twice"]),
    ({"user": [{"email": "a@loa.example", "role": "boss"}]}, ["setup_choice_wrong"]),
    ({"user": [{"email": "a@loa.example", "role": "staff", "organisation": "X"}]}, ["setup_choice_wrong"]),
    ({"sender": [{"name": "Mặt trận"}]}, ["setup_part_wrong"]),
    ({"goal": [{"share": 120}, {"share": 5, "kind": "x"}]}, ["setup_choice_wrong", "setup_part_wrong"]),
    ({"denominator": [{"value": 5, "as_of": date(2027, 1, 1), "source": "Sở"}]}, ["setup_part_wrong"]),
    ({"report": {"kind": "x", "head": "", "hours": {"noon": ""}}}, ["setup_part_unknown"] * 2),
)
def test_everything_that_is_wrong_is_named(changes, codes):
    with pytest.raises(BadInput) as refused:
        read(**changes)
    assert refused.value.code == "setup_wrong"
    named = [error.code for error in refused.value.parameters["errors"]]
    assert named[: len(codes)] == codes
