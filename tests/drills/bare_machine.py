"""`make check-bare`: a bare Debian on which docs/installation.vi.md is typed as it stands, to the first campaign and beyond.

The machine is made by mmdebstrap and booted by systemd-nspawn, with a systemd of its own and this machine's network: as root,
with ports 80, 443, 5432, 6379, 8000 and 8001 free. Then its release is replaced by another in the middle of a send, and a
backup is restored into another database. `--earlier COMMIT` types the guide of that version and upgrades it. `--readme` types the
two commands of the README instead, on a Debian 13 as root and on a Debian 12 as a user who is not, with nothing but what it names,
and prints what they take; PORT and SIMULATOR_PORT are passed on.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from deploy.run import answers_http

ROOT = Path(__file__).resolve().parents[2]
GUIDE_PACKAGES = "systemd,systemd-sysv,dbus,sudo,adduser,procps,ca-certificates"
README_PACKAGES = "git,make,python3,python3-venv,ca-certificates,passwd"
# systemd's own cgroup tree, whatever this machine has.
BOOT = """
mount -t tmpfs tmpfs /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /sys/fs/cgroup/loa-bare && echo $$ > /sys/fs/cgroup/loa-bare/cgroup.procs
# The files of the machine are its own: nspawn would mount its own over the time zone, which a package then cannot write.
exec systemd-nspawn --register=no --keep-unit --console=pipe --timezone=off --resolv-conf=off -D "$@"
"""
ARCHIVE, UNPACK = ["git", "archive", "HEAD"], ["tar", "x", "-C"]
IDLE_AFTER_S = 20.0
PEOPLE = 300
SEND = f"""
python3 - > /var/lib/loa/nhieu.csv <<'P'
print("STT,Họ và tên,SĐT")
for i in range({PEOPLE}):
    print(f"{{i}},Người {{i}},0913000{{i:03d}}")
