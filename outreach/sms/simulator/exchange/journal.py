"""The append-only record on disk (`--data DIR`): JSON lines, read back at the next start.

Buffered, and handed to the system a few times a second; never synced, as a training gateway may lose
the last moments of a power cut. Kinds of line: `accepted`, `received`, `ended`, `answered`.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import IO, Any

from outreach.sms.simulator.exchange.messages import Direction, Sms, Status
from outreach.sms.simulator.exchange.store import Store

log = logging.getLogger(__name__)

FLUSH_S = 0.2
_NOT_KEPT = {"seq", "ledger_index"}
_KEPT = tuple(item.name for item in fields(Sms) if item.name not in _NOT_KEPT)


class Journal:
    """Without a directory it writes nothing."""

    def __init__(self, directory: Path | None) -> None:
        self._path = directory / "messages.jsonl" if directory else None
        self._file: IO[bytes] | None = None

    def load(self, store: Store) -> None:
        """Read everything back into `store` and open the file for appending.

        A line cut short by a crash is dropped. Raises OSError when the directory cannot be used.
        """
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("a+b", buffering=1 << 20)
        for line in _whole_lines(self._file):
            _apply(line, store)

    def clear(self) -> None:
        if self._file:
            self._file.truncate(0)

    def close(self) -> None:
        if self._file:
            self._file.close()

    async def keep_flushing(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            if self._file:
                self._file.flush()

    def write_message(self, sms: Sms) -> None:
        if self._file:
            kind = "accepted" if sms.direction is Direction.OUTBOUND else "received"
            self._write({"kind": kind, **{name: getattr(sms, name) for name in _KEPT}})

    def write_end(self, sms: Sms) -> None:
        """The message reached its final status and whoever wanted to know was told."""
        if self._file:
            end = {"status": sms.status, "sent": sms.sent, "updated": sms.updated, "from_": sms.from_}
            end |= {"error_code": sms.error_code, "num_segments": sms.num_segments}
            self._write({"kind": "ended", "sid": sms.sid, **end})

    def write_answer(self, sms: Sms) -> None:
        if self._file:
            self._write({"kind": "answered", "sid": sms.sid, "answered_by_link": sms.answered_by_link})

    def _write(self, line: dict[str, Any]) -> None:
        assert self._file is not None
        self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")


def _whole_lines(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    file.seek(0)
    end = 0
    for number, raw in enumerate(file, start=1):
        if not raw.endswith(b"\n"):
            log.warning("dropped the journal's last line: it was cut short")
            break
        end += len(raw)
        try:
            yield json.loads(raw)
        except ValueError:
            log.warning("skipped line %d of the journal: it is not JSON", number)
    file.truncate(end)


def _apply(line: dict[str, Any], store: Store) -> None:
    kind = line.pop("kind", None)
    if kind in ("accepted", "received"):
        line["direction"], line["status"] = Direction(line["direction"]), Status(line["status"])
        store.add(Sms(**line))
        return
    sms = store.by_sid.get(line.pop("sid", ""))
    if sms is None:
        return  # forgotten: more messages than are kept
    if kind == "ended":
        line["status"] = Status(line["status"])
        sms.is_reported = True
    for name, value in line.items():
        setattr(sms, name, value)
