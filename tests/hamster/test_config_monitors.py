"""What of the monitors' tables is special to a file: relative paths, and roots that are wrong at their place."""

from pathlib import Path

import pytest

from actors.settings import FeedOptions, FilesOptions
from hamster.config import ConfigError, load_config

FEED = """
[services.posco_news]
file = "feed.xml"
[services.posco_news.sources.exchange-rate]
file = "rates.json"
expected = 16:45:00
[services.posco_news.sources.kospi-close]
title = "증시"
[services.cache_monitor]
root = "cache"
cleanup = { dry_run = false, older_than = 3600 }
[services.cache_monitor.checks.fresh]
files = ["*.json"]
max_age = 600
"""


def test_files_of_feeds_and_the_root_are_relative_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "hamster.toml"
    path.write_text(FEED, "utf-8")
    services = {service.id: service for service in load_config(path).services}
    feed, files = services["posco_news"].monitor, services["cache_monitor"].monitor
    assert isinstance(feed, FeedOptions)
    assert isinstance(files, FilesOptions)
    assert feed.file == str(tmp_path / "feed.xml")
    assert feed.sources["exchange-rate"].file == str(tmp_path / "rates.json")
    assert feed.sources["kospi-close"].file is None
    assert files.root == str(tmp_path / "cache")


def test_a_relative_root_that_is_everything_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "hamster.toml"
    up = "/".join([".."] * len(tmp_path.parts))
    path.write_text(f"[services.a]\nkind = 'files'\nroot = '{up}'\ncleanup = {{ dry_run = true, keep_newest = 1 }}\n")
    with pytest.raises(ConfigError, match=r"hamster.toml:3: services.a.root is .* this is everything"):
        load_config(path)
