"""What gateways.md says of waits, and the reference of statuses, is what the code does."""

from campaigns.delivery.open_gateways import FIRST_HALT_S, LONGEST_HALT_S
from campaigns.rules import delivery
from outreach.rules.twilio_errors import read_answer
from tests.project.reference import what_follows
from tests.project.test_docs import section
from tests.project.test_layout import ROOT

SECTION = section((ROOT / "docs/gateways.md").read_text(encoding="utf-8"), "Errors and what follows")


def test_statuses_that_share_a_row_mean_the_same():
    for group in ((401, 403, 404), (408, 301, 302, 500, 502, 503, 504)):
        assert len({what_follows(read_answer(status, None)) for status in group}) == 1


def test_the_waits_of_the_document_are_those_of_the_code():
    first, longest = delivery.back_off_s(0, None, seed=0), delivery.back_off_s(99, None, seed=0)
    minutes = delivery.FAILURE_WINDOW.total_seconds() / 60
    for said in (
        f"{first:g} s, doubling up to {longest:g} s",
        f"from {FIRST_HALT_S:g} s, doubling up to {LONGEST_HALT_S:g} s",
        f"refused {delivery.GIVES_UP_AFTER} times",
        f"{delivery.TRANSACTIONAL_GIVES_UP_AFTER:,} times",
        f"{delivery.FEWEST_FAILURES} messages and {delivery.FAILED_SHARE:.0%} of the outcomes of {minutes:g} minutes",
    ):
        assert said in " ".join(SECTION.split()), said
