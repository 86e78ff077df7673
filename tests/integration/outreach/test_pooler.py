"""Loa behind PgBouncer in transaction mode, with the file of `deploy/cluster`."""

import os
import shutil
import subprocess
from datetime import UTC, datetime

import pytest
from sqlalchemy import make_url, text

from deploy.redis_server import can_listen, find_port
from outreach.backups.backups import create_backup
from outreach.core.db import Database
from outreach.rules.errors import BadInput
from tests.support.processes import ROOT
from tests.support.wait_until import wait_until

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def pooled(database_url, servers_folder):
    program = shutil.which("pgbouncer") or pytest.skip("no pgbouncer: apt-get install pgbouncer")
    server, port = make_url(database_url), find_port()
    (servers_folder / "userlist.txt").write_text('"postgres" ""\n')
    file = servers_folder / "pgbouncer.ini"
    places = {
        "loa = host=127.0.0.1 port=5432": f"loa = host={server.query['host']} dbname={server.database}",
        "= 6432": f"= {port}",
        "scram-sha-256": "trust",
        "/etc/pgbouncer": str(servers_folder),
    }
    wanted = (ROOT / "deploy/cluster/pgbouncer.ini").read_text()
    for place, own in places.items():
        assert place in wanted
        wanted = wanted.replace(place, own)
    file.write_text(f"{wanted}max_prepared_statements = 0\n")  # as before its version 1.21
    user = {"user": "nobody"} if os.geteuid() == 0 else {}
    process = subprocess.Popen([program, "-q", file], **user)
    wait_until(lambda: not can_listen(port))
    db = Database(f"postgresql+psycopg://postgres@127.0.0.1:{port}/loa")
    yield db
    db.close()
    process.kill()  # asked to end, it would wait for its clients
    process.wait()


def test_a_repeated_statement_is_understood_by_whichever_process_answers(pooled):
    def ask(connection):
        with connection.begin():
            return connection.scalar(text("SELECT pg_backend_pid()"))

    with pooled.engine.connect() as one, pooled.engine.connect() as other:
        asked = {ask(one) for _ in range(10)}
        with other.begin():
            other.execute(text("SELECT 1"))  # takes the process that the first has asked so far
            assert ask(one) not in asked


def test_a_backup_is_refused_that_would_leave_its_search_path_to_others(pooled, tmp_path):
    with pytest.raises(BadInput) as refused:
        create_backup(pooled, tmp_path / "backups", secret_key="k" * 32, keep=None, now=datetime.now(UTC))
    assert refused.value.code == "backup_through_pooler"
    assert not (tmp_path / "backups").exists()
