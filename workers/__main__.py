"""A worker at one queue: `python -m workers QUEUE`, as `loa-worker@` starts it.

The same as the command `worker --queues QUEUE`, in a process that loads no pages: 30 MB less.
"""

import gc
import sys

# As in wsgi.py: all that is loaded stays.
gc.disable()

from deploy import language_of_environment  # noqa: E402
from outreach.core.logs import set_up_logs  # noqa: E402
from outreach.core.schema import require_current  # noqa: E402
from outreach.core.sentences import word_error  # noqa: E402
from outreach.core.settings import Settings  # noqa: E402
from outreach.rules.errors import LoaError  # noqa: E402
from outreach.runtime import freeze_loaded_objects, open_runtime  # noqa: E402
from workers.processes import parse_queues, work_alone  # noqa: E402


def main() -> None:
    settings = Settings.from_env()
    (queue,) = parse_queues(sys.argv[1])
    set_up_logs(settings)
    runtime = open_runtime(settings)
    require_current(runtime.db)
    runtime.close()  # none may be open when the database process is forked
    freeze_loaded_objects()
    gc.enable()
    work_alone(settings, queue)


if __name__ == "__main__":
    if len(sys.argv) != 2 or "," in sys.argv[1]:
        sys.exit(__doc__)
    try:
        main()
    except LoaError as error:
        sys.exit(word_error(error, language_of_environment()))
