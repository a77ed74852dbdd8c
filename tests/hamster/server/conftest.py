"""What serves plain HTTP/1 in the server's tests."""

import inspect
from typing import cast

import pytest

from hamster.server import open_server


@pytest.fixture(params=["fast lane", "stock"])
def both_protocols(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test with it runs on the fast lane, and again on Hypercorn's own protocols, where it does not say which."""
    defaults = cast("dict[str, object]", inspect.unwrap(open_server).__kwdefaults__)
    monkeypatch.setitem(defaults, "fast_lane", request.param == "fast lane")
