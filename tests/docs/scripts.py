"""The scripts that write parts of the pages, for tests to call."""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import cast

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def function_of(script: str, name: str) -> Callable[..., str]:
    """The function *name* of docs/*script*, which is no package and cannot be imported."""
    return cast("Callable[..., str]", runpy.run_path(str(DOCS / script))[name])