P
sed 's/Hội viên phụ nữ/Nhiều/; s/Tiêm vắc xin, đợt/Đợt lớn,/' /var/lib/loa/chien-dich.toml > /var/lib/loa/lon.toml
printf 'pace = 5\\nwindow = ["00:00", "24:00"]\\n' >> /var/lib/loa/lon.toml
sudo loa contacts import /var/lib/loa/nhieu.csv --list Nhiều --organisation PN --basis membership --basis-note 'Điều lệ Hội'
sudo loa campaigns create /var/lib/loa/lon.toml --as canbo@loa.example
sudo loa campaigns submit 2 --as canbo@loa.example
sudo loa campaigns approve 2 --as duyet@loa.example
sudo loa campaigns launch 2 --as canbo@loa.example
"""
RESTORE = """
sudo loa backup
sudo -u postgres createdb --owner loa --encoding UTF8 --template template0 elsewhere
sed 's#@/loa?#@/elsewhere?#' /etc/loa/env | sudo install -m 600 -o loa /dev/stdin /var/lib/loa/elsewhere.env
sudo -u loa LOA_ENV_FILE=/var/lib/loa/elsewhere.env loa backup restore $(ls -t /var/lib/loa/backups/*.dump | head -1)
sudo -u loa LOA_ENV_FILE=/var/lib/loa/elsewhere.env loa campaigns status 2 --json
"""


def start_machine(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start systemd-nspawn on the folder of a machine."""
    boot = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", BOOT, "boot", str(folder)]
    environment = {**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1", "SYSTEMD_NSPAWN_LOCK": "0"}
    return subprocess.Popen([*boot, *arguments], env=environment, stdin=subprocess.DEVNULL)


class Machine:
    """A bare machine in a folder, while it runs."""

    def __init__(self, folder: Path) -> None:
        self._process = start_machine(folder, "--boot")
        self._folder, self._leader = folder, ""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        ends = time.monotonic() + 60
        while not self._leader or "running" not in self.type("systemctl is-system-running || true"):
            if time.monotonic() > ends or self._process.poll() is not None:
                raise SystemExit("the machine does not come up")
            time.sleep(1)
            self._leader = children.read_text().split(" ")[0]

    def type(self, commands: str) -> str:
        """Type commands as an operator does. Returns what they print. Exits where one fails."""
        script = self._folder / "srv" / "commands.sh"
        script.write_text(commands, encoding="utf-8")
        variables = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "HOME=/root", "LANG=C.UTF-8"]
        inside = ["nsenter", "-t", self._leader, "-a", "env", "-i", *variables]
        done = subprocess.run([*inside, "bash", "-e", "/srv/commands.sh"], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{commands}\n{(done.stdout + done.stderr)[-3000:]}")
        return done.stdout

    def ask(self, command: str) -> dict[str, object]:
        return dict(json.loads(self.type(f"sudo loa {command} --json || true")))

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=120)


def make_machine(folder: Path, suite: str, packages: str, commit: str = "HEAD") -> None:
    """Make a bare Debian with the program's repository, as a clone has it, and the certificates that this machine trusts."""
    for program, package in (("mmdebstrap", "mmdebstrap"), ("systemd-nspawn", "systemd-container")):
        if shutil.which(program) is None:
            raise SystemExit(f"no {program}: apt-get install {package}")
    shutil.rmtree(folder, ignore_errors=True)
    made = ["mmdebstrap", "--quiet", "--variant=apt", f"--include={packages}", suite, str(folder)]
    subprocess.run(made, check=True)
    shutil.copy("/etc/resolv.conf", folder / "etc")
    (folder / "etc" / "hosts").write_text("127.0.0.1 localhost\n")  # as Debian's installer writes it
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", folder / "srv" / "ca.crt")
    (folder / "etc" / "pip.conf").write_text("[global]\ncert = /srv/ca.crt\n")
    repository = str(folder / "srv" / "loa.git")
    clone = ["git", "clone", "-q", "--bare", str(ROOT), repository]
    go_back = ["git", "-C", repository, "update-ref", "--no-deref", "HEAD", commit]
    for command in (clone, go_back):
        subprocess.run(command, check=True)


def read_guide(commit: str) -> dict[int, str]:
    """Return the guide's commands by section."""
    shown = ["git", "show", f"{commit}:docs/installation.vi.md"]
    text = subprocess.run(shown, cwd=ROOT, check=True, capture_output=True).stdout.decode()
    sections: dict[int, str] = {}
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        commands = "\n".join(re.findall(r"```sh\n(.*?)```", part, re.DOTALL))
        sections[int(part.split(".")[0])] = commands.replace("ĐỊA_CHỈ_KHO_MÃ", "/srv/loa.git")
    return sections


def build_next(folder: Path) -> str:
    """Build a wheel of the committed program under the next version, for the upgrade. Returns its name."""
    source = folder / "srv" / "next"
    source.mkdir()
    archive = subprocess.run(ARCHIVE, cwd=ROOT, check=True, capture_output=True)
    subprocess.run([*UNPACK, str(source)], input=archive.stdout, check=True)
    # As `make wheel` does: libraries are installed by its hashes.
    shutil.copy(source / "requirements.txt", source / "deploy")
    init = source / "deploy" / "__init__.py"
    text = init.read_text()
    init.write_text(re.sub(r'(VERSION = "\d+\.\d+\.)(\d+)"', lambda m: f'{m[1]}{int(m[2]) + 1}"', text))
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "build", "-q", "--wheel", "-o", folder / "srv", source], check=True)
    return next((folder / "srv").glob("loa-*.whl")).name


def play(machine: Machine, guide: dict[int, str], wheel: str) -> None:
    """Type the guide, then upgrade in the middle of a send, and restore elsewhere."""
    for section, commands in guide.items():
        if commands:
            began = time.monotonic()
            machine.type(f"export DEBIAN_FRONTEND=noninteractive\n{commands}")
            print(f"section {section}: {time.monotonic() - began:.0f} s", flush=True)
    checks = machine.ask("doctor")["checks"]
    faults = {each["check"] for each in checks if each["level"] == "fault"}  # type: ignore[attr-defined]
    # The name of the example leads nowhere.
    assert faults <= {"certificate"}, faults
    machine.type(SEND)
    # Loa 1.1.0 knows no checksum.
    sha256 = f"$(loa upgrade --help | grep -q sha256 && sha256sum /srv/{wheel} | sed 's/^/--sha256 /; s/ [^ ]*$//')"
    print(machine.type(f"sudo loa upgrade /srv/{wheel} {sha256} 2>&1").strip(), flush=True)
    ends = time.monotonic() + 300
    while (state := machine.ask("campaigns status 2")["state"]) != "completed" and time.monotonic() < ends:
        time.sleep(2)
    ledger = machine.type("curl -s http://127.0.0.1:8001/_ledger").splitlines()
    sent = [number for number in (json.loads(line)["To"] for line in ledger) if number.startswith("+84913")]
    print(f"{state}: sent {len(sent)}, lost {PEOPLE - len(set(sent))}, twice {len(sent) - len(set(sent))}")
    assert len(sent) == len(set(sent)) == PEOPLE
    restored = json.loads(machine.type(RESTORE).splitlines()[-1])
    assert restored["recipients"] == PEOPLE
    print("restored elsewhere: all of it works")


def processes_below(pid: int) -> list[int]:
    """Return the ids of a process and all its descendants."""
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # one that has just ended
            for child in children.read_text().split():
                found += processes_below(int(child))
    return found


def measure(pid: int) -> tuple[int, int]:
    """Return the memory in MiB, of what is shared a part, and the processor's seconds of a process and its descendants."""
    kib = ticks = 0
    for each in processes_below(pid):
        with suppress(OSError):
            rollup = Path(f"/proc/{each}/smaps_rollup").read_text()
            kib += sum(map(int, re.findall(r"^Pss: +(\d+)", rollup, re.MULTILINE)))
            # Its own, and those of its children that have ended.
            ticks += sum(map(int, Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()[11:15]))
    return kib // 1024, ticks // os.sysconf("SC_CLK_TCK")


def measure_disk(folder: Path) -> int:
    """Return what a folder takes on the disk, in MiB; a file of two names, as uv's cache has them, once."""
    blocks = {}
    for path in folder.rglob("*"):
        with suppress(OSError):  # one that has just been removed
            blocks[path.lstat().st_ino] = path.lstat().st_blocks
    return sum(blocks.values()) // 2048


def type_readme(folder: Path, suite: str, user: str) -> None:
    """Type the README's two commands in a clone of this user, and print the seconds, the memory and the disk that they take."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Two commands")[2]
    run, test = re.findall(r"^(make \w+) +#", section.partition("\n## ")[0], re.MULTILINE)
    port = int(os.environ.get("PORT", "8000"))
    ports = [f"--setenv={name}" for name in ("PORT", "SIMULATOR_PORT") if name in os.environ]
    # A /dev/shm of its own: tests remove there what processes left that /proc does not have. uv knows no pip.conf.
    own = ["--as-pid2", "--tmpfs=/dev/shm:mode=1777", "--setenv=SSL_CERT_FILE=/srv/ca.crt"]
    options = [*own, *ports, "sh", "-ec"]
    if user != "root":
        start_machine(folder, *options, f"useradd -m {user} && chown -R {user} /srv").wait()
        options.insert(0, f"--user={user}")
    start_machine(folder, *options, "cd; git clone -q /srv/loa.git loa").wait()
    empty = measure_disk(folder)

    def start(command: str) -> subprocess.Popen[bytes]:
        return start_machine(folder, *options, f"cd && cd loa && exec {command}")

    def report(event: str, began: float, memory: int, processor: int) -> None:
        took, disk = time.monotonic() - began, measure_disk(folder) - empty
        taken = f"{processor} s of processor, {memory} MiB of memory, {disk} MiB of disk"
        print(
            f"{suite}, {user}: {event} after {took:.0f} s (load {os.getloadavg()[1]:.0f}), {taken}",
            flush=True,
        )

    began = time.monotonic()
    running = start(run)
    try:
        while not answers_http(port, "/login"):
            if running.poll() is not None:
                raise SystemExit(f"{suite}: `{run}` has ended")
            time.sleep(0.2)
        report(f"`{run}`, first page", began, *measure(running.pid))
        time.sleep(IDLE_AFTER_S)
        report(f"`{run}`, idle", began, *measure(running.pid))
    finally:
        stopped = time.monotonic()
        for pid in processes_below(running.pid):
            if b"deploy.run" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.killpg(os.getpgid(pid), signal.SIGINT)  # Ctrl-C
    running.wait(60)
    print(f"{suite}: `{run}` has ended {time.monotonic() - stopped:.0f} s after Ctrl-C", flush=True)
    began, memory, processor = time.monotonic(), 0, 0
    running = start(test)
    while running.poll() is None:
        now = measure(running.pid)
        memory, processor = max(memory, now[0]), max(processor, now[1])
        time.sleep(5)
    report(f"`{test}`, status {running.returncode}", began, memory, processor)
    if running.returncode:
        raise SystemExit(running.returncode)


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.drills.bare_machine")
    options.add_argument("--readme", action="store_true", help="the README's two commands, on each Debian")
    options.add_argument("--earlier", metavar="COMMIT", default="HEAD", help="the version to upgrade from")
    options.add_argument("--folder", type=Path, default=ROOT / "var" / "bare-machine")
    given = options.parse_args()
    if os.geteuid():
        raise SystemExit("this needs root: sudo make check-bare")
    if given.readme:
        for suite, user in (("trixie", "root"), ("bookworm", "newcomer")):
            make_machine(given.folder, suite, README_PACKAGES)
            type_readme(given.folder, suite, user)
            shutil.rmtree(given.folder)
        return 0
    make_machine(given.folder, "trixie", GUIDE_PACKAGES, given.earlier)
    wheel = build_next(given.folder)
    machine = Machine(given.folder)
    try:
        play(machine, read_guide(given.earlier), wheel)
    finally:
        machine.stop()
        shutil.rmtree(given.folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
