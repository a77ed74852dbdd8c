"""The keeper process: `python -I -S DIRECTORY DESCRIPTOR OPEN_FILES`.

Without site and without the package's own `__init__`, which would bring Trio and all of us into a process
that is forked once per service. Its modules import one another relatively, so that they are the same modules
here and there: here they belong to a package of a name of its own.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType


def run() -> int:
    """Make the package and be the keeper."""
    directory = sys.path.pop(0)  # where Python found this file; as a search path it would shadow the library
    package = ModuleType("hamster_keeper")
    package.__path__ = [directory]
    sys.modules[package.__name__] = package
    status: int = import_module(".keeper_process", package.__name__).main(sys.argv[1:])
    return status


if __name__ == "__main__":
    sys.exit(run())
