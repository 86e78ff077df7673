"""Look at the servers of a run before it starts: `python -m deploy.servers`, with the variables of the run.

Waits until Redis answers, and ends with the status EMPTY where no migration has run in the database.
"""

import os
import sys
import time

EMPTY = 3
READY = 60.0  # seconds until everything should answer


class NotUsable(Exception):
    """A server that does not answer; `str()` says which and why."""


def wait_for_redis(url: str) -> None:
    """Wait until Redis answers. Raises NotUsable after `READY` seconds."""
    import redis  # noqa: PLC0415 - EMPTY and READY are read by `deploy.run`, which is to stay small

    began, is_said = time.monotonic(), False
    while True:
        try:
            with redis.Redis.from_url(url, socket_timeout=2) as client:
                client.ping()
                return
        except ValueError as error:
            raise NotUsable("REDIS_URL is not the address of a Redis: redis://…") from error
        except redis.RedisError as error:
            if time.monotonic() > began + READY:
                raise NotUsable(f"Redis has not answered for {READY:g} s: see REDIS_URL.") from error
            if time.monotonic() > began + 2 and not is_said:
                is_said = True
                print("Redis does not answer yet: it is being waited for.", flush=True)
        time.sleep(0.2)


def is_empty(url: str) -> bool:
    """Check that no migration has ever run in this database. Raises NotUsable."""
    import sqlalchemy  # noqa: PLC0415

    try:
        address = sqlalchemy.make_url(url)
    except sqlalchemy.exc.ArgumentError as error:
        raise NotUsable("DATABASE_URL is not a database's address: postgresql://… or sqlite:///…") from error
    if address.drivername in ("postgres", "postgresql"):
        address = address.set(drivername="postgresql+psycopg")
    engine = sqlalchemy.create_engine(address)
    try:
        return not sqlalchemy.inspect(engine).has_table("alembic_version")
    except sqlalchemy.exc.DBAPIError as error:
        raise NotUsable(f"The database in DATABASE_URL cannot be reached: {error.orig}") from error
    finally:
        engine.dispose()


if __name__ == "__main__":
    try:
        wait_for_redis(os.environ["REDIS_URL"])
        sys.exit(EMPTY if is_empty(os.environ["DATABASE_URL"]) else 0)
    except NotUsable as error:
        sys.exit(str(error))
