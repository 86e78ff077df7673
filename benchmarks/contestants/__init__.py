"""Systems compared in sending: each has a function that sends messages and returns a `Run`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """Result of a run: messages, seconds, CPU seconds of senders and their servers, peak memory in MB."""

    messages: int
    seconds: float
    sender_cpu_s: float
    server_cpu_s: float
    peak_mb: float

    @property
    def per_second(self) -> float:
        return self.messages / self.seconds

    @property
    def cpu_per_1000(self) -> float:
        return (self.sender_cpu_s + self.server_cpu_s) / self.messages * 1000

    @property
    def sender_cpu_per_1000(self) -> float:
        return self.sender_cpu_s / self.messages * 1000
