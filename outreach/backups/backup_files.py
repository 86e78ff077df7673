"""The files of a backup: signature, checksum beside it, encryption by age, leftovers of backups that were interrupted.

The signature is the last line of the file itself (within the encryption), which PostgreSQL's programs and SQLite pass over:
so it goes wherever the file goes. It is by Ed25519, with a key that is derived from the installation's own keys; its public half
names who signed and is to be kept outside.
"""

import base64
import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyrage

from outreach.core.signed_tokens import is_signed, public_half, signing_key
from outreach.rules.errors import BadInput
from outreach.rules.keys import split_keys

ENCRYPTED = ".age"
UNFINISHED = ".unfinished"
_SIGNATURE = b"\nLoa-Signature: "
_SIGNATURE_AT_MOST = 1024  # bytes, with its mark
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


def signer_of(secret_key: str) -> str:
    """Return the public half of the key that signs the backups of an installation, in hexadecimal."""
    return public_half(secret_key, "backup")


def sign(path: Path, *, secret_key: str, audit_head: str) -> None:
    """Add a plain backup's signature at its end: over its content and the end of its audit log's chain."""
    stated = {"sha256": _sha256(path), "audit_head": audit_head, "signer": signer_of(secret_key)}
    statement = json.dumps(stated).encode()
    parts = (statement, signing_key(secret_key, "backup").sign(statement))
    with path.open("ab") as file:
        file.write(_SIGNATURE + b" ".join(base64.b64encode(part) for part in parts) + b"\n")


def check_signature(path: Path, *, secret_key: str, accept_foreign: bool) -> str | None:
    """Return the audit log's end that a plain backup states; None for one without a signature.

    Raises BadInput if the file is not what was signed, and unless `accept_foreign` if nobody signed it, as before 1.2.0, or
    another installation.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _SIGNATURE_AT_MOST))
        end = file.read()
    before, mark, signature = end.rpartition(_SIGNATURE)
    if not mark:
        if accept_foreign:
            return None
        raise BadInput("backup_not_signed", path=str(path))
    try:
        statement, signed = (base64.b64decode(part, validate=True) for part in signature.split())
        stated = json.loads(statement)
        is_whole = is_signed(statement, signed.hex(), by=stated["signer"])
        is_whole = is_whole and stated["sha256"] == _sha256(path, size - len(end) + len(before))
    except (ValueError, KeyError, TypeError):
        is_whole = False
    if not is_whole:
        raise BadInput("backup_changed", path=str(path))
    if not accept_foreign and stated["signer"] not in map(signer_of, split_keys(secret_key)):
        raise BadInput("backup_of_other_signer", path=str(path), signer=stated["signer"])
    return str(stated["audit_head"])


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


def _sha256(path: Path, length: int | None = None) -> str:
    """Return the SHA-256 of a file, or of its first `length` bytes."""
    digest = hashlib.sha256()
    left = path.stat().st_size if length is None else length
    with path.open("rb") as file:
        while left > 0 and (piece := file.read(min(left, 1 << 20))):
            digest.update(piece)
            left -= len(piece)
    return digest.hexdigest()
