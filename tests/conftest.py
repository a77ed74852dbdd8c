"""What holds for every test."""

from typing import cast

import pytest
from hypothesis import settings

from hamster.server_settings import ServerSettings

# A timing is never what a test is about: the machine may be busy with the other tests.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--stock`: the tests of the API are answered by Hypercorn's own protocols."""
    parser.addoption("--stock", action="store_true", help="serve without the fast lane, where a test does not say so")


def pytest_configure(config: pytest.Config) -> None:
    """Take the fast lane away, for servers in the tests' own process."""
    if config.getoption("--stock"):
        cast("dict[str, object]", ServerSettings.__init__.__kwdefaults__)["fast_lane"] = False
