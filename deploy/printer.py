"""Printer of lines to standard output that never blocks its caller."""

import os
import queue
import sys
import threading

MAX_QUEUED = 10_000  # lines


class Printer:
    """Printer of lines with the name of their process, in its own thread.

    If the terminal is stopped (Ctrl-S) or the reader does not read, lines are dropped, which are also in the logs; the
    supervisor is never blocked.
    """

    def __init__(self) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue(MAX_QUEUED)
        self._thread = threading.Thread(target=self._print, daemon=True)
        self._thread.start()

    def say(self, name: str, text: str) -> None:
        """Print one line with the name of its process."""
        self.show(f"{name:<9} | {text}")

    def show(self, text: str) -> None:
        """Print a text unchanged."""
        try:
            self._lines.put_nowait(text)
        except queue.Full:
            return

    def close(self, patience: float = 1.0) -> None:
        """Print the remaining lines, for at most `patience` seconds."""
        try:
            self._lines.put(None, timeout=patience)
        except queue.Full:
            return
        self._thread.join(patience)

    def _print(self) -> None:
        while (text := self._lines.get()) is not None:
            data = memoryview((text + "\n").encode())
            try:
                while data:
                    data = data[os.write(sys.stdout.fileno(), data) :]
            except OSError:
                return  # the reader is gone
