"""A yard per test, which must be empty of processes when the test is over."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.actors.services.yard import Yard, kill_all


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    made = Yard(tmp_path)
    yield made
    left = made.processes()
    kill_all(left)
    assert not left, "processes of the test live on"
