import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from actors.settings import (
    CleanupOptions,
    FeedOptions,
    FilesCheck,
    FilesOptions,
    JsonPaths,
    ReportOptions,
    SettingsError,
    SourceOptions,
)
from actors.settings.roots import refused_root


def test_a_time_of_day_is_text_or_a_time() -> None:
    source = SourceOptions(expected="15:40", check_times=["15:45", dt.time(16)])
    assert source.expected == dt.time(15, 40)
    assert source.check_times == (dt.time(15, 45), dt.time(16))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SourceOptions(expected="25:00"), 'expected is "25:00"; expected a time of day'),
        (lambda: SourceOptions(country="KRR"), 'country is "KRR"; .* did you mean "KR"'),
        (lambda: SourceOptions(closed=("31-12",)), "closed is"),
        (lambda: SourceOptions(title="("), "title is"),
        (lambda: SourceOptions(url="http://a/", file="b"), "either url or file"),
        (lambda: FeedOptions(url="http://a/", file="b"), "either url or file"),
        (lambda: FeedOptions(retry_interval=10, retry_max=5), "retry_max is 5"),
        (lambda: FeedOptions(sources={"a": SourceOptions(days="business")}), "sources.a.country is missing"),
        (lambda: FeedOptions(sources={"a": SourceOptions(country="KR")}), 'days = "business" beside it'),
        (lambda: FeedOptions(sources={"A b": SourceOptions()}), "sources"),
        (lambda: JsonPaths(items="$.x["), "a JSON path"),
        (lambda: FilesCheck(), "one of max_age, min_bytes"),
        (lambda: FilesCheck(min_files=3, max_files=2), "max_files is 2"),
        (lambda: FilesCheck(files=("../x",), max_files=2), "a pattern of paths below the root"),
        (lambda: FilesCheck(files=("/x",), max_files=2), "a pattern of paths below the root"),
        (lambda: CleanupOptions(dry_run=False), "one of older_than"),
        (lambda: ReportOptions(interval=5, cron="0 9 * * *"), "either interval or cron"),
    ],
)
def test_what_is_wrong_is_said(make: Callable[[], object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        make()


def test_the_names_of_the_contract_bring_their_business_days_along() -> None:
    FeedOptions(sources={"kospi-close": SourceOptions(), "exchange-rate": SourceOptions(days="business")})


@pytest.mark.parametrize(
    "root",
    [
        "/",
        "//",
        "/.",
        "/tmp",  # noqa: S108 - refused
        "/tmp/..",  # noqa: S108 - refused
        "/home",
        "/usr/share/x",
        "/etc",
        "/proc/1",
        "/var",
        "~",
        "~/",
        "~/..",
        "~/x/..",
    ],
)
def test_a_root_that_is_more_than_a_cache_is_never_cleaned_up(root: str) -> None:
    cleanup = CleanupOptions(dry_run=True, keep_newest=1)
    with pytest.raises(SettingsError, match="root is"):
        FilesOptions(root=root, cleanup=cleanup)
    FilesOptions(root=root)  # looking is no harm


def test_the_home_and_what_is_above_it_are_refused_and_what_is_below_is_not(tmp_path: Path) -> None:
    assert refused_root(str(Path.home()))
    assert refused_root(str(Path.home().parent))
    assert refused_root(str(Path.home() / ".cache" / "news")) is None
    assert refused_root(str(tmp_path)) is None


def test_our_own_directories_are_refused_from_above_and_below(tmp_path: Path) -> None:
    ours = tmp_path / "data"
    for root in (tmp_path, ours, ours / "logs"):
        assert refused_root(str(root), [str(ours)]) == f"name another directory: {ours} is WatchHamster's own"
    assert refused_root(str(tmp_path / "data2"), [str(ours)]) is None


def test_a_clean_up_needs_a_root() -> None:
    with pytest.raises(SettingsError, match="root is missing"):
        FilesOptions(cleanup=CleanupOptions(dry_run=True, keep_newest=1))
