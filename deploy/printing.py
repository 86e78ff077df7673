"""Lines on standard output that never hold up the one who prints them."""

import os
import queue
import sys
import threading

HELD = 10_000  # lines


class Printer:
    """Prints lines with the name of who said them, from a thread of its own.

    A screen that is held (Ctrl-S) or a reader that has stopped reading costs lines, which stand in the logs
    as well; it never stops the supervisor.
    """

    def __init__(self) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue(HELD)
        self._thread = threading.Thread(target=self._print, daemon=True)
        self._thread.start()

    def say(self, name: str, text: str) -> None:
        """Print one line as said by `name`."""
        self.show(f"{name:<9} | {text}")

    def show(self, text: str) -> None:
        """Print a text as it is."""
        try:
            self._lines.put_nowait(text)
        except queue.Full:
            return

    def close(self, patience: float = 1.0) -> None:
        """Print what is left, for at most `patience` seconds."""
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
                return  # nobody reads any more
