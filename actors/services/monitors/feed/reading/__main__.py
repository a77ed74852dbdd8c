"""The reading process: `python -I -X utf8 DIRECTORY`, a request on its input, an answer on its output.

Its modules import one another relatively, as a package of a name of its own: without Trio and all of us.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType


def run() -> int:
    """Make the package and read one document."""
    directory = sys.path.pop(0)  # where Python found this file; as a search path it would shadow the library
    package = ModuleType("hamster_reading")
    package.__path__ = [directory]
    sys.modules[package.__name__] = package
    status: int = import_module(".reading_process", package.__name__).main()
    return status


if __name__ == "__main__":
    sys.exit(run())
