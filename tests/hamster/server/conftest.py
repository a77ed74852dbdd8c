"""The server's tests are run on the fast lane and on Hypercorn's own protocols."""

import inspect
from typing import cast

import pytest

from hamster.server import open_server


@pytest.fixture(autouse=True, params=["fast lane", "stock"])
def protocols(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of both speaks where a test does not say so. One marked `lane` is about the fast lane alone."""
    stock = request.param == "stock"
    if stock and request.node.get_closest_marker("lane") is not None:
        pytest.skip("about the fast lane alone")
    defaults = cast("dict[str, object]", inspect.unwrap(open_server).__kwdefaults__)
    monkeypatch.setitem(defaults, "fast_lane", not stock)
