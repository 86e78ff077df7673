"""Commands for the keys of sessions, links, second factors and hashes of numbers.

A new key goes into the variables of all processes; until then nothing changes. Web processes are restarted first: they
know both keys, and what workers make under the new one opens at once.
"""

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

import click
from flask_babel import gettext as _

from admin.cli.base import Group, json_option, output
from outreach.backups.backups import signer_of
from outreach.contacts.hash_keys import count_hashes, rehash_suppressions
from outreach.imports.exchange import public_key
from outreach.rules.errors import BadInput
from outreach.rules.keys import Purpose, key_id, split_keys
from outreach.runtime import Runtime


def key_commands(runtime: Runtime) -> list[click.Command]:
    keys = Group("keys", help="The keys of sessions, links, second factors and hashes of numbers.")

    @keys.command("show")
    @json_option
    def show() -> None:
        """Name the keys in use, never the keys themselves, and how many hashes need each."""
        with runtime.db.read() as session:
            hashes = count_hashes(session)
        rows = []
        for purpose in Purpose:
            for place, key in enumerate(split_keys(runtime.settings.keys_of(purpose))):
                row = {
                    "purpose": purpose.value,
                    "key": key_id(key),
                    "use": "makes" if place == 0 else "reads",
                }
                if purpose is Purpose.SUPPRESSIONS:
                    row["hashes"] = hashes.pop(key_id(key), 0)  # type: ignore[assignment]
                rows.append(row)
        signer = signer_of(runtime.settings.backup_keys)
        rows.append({"purpose": "backups", "key": signer, "use": "signs"})
        rows.append({"purpose": "exchange", "key": public_key(runtime.settings), "use": "signs"})
        unnamed = hashes.pop("", 0)
        lines = [" ".join(f"{name}={value}" for name, value in row.items()) for row in rows]
        output(
            {"keys": rows, "hashes_before_ids": unnamed, "hashes_of_unknown_keys": sum(hashes.values())},
            "\n".join(lines),
        )

    @keys.command("rotate")
    @click.argument("purposes", nargs=-1, required=True, type=click.Choice([each.value for each in Purpose]))
    @click.option(
        "--file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="The file of variables; without it the new lines are printed.",
    )
    @json_option
    def rotate(purposes: tuple[str, ...], file: Path | None) -> None:
        """Make a new key for each purpose; the former ones stay behind it, to open and compare only."""
        lines = {}
        for purpose in map(Purpose, purposes):
            # Of sessions no former key is kept: they are to end.
            former = () if purpose is Purpose.SESSIONS else runtime.settings.own_keys_of(purpose)
            lines[purpose.variable] = ",".join([secrets.token_urlsafe(36), *former])
        if file:
            _write_variables(file, lines)
        shown = {} if file else {"variables": lines}
        output(
            {"changed": [*lines], **shown},
            _(
                "Đã ghi khóa mới vào %(file)s. Hãy khởi động lại web trước, rồi đến các worker, sau đó chạy `keys rehash`.",
                file=file,
            )
            if file
            else "\n".join(f"{name}={value}" for name, value in lines.items()),
        )

    @keys.command("rehash")
    @json_option
    def rehash() -> None:
        """Bring the hashes of suppressed numbers that are known under the newest key."""
        changed = rehash_suppressions(
            runtime, secret_key=runtime.settings.keys_of(Purpose.SUPPRESSIONS), now=datetime.now(UTC)
        )
        output({"changed": changed}, _("Đã chuyển %(n)s số bị chặn sang khóa mới.", n=changed))

    return [keys]


def _write_variables(file: Path, lines: dict[str, str]) -> None:
    """Replace these variables in a file of `NAME=value` lines, at once and with its owner and mode. Raises BadInput."""
    try:
        found = file.read_text("utf-8").splitlines()
    except UnicodeDecodeError:
        raise BadInput("campaign_file_not_utf8", name=file.name) from None
    kept = [line for line in found if line.partition("=")[0].strip() not in lines]
    status = file.stat()
    new = file.with_name(f".{file.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as written:
        written.write("\n".join([*kept, *(f"{name}={value}" for name, value in lines.items()), ""]))
        os.fchmod(written.fileno(), status.st_mode & 0o777)
        os.fchown(written.fileno(), status.st_uid, status.st_gid)
        os.fsync(written.fileno())
    new.replace(file)
