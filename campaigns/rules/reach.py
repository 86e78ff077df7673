"""What is counted of a campaign, and what the counts of a step, a place or an organisation say. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from campaigns.figures.share import Share, share_of
from campaigns.replies.classifier import Label
from campaigns.states import Exclusion, MessageState, SkipReason

# With the gateway, whatever became of it there.
TAKEN = (
    MessageState.ACCEPTED,
    MessageState.SENT,
    MessageState.DELIVERED,
    MessageState.UNDELIVERED,
    MessageState.NO_REPORT,
)
FAILED = (MessageState.FAILED, MessageState.UNDELIVERED)
WAITING = (MessageState.QUEUED, MessageState.SENDING, MessageState.UNKNOWN)


class Measure(StrEnum):
    """What a count is of. Some have a detail: a reason, a state, a cause, a label."""

    # Of people, each once, whatever the step.
    RECIPIENTS = "recipients"
    EXCLUDED = "excluded"  # by reason
    WRITTEN = "written"  # the gateway has had one of their messages at least
    ARRIVED = "arrived"  # one of their messages at least was delivered
    WRITTEN_INSTALLED = "written_installed"  # of those written to
    WRITTEN_WITHOUT = "written_without"  # of those written to: have said that they have no smartphone
    # Of a step's messages.
    MESSAGES = "messages"  # by state
    SKIPPED = "skipped"  # by reason; part of the messages
    CAUSES = "causes"  # of failures; part of the messages
    SEGMENTS = "segments"  # that are charged
    # Of what people did while a step was the latest: from its opening to that of the next.
    OPENED = "opened"
    CLICKED = "clicked"
    ANSWERS = "answers"  # by label, as they stand
    INSTALLED = "installed"  # reports that stand
    # Of a step that is compared: whom the lot put where (planning.lots), and who of them reported an install meanwhile.
    ARMS = "arms"
    ARMS_INSTALLED = "arms_installed"


@dataclass(slots=True)
class Counts:
    """Of a campaign, a step, a place or an organisation; zero where nothing was counted."""

    by: dict[Measure, dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))

    def add(self, measure: Measure, detail: str, n: int) -> None:
        self.by[measure][detail] += n

    def merge(self, other: Counts) -> None:
        for measure, details in other.by.items():
            for detail, n in details.items():
                self.add(measure, detail, n)

    def total(self, measure: Measure) -> int:
        return sum(self.by[measure].values()) if measure in self.by else 0

    def _states(self, states: Iterable[MessageState]) -> int:
        found = self.by.get(Measure.MESSAGES, {})
        return sum(found.get(state.value, 0) for state in states)

    @property
    def recipients(self) -> int:
        return self.total(Measure.RECIPIENTS)

    @property
    def excluded(self) -> dict[Exclusion, int]:
        found = self.by.get(Measure.EXCLUDED, {})
        return {reason: found[reason.value] for reason in Exclusion if found.get(reason.value)}

    @property
    def messages(self) -> int:
        return self.total(Measure.MESSAGES)

    @property
    def sent(self) -> int:
        """Messages that the gateway has, whatever became of them there."""
        return self._states(TAKEN)

    @property
    def delivered(self) -> int:
        return self._states([MessageState.DELIVERED])

    @property
    def failed(self) -> int:
        """Refused by the gateway or not delivered."""
        return self._states(FAILED)

    @property
    def waiting(self) -> int:
        return self._states(WAITING)

    @property
    def cancelled(self) -> int:
        return self._states([MessageState.CANCELLED])

    @property
    def skipped(self) -> dict[SkipReason, int]:
        found = self.by.get(Measure.SKIPPED, {})
        return {reason: found[reason.value] for reason in SkipReason if found.get(reason.value)}

    @property
    def causes(self) -> dict[str, int]:
        """Of the failures, the most frequent first."""
        found = self.by.get(Measure.CAUSES, {})
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    @property
    def segments(self) -> int:
        return self.total(Measure.SEGMENTS)

    @property
    def opened(self) -> int:
        return self.total(Measure.OPENED)

    @property
    def clicked(self) -> int:
        return self.total(Measure.CLICKED)

    @property
    def answers(self) -> dict[Label, int]:
        found = self.by.get(Measure.ANSWERS, {})
        return {label: found[label.value] for label in Label if found.get(label.value)}

    @property
    def answered(self) -> int:
        return self.total(Measure.ANSWERS)

    @property
    def opted_out(self) -> int:
        return self.by.get(Measure.ANSWERS, {}).get(Label.OPT_OUT.value, 0)

    @property
    def installed(self) -> int:
        return self.total(Measure.INSTALLED)

    @property
    def written(self) -> int:
        return self.total(Measure.WRITTEN)

    @property
    def arrived(self) -> int:
        return self.total(Measure.ARRIVED)

    @property
    def share(self) -> Share:
        """Installs among those written to who have not said that they have no smartphone."""
        return share_of(
            installed=self.total(Measure.WRITTEN_INSTALLED),
            recipients=self.written,
            no_smartphone=self.total(Measure.WRITTEN_WITHOUT),
            entered=None,
        )
