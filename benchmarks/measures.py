"""Cost of processes with their descendants, from /proc, and the format of results."""

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from urllib.error import HTTPError
from urllib.request import urlopen

_TICKS = os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on; empty for a process that has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def family(roots: Iterable[int]) -> set[int]:
    """Return these processes and all their descendants."""
    parents = {int(entry): _stat(int(entry)) for entry in os.listdir("/proc") if entry.isdigit()}
    pids = set(roots)
    while more := {pid for pid, stat in parents.items() if stat and int(stat[1]) in pids} - pids:
        pids |= more
    return pids


def cpu_s(roots: Iterable[int]) -> float:
    """Return the CPU seconds of these processes and their descendants, including those that have ended."""
    return sum(sum(map(int, stat[11:15])) for pid in family(roots) if (stat := _stat(pid))) / _TICKS


def peak_mb(roots: Iterable[int]) -> float:
    """Return the most memory that these living processes and their descendants have had, in MB.

    What processes share counts once (PSS), and what one has given back since its peak is added.
    """
    total = 0
    for pid in family(roots):
        try:
            kb = kilobytes(f"/proc/{pid}/status") | kilobytes(f"/proc/{pid}/smaps_rollup")
        except OSError:
            continue
        total += kb["Pss"] + kb["VmHWM"] - kb["VmRSS"]
    return total / 1024


def kilobytes(file: str) -> dict[str, int]:
    """Return the lines with a size of a file of /proc, in KiB."""
    lines = (line.split() for line in Path(file).read_text().splitlines() if line.endswith(" kB"))
    return {words[0].rstrip(":"): int(words[1]) for words in lines}


def wait_until(is_so: Callable[[], object], what: str, *, seconds: float, look_every_s: float = 0.05) -> None:
    """Wait until `is_so`. Raises TimeoutError with `what` after so many seconds."""
    ends = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > ends:
            raise TimeoutError(what)
        time.sleep(look_every_s)


def answers(url: str) -> bool:
    """Return whether a server answers at a URL, be it with an error."""
    try:
        urlopen(url, timeout=5).close()
    except HTTPError:
        pass
    except OSError:
        return False
    return True


def percentile(values: Sequence[float], of_100: int) -> float:
    """Return the percentile of the values."""
    return sorted(values)[max(0, -(-len(values) * of_100 // 100) - 1)]


def show(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, with columns aligned for a terminal."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    shown = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in lines
    ]
    shown.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(shown)


def show_times(title: str, took: Mapping[str, Sequence[float]]) -> str:
    """Return a table of milliseconds by what took them."""
    rows = (
        [name, f"{len(ms):,}", f"{median(ms):.0f}", f"{percentile(ms, 95):.0f}", f"{max(ms):.0f}"]
        for name, ms in took.items()
    )
    return show([title, "times", "median", "p95", "worst"], rows)


def target(
    what: str, value: float, *, at_least: float | None = None, at_most: float | None = None, form: str = ".2f"
) -> str:
    """Return a line with a result, its target, and whether the target was reached."""
    holds = (at_least is None or value >= at_least) and (at_most is None or value <= at_most)
    bounds = [f"at least {at_least:{form}}"] if at_least is not None else []
    bounds += [f"at most {at_most:{form}}"] if at_most is not None else []
    return f"{'reached' if holds else 'MISSED '}  {what}: {value:{form}} ({', '.join(bounds)})"
