"""A workshop per test, which must be empty of processes when the test is over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .workshop import Workshop, kill_all


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    made = Workshop(tmp_path)
    yield made
    left = made.processes()
    kill_all(left)
    assert not left, "processes of the test live on"
