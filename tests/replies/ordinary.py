"""Ordinary Vietnamese text that answers nothing: what `tests/data/replies_ordinary.toml` names, from a folder that the user gives.

The sentences are not part of the project. `ORDINARY=FOLDER make replies-train` reads them and refuses a file that is not the one named.
"""

import csv
import hashlib
import io
import os
import re
import tomllib
from pathlib import Path

from tests.replies.data import DATA

MANIFEST = DATA / "replies_ordinary.toml"
# Beyond a few words such a text may well be an order to be left alone or a cry, said in anger or in a tale.
_TOO_SHORT = 4


def read_ordinary():
    """Return the sentences, none twice. Raises SystemExit where a file is missing or another."""
    folder = Path(os.environ.get("ORDINARY", ""))
    found = {}
    for name, source in tomllib.loads(MANIFEST.read_text(encoding="utf-8")).items():
        path = folder / source["file"]
        if not path.is_file():
            raise SystemExit(
                f"{MANIFEST.name} names {name}: put {source['file']} into the folder ORDINARY names"
            )
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != source["sha256"]:
            raise SystemExit(f"{path.name} is not the file that {MANIFEST.name} names")
        text = data.decode("utf-8-sig")
        rows = (
            (row[source["column"]] for row in csv.DictReader(io.StringIO(text)))
            if "column" in source
            else text.splitlines()
        )
        for row in rows:
            # A comment stands after the title it is about; names are marked.
            sentence = " ".join(re.sub(r"<[^>]+>", " ", row.split("</s>")[-1]).split())
            if len(sentence.split()) >= _TOO_SHORT and len(sentence) < 400:
                found[sentence] = None
    return list(found)
