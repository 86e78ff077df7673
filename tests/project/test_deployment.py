"""What stands in deploy/ is read without complaint by the programs that it is for, as far as they are here."""

import fnmatch
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path, PurePosixPath

import pytest
import redis
from redis.backoff import ConstantBackoff
from redis.exceptions import AuthenticationError, NoPermissionError
from redis.retry import Retry

from deploy import VERSION, upgrade
from deploy.redis_server import find_port, find_redis_program
from outreach.core.settings import Settings
from tests.project.test_layout import ROOT
from tests.support.servers import make_folder, start_postgres
from tests.support.tables import cases, each_of

DEPLOY = ROOT / "deploy"
MOST_EXPOSED = 29  # tenths, by systemd's own measure


def run(*command, **options):
    """The output of a command, which must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    output = str(done.stdout + done.stderr).strip()
    assert done.returncode == 0, output
    return output


def need(program, package):
    """The path of a program; without it the test is skipped."""
    path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    return path or pytest.skip(f"no {program}: apt-get install {package}")


def test_systemd_takes_the_units_and_calls_none_exposed(tmp_path):
    analyze = need("systemd-analyze", "systemd")
    for unit in sorted((DEPLOY / "systemd").iterdir()):
        text = unit.read_text().replace("/srv/loa/current/bin", str(Path(sys.executable).parent))
        (tmp_path / unit.name).write_text(text.replace("User=loa\nGroup=loa\n", ""))
    (tmp_path / "loa-worker@.service").rename(tmp_path / "loa-worker@send.service")
    units = sorted(path for path in tmp_path.iterdir() if path.suffix in (".service", ".socket", ".timer"))
    # Unknown settings are only warnings for it.
    assert "loa" not in run(analyze, "verify", "--man=no", *units)
    for unit in (path for path in units if path.suffix == ".service"):
        run(analyze, "security", "--offline=yes", f"--threshold={MOST_EXPOSED}", "--no-pager", unit)


def test_nginx_takes_the_site(tmp_path):
    nginx, openssl = need("nginx", "nginx-light"), need("openssl", "openssl")
    key, certificate = tmp_path / "privkey.pem", tmp_path / "fullchain.pem"
    request = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=loa.example.vn")
    run(openssl, *request, "-keyout", key, "-out", certificate)
    site = (DEPLOY / "nginx" / "loa.conf").read_text().replace("/etc/loa/tls", str(tmp_path))
    (tmp_path / "site.conf").write_text(site)
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/nginx.pid;\nerror_log {tmp_path}/error.log;\nevents {{}}\n"
        f"http {{ include {tmp_path}/site.conf; }}\n"
    )
    run(nginx, "-t", "-q", "-p", tmp_path, "-c", tmp_path / "nginx.conf")


def test_caddy_takes_the_settings_of_the_web_server_before_a_container():
    file = ("--config", DEPLOY / "docker" / "Caddyfile", "--adapter", "caddyfile")
    run(need("caddy", "caddy"), "validate", *file, env={**os.environ, "LOA_DOMAIN": "loa.example"})


def test_prometheus_takes_the_alert_rules_and_they_tell_of_faults():
    promtool = need("promtool", "prometheus")
    run(promtool, "check", "rules", DEPLOY / "monitoring" / "alerts.yml")
    run(promtool, "test", "rules", DEPLOY / "monitoring" / "alerts_test.yml")


def test_the_compose_file_has_the_form_of_one():
    schema = ("--builtin-schema", "vendor.compose-spec")
    run(sys.executable, "-m", "check_jsonschema", *schema, DEPLOY / "docker" / "compose.yaml")


def test_redis_starts_with_its_settings_for_its_one_user(tmp_path):
    password = "a-password-of-tests"
    users = (DEPLOY / "redis" / "users.acl").read_text()
    digest = hashlib.sha256(password.encode()).hexdigest()
    (tmp_path / "users.acl").write_text(users.replace("SHA-256-OF-THE-PASSWORD", digest))
    port = find_port()
    settings = ("--port", str(port), "--dir", tmp_path, "--aclfile", tmp_path / "users.acl")
    process = subprocess.Popen([find_redis_program(), DEPLOY / "redis" / "loa.conf", *settings])
    stranger = redis.Redis(port=port)
    ours = redis.Redis(port=port, username="loa", password=password, retry=Retry(ConstantBackoff(0.1), 100))
    try:
        ours.set("loa:try", 1)
        ours.eval("return redis.call('get', KEYS[1])", 1, "loa:try")
        assert any(tmp_path.glob("appendonlydir/*.aof"))
        for refused in (stranger.ping, ours.flushall, ours.config_get, lambda: ours.get("other")):
            with pytest.raises((AuthenticationError, NoPermissionError)):
                refused()
    finally:
        stranger.close()
        ours.close()
        process.terminate()
        process.wait()


def goes_into_the_image(path, lines):
    """Whether Docker takes a file, by its rule: the last pattern that fits the path or a folder above it decides."""
    parts = PurePosixPath(path)
    names = [str(parts), *(str(above) for above in parts.parents if str(above) != ".")]
    is_taken = True
    for line in lines:
        pattern = line.removeprefix("!")
        fits = any(
            fnmatch.fnmatchcase(name, pattern.removeprefix("**/"))
            or (pattern.startswith("**/") and fnmatch.fnmatchcase(name.rsplit("/", 1)[-1], pattern[3:]))
            for name in names
        )
        is_taken = line.startswith("!") if fits else is_taken
    return is_taken


@cases(
    *each_of("dist/loa-1.0.0-py3-none-any.whl | dist/wheels/flask-3.1.3-py3-none-any.whl", True),
    *each_of("dist/env | admin/app.py | var/env | var/loa.db | var/uploads/danh-sach.xlsx", False),
    *each_of(".git/config | deploy/docker/env | deploy/docker/database-password", False),
    *each_of("deploy/docker/redis-users.acl | loa-20261101T021500Z.dump | admin/.env", False),
    ("deploy/tls/privkey.pem", False),
)
def test_no_secret_and_no_persons_data_go_into_an_image(path, is_taken):
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert goes_into_the_image(path, [line for line in lines if line and line[0] != "#"]) is is_taken


def test_postgresql_starts_with_the_settings():
    lines = (DEPLOY / "postgresql" / "loa.conf").read_text().splitlines()
    settings = {
        name.strip(): value.split("#")[0].strip()
        for name, value in (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    }
    # Of the same kind, for a machine of any size.
    smaller = {"shared_buffers": "64MB", "max_connections": "20", "listen_addresses": ""}
    folder = make_folder()
    start_postgres(folder, {**settings, **smaller}).stop()
    shutil.rmtree(folder)


def test_the_example_of_variables_names_known_ones():
    example = (DEPLOY / "systemd" / "env.example").read_text()
    read = dict(
        line.split("=", 1) for line in example.splitlines() if "=" in line and not line.startswith("#")
    )
    known = {item.name.upper() for item in Settings.__dataclass_fields__.values()}
    assert set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE)) <= known
    secrets = {"SECRET_KEY": "k" * 40, "TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "t"}
    assert Settings.from_env({**read, **secrets}).is_live


def test_the_compose_file_has_the_version_and_its_example_names_known_variables():
    folder = DEPLOY / "docker"
    assert f"LOA_VERSION:-{VERSION}}}" in (folder / "compose.yaml").read_text()
    assert "POSTGRES_USER" not in (folder / "compose.yaml").read_text(), "it would be a superuser"
    assert "CREATE ROLE loa LOGIN NOSUPERUSER" in (folder / "role.sh").read_text()
    named = re.findall(r"^#?([A-Z_]+)=", (folder / "env.example").read_text(), re.MULTILINE)
    assert set(named) <= {item.name.upper() for item in Settings.__dataclass_fields__.values()}


def test_a_wheel_is_installed_only_with_its_checksum_and_libraries_by_their_hashes(tmp_path, monkeypatch):
    wheel, typed = tmp_path / "loa-9.9.9-py3-none-any.whl", []
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr("deploy/requirements.txt", "flask==3 --hash=sha256:00\n")
    monkeypatch.setattr(upgrade, "HOME", tmp_path)

    def run(command, **_how):
        typed.append(" ".join(command[1:]))
        Path(command[-1]).mkdir(exist_ok=True) if "venv" in command else None
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(upgrade.subprocess, "run", run)
    for wrong in (None, "0" * 64):
        with pytest.raises(upgrade.CannotUpgrade, match=r"sha256|SHA-256"):
            upgrade.install(wheel, wrong)
    assert typed == []
    upgrade.install(wheel, hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert "--require-hashes" in typed[1]
    assert typed[2].endswith(f"--no-deps --no-build-isolation {wheel}")


def test_what_builds_the_program_from_its_folder_is_installed_by_its_hash():
    listed = upgrade.read_libraries(DEPLOY.parent).decode().splitlines()
    with (DEPLOY.parent / "pyproject.toml").open("rb") as file:
        needed = tomllib.load(file)["build-system"]["requires"]
    assert needed
    assert all(any(line.startswith(f"{each} --hash=sha256:") for line in listed) for each in needed)
