"""Servers that the tests of a module share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.hamsters import Hamster, hamster


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hamster]:
    """`hamster demo` with all of its services up, for tests that leave them as they found them."""
    directory: Path = tmp_path_factory.mktemp("demo")
    with hamster("demo", "--port", "0", "--data-dir", str(directory / "data"), directory=directory) as running:
        for service in ("newsroom", "flaky"):
            running.wait_for(service, status="running")
        yield running
        assert " ERROR " not in running.log(), "something went wrong behind an answer that was right"
