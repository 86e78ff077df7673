"""The files of a backup: checksum beside it, encryption by age, leftovers of backups that were interrupted."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyrage

from outreach.rules.errors import BadInput

ENCRYPTED = ".age"
UNFINISHED = ".unfinished"
_UNFINISHED_FOR_S = 6 * 3600  # no backup takes so long


def checksum_file(path: Path) -> Path:
    """Return the file beside a backup that holds its SHA-256, as `sha256sum -c` reads it."""
    return path.with_name(path.name + ".sha256")


def write_checksum(path: Path) -> str:
    """Store a backup's checksum beside it, and return it."""
    digest = _sha256(path)
    beside = checksum_file(path)
    beside.touch(mode=0o600)
    beside.write_text(f"{digest}  {path.name}\n")
    return digest


def check_checksum(path: Path) -> None:
    """Compare a backup with its checksum. Raises BadInput if it differs; one without a checksum passes."""
    beside = checksum_file(path)
    if beside.exists() and beside.read_text().split(maxsplit=1)[:1] != [_sha256(path)]:
        raise BadInput("backup_changed", path=str(path))


def remove_unfinished(folder: Path) -> None:
    """Remove what backups left that were interrupted: it holds names and numbers."""
    for path in folder.glob(f"*{UNFINISHED}"):
        if path.stat().st_mtime < time.time() - _UNFINISHED_FOR_S:
            path.unlink(missing_ok=True)


def encrypt(plain: Path, encrypted: Path, recipients: Sequence[str]) -> None:
    """Encrypt a file for the holders of these age keys (`age1…`). Raises BadInput for a wrong key."""
    try:
        keys = [pyrage.x25519.Recipient.from_str(recipient) for recipient in recipients]
    except pyrage.RecipientError:
        raise BadInput("backup_recipient_wrong") from None
    pyrage.encrypt_file(str(plain), str(encrypted), keys)


@contextmanager
def decrypted(path: Path, identity: Path | None, folder: Path) -> Iterator[Path]:
    """Give a backup's plain file: itself, or a temporary one in `folder` for the time of the block.

    `identity` is the file with the age secret key. Raises BadInput if it is missing or another.
    """
    if path.suffix != ENCRYPTED:
        yield path
        return
    if identity is None:
        raise BadInput("backup_encrypted", path=str(path))
    lines = [line.strip() for line in identity.read_text("utf-8").splitlines()]
    plain = folder / f"{path.stem}.decrypted"
    try:
        keys = [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
        plain.unlink(missing_ok=True)
        plain.touch(mode=0o600)
        pyrage.decrypt_file(str(path), str(plain), keys)
        yield plain
    except (pyrage.DecryptError, pyrage.IdentityError) as error:
        raise BadInput("backup_not_decrypted", path=str(path)) from error
    finally:
        plain.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
