"""The program `loa` as a process, `python -m admin`: Ctrl-C while it loads, which takes a second or more, says no more than later."""

import sys
from importlib import import_module

from deploy.command import translate

if __name__ == "__main__":
    try:
        program = import_module("admin.cli.program")
    except KeyboardInterrupt:
        sys.exit(translate("Aborted!"))
    program.main(sys.argv[1:])
