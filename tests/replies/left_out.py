"""How well a kind of campaign is understood that nothing was trained on: `ORDINARY=FOLDER make replies-left-out`, many minutes."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.replies.data import read_authors, read_training
from tests.replies.report import KINDS, measure
from tests.replies.train import train
from tests.replies.weights import use_weights


def main() -> None:
    training = read_training()
    measured = [each for each in read_authors() if each.is_held_out]
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "offices.bin"
            train([each for each in training if each.kind != kind], path)
            use_weights(path)
            lines = measure([each for each in measured if each.kind == kind])
            print(f"{kind}, trained without it:", *lines, sep="\n  ", flush=True)


if __name__ == "__main__":
    main()
