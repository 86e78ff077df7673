"""Checks of the files in deploy/ by the programs that read them (`make check-deploy`).

The compose file is only checked against its schema: it was never run. A missing program is named, and is a failure
unless `--where-found` is given.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import redis

from deploy.redis_server import find_port, find_redis_program

HERE = Path(__file__).resolve().parent
INSTALLED = "/srv/loa/current/bin"  # path in the units
SETTLES_S = 1.0
MOST_EXPOSED = 29  # tenths, by systemd's own measure


class Missing(Exception):
    """Program that is not installed; `str()` says how to install it."""


class Wrong(Exception):
    """File that a program rejects; `str()` is the program's output."""


def run(command: Sequence[str | Path], **options: object) -> str:
    """Run a command and return its output. Raises Wrong if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, **options)  # type: ignore[call-overload]
    output = str(done.stdout + done.stderr).strip()
    if done.returncode:
        raise Wrong(output)
    return output


def need(program: str, package: str) -> str:
    """Return the path of a program. Raises Missing if it is not installed."""
    path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if path is None:
        raise Missing(f"no {program}: apt-get install {package}")
    return path


def check_systemd(folder: Path) -> str:
    """Run `systemd-analyze verify` and `security`, with the units' paths set to this clone's."""
    analyze = need("systemd-analyze", "systemd")
    for unit in sorted((HERE / "systemd").iterdir()):
        text = unit.read_text().replace(INSTALLED, str(Path(sys.executable).parent))
        text = text.replace("User=loa\nGroup=loa\n", "")
        (folder / unit.name).write_text(text)
    (folder / "loa-worker@.service").rename(folder / "loa-worker@send.service")
    units = sorted(path for path in folder.iterdir() if path.suffix in (".service", ".socket", ".timer"))
    output = run([analyze, "verify", "--man=no", *units])
    if "loa" in output:  # unknown settings are only warnings for it
        raise Wrong(output)
    for unit in sorted(path for path in units if path.suffix == ".service"):
        run([analyze, "security", "--offline=yes", f"--threshold={MOST_EXPOSED}", "--no-pager", unit])
    return f"{len(units)} units, exposed {MOST_EXPOSED / 10} of 10 at most"


def check_nginx(folder: Path) -> str:
    """Run `nginx -t`, with a temporary certificate."""
    nginx, openssl = need("nginx", "nginx-light"), need("openssl", "openssl")
    key, certificate = folder / "privkey.pem", folder / "fullchain.pem"
    request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=loa.example.vn"]
    run([openssl, *request, "-keyout", key, "-out", certificate])
    site = (HERE / "nginx" / "loa.conf").read_text().replace("/etc/loa/tls", str(folder))
    (folder / "site.conf").write_text(site)
    (folder / "nginx.conf").write_text(
        f"pid {folder}/nginx.pid;\nerror_log {folder}/error.log;\nevents {{}}\nhttp {{ include {folder}/site.conf; }}\n"
    )
    return run([nginx, "-t", "-q", "-p", folder, "-c", folder / "nginx.conf"]) or "syntax and files"


def check_caddy(_folder: Path) -> str:
    """Run `caddy validate` on the settings of the web server before a container."""
    caddy = need("caddy", "caddy")
    file = ["--config", str(HERE / "docker" / "Caddyfile"), "--adapter", "caddyfile"]
    run([caddy, "validate", *file], env={**os.environ, "LOA_DOMAIN": "loa.example"})
    return "syntax and settings"


def check_prometheus(_folder: Path) -> str:
    """Run `promtool check rules` on the alert rules, and `promtool test rules` on what they tell of faults."""
    promtool = need("promtool", "prometheus")
    checked = run([promtool, "check", "rules", HERE / "monitoring" / "alerts.yml"]).split("\n")[1].strip()
    run([promtool, "test", "rules", HERE / "monitoring" / "alerts_test.yml"])
    return f"{checked}, told within two minutes"


def check_redis(folder: Path) -> str:
    """Start Redis with the settings, on a free port."""
    users, password = folder / "users.acl", secrets.token_hex(16)
    users.write_text(
        (HERE / "redis" / "users.acl")
        .read_text()
        .replace("SHA-256-OF-THE-PASSWORD", hashlib.sha256(password.encode()).hexdigest())
    )
    port = find_port()
    settings = [HERE / "redis" / "loa.conf", "--port", port, "--dir", folder, "--aclfile", users]
    command = [str(find_redis_program()), *map(str, settings)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        output, _ = process.communicate(timeout=SETTLES_S)
    except subprocess.TimeoutExpired:
        if not any(folder.glob("appendonlydir/*.aof")):
            raise Wrong("no append-only file was made") from None
        try_user(port, password)
        return "starts, with its append-only file, for its one user"
    finally:
        process.terminate()
        process.wait()
    raise Wrong(output)


def try_user(port: int, password: str) -> None:
    """Try what a job needs and what nobody may do. Raises Wrong if either goes wrong."""
    with (
        redis.Redis(port=port, username="loa", password=password) as ours,
        redis.Redis(port=port) as stranger,
    ):
        try:
            ours.set("loa:try", 1)
            ours.eval("return redis.call('get', KEYS[1])", 1, "loa:try")
        except redis.RedisError as error:
            raise Wrong(f"the user loa cannot work: {error}") from error
        for refused in (stranger.ping, ours.flushall, ours.config_get, lambda: ours.get("other")):
            try:
                refused()
            except redis.RedisError:
                continue
            raise Wrong("a stranger gets in, or the user loa may do too much")


def check_compose(_folder: Path) -> str:
    """Check the compose file against its schema."""
    if importlib.util.find_spec("check_jsonschema") is None:
        raise Missing("no check-jsonschema: it is one of requirements-dev.txt")
    schema = ["--builtin-schema", "vendor.compose-spec"]
    run([sys.executable, "-m", "check_jsonschema", *schema, HERE / "docker" / "compose.yaml"])
    return "against its schema only, not run"


CHECKS: dict[str, Callable[[Path], str]] = {
    "systemd": check_systemd,
    "nginx": check_nginx,
    "caddy": check_caddy,
    "prometheus": check_prometheus,
    "redis": check_redis,
    "compose": check_compose,
}


def main() -> int:
    """Run all checks. Returns 1 if one failed."""
    options = argparse.ArgumentParser(prog="python -m deploy.check")
    options.add_argument(
        "--where-found", action="store_true", help="a program that is not here is no failure"
    )
    arguments = options.parse_args()
    failed = False
    for name, check in CHECKS.items():
        with tempfile.TemporaryDirectory(prefix="loa-check-") as folder:
            try:
                print(f"{name:<11} ok: {check(Path(folder))}")
            except Missing as missing:
                failed |= not arguments.where_found
                print(f"{name:<11} not checked, {missing}")
            except Wrong as wrong:
                failed = True
                print(f"{name:<11} wrong: {wrong}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
