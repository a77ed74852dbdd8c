"""What is set at run time, over any configuration."""

import pathlib
import tempfile
from typing import cast

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.settings import AlertRule, AlertSettings, SystemSettings
from hamster.settings.exports import Format, UnreadableDocument, decoded, encoded
from hamster.settings.files import Saved, read, write
from hamster.settings.overlay import Path, Table, applied, changes, leaves, merged, owned, without

BASE = SystemSettings(data_dir=pathlib.Path("/nowhere"))
KEYS = st.sampled_from(["a", "b", "cpu_high", "x-1"])
VALUES = st.one_of(st.integers(-5, 5), st.booleans(), st.text(max_size=5), st.floats(0, 9))
TABLES = st.recursive(
    st.dictionaries(KEYS, VALUES, max_size=3), lambda inner: st.dictionaries(KEYS, st.one_of(VALUES, inner), max_size=3)
)
PERCENT = st.floats(1, 99, allow_nan=False).map(lambda value: round(value, 1))
OVERLAYS: st.SearchStrategy[Table] = cast(
    "st.SearchStrategy[Table]",
    st.fixed_dictionaries(
        {},
        optional={
            "metrics": st.fixed_dictionaries({}, optional={"interval": st.sampled_from([0.5, 2.0, 10.0])}),
            "alerts": st.fixed_dictionaries(
                {},
                optional={
                    "rules": st.dictionaries(
                        st.sampled_from(["cpu_high", "disk_high"]),
                        st.fixed_dictionaries(
                            {}, optional={"enabled": st.booleans(), "above": PERCENT, "for": PERCENT}
                        ),
                    )
                },
            ),
            "logs": st.fixed_dictionaries({"retention": st.fixed_dictionaries({}, optional={"max_days": PERCENT})}),
            "webhooks": st.fixed_dictionaries(
                {
                    "addresses": st.dictionaries(
                        st.sampled_from(["default", "posco"]), st.just("https://example.com/x?k=1")
                    )
                }
            ),
        },
    ),
)


def within(path: Path, other: Path) -> bool:
    return path[: len(other)] == other


@given(TABLES, TABLES)
def test_a_change_says_what_is_there_afterwards_and_leaves_the_rest(base: Table, change: Table) -> None:
    found = merged(base, change)
    wanted, left = dict(leaves(change)), dict(leaves(base))
    assert {path: value for path, value in leaves(found) if path in wanted} == wanted
    shadowed = [
        path for path in left if any(path[: len(other)] == other or other[: len(path)] == path for other in wanted)
    ]
    for path, value in left.items():
        if path not in shadowed:
            assert dict(leaves(found)).get(path, "gone") in (value, "gone")
    for path in wanted:
        assert path not in dict(leaves(without(found, path)))


@given(OVERLAYS)
@settings(deadline=None)
def test_an_overlay_that_is_exported_and_imported_comes_to_the_same(overlay: Table) -> None:
    before, problems = applied(BASE, overlay)
    assert problems == []
    forms: tuple[Format, ...] = ("json", "yaml")
    for form in forms:
        again = decoded(encoded({"version": 3, "settings": overlay}, form))
        assert again == overlay
        assert applied(BASE, again)[0] == before


@given(OVERLAYS)
@settings(deadline=None)
def test_what_is_written_is_read_again(overlay: Table) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "settings.json"
        write(path, Saved(overlay, 7, None, "why", "change"))
        assert read(path) == Saved(overlay, 7, None, "why", "change")
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_rule_with_another_threshold_forgets_the_one_before() -> None:
    found, problems = applied(BASE, {"alerts": {"rules": {"cpu_high": {"below": 5.0}}}})
    assert problems == []
    assert found is not None
    rule = found.settings.alerts.rules["cpu_high"]
    assert (rule.figure, rule.above, rule.below, rule.clear) == ("cpu_percent", None, 5.0, None)


def test_what_cannot_be_is_said_by_its_key() -> None:
    cases: list[tuple[Table, str]] = [
        ({"metrics": {"interval": 0}}, "metrics.interval"),
        ({"metrics": {"intervall": 2}}, "metrics.intervall"),
        ({"metric": {}}, "metric"),
        ({"alerts": 5}, "alerts"),
        ({"alerts": {"rules": {"new": {"figure": "cpu_percent"}}}}, "alerts.rules.new.above"),
        ({"alerts": {"maintenance": []}}, "alerts.maintenance"),
        ({"logs": {"retention": {"max_days": "long"}}}, "logs.retention.max_days"),
        ({"logs": {"files": {}}}, "logs.files"),
        ({"webhooks": {"addresses": {"default": "ftp://x"}}}, "webhooks.addresses.default"),
        ({"webhooks": {"addresses": {"mine": "https://x.example"}}}, "webhooks.addresses.mine"),
    ]
    for overlay, key in cases:
        found, problems = applied(BASE, overlay)
        assert found is None
        assert key in [".".join(problem.path) for problem in problems], (overlay, problems)


def test_what_the_file_has_otherwise_is_the_files() -> None:
    file = {"metrics": {"interval": 5}, "logs": {"retention": {"max_days": 3}}}
    assert owned({"metrics": {"interval": 5, "history_seconds": 60}}, file) == []
    assert owned({"metrics": {"interval": 6}}, file) == [("metrics", "interval")]
    assert owned({"logs": {"retention": {"max_files": 3}}}, file) == [("logs", "retention", "max_files")]


def test_changes_name_what_came_and_what_went() -> None:
    found = changes({"a": {"b": 1, "c": 2}}, {"a": {"b": 3, "d": 4}})
    assert {(one.key, one.old, one.new) for one in found} == {("a.b", 1, 3), ("a.c", 2, None), ("a.d", None, 4)}


def test_a_document_that_is_none_is_refused() -> None:
    bomb = b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
    for content in (
        b"\xff\xfe",
        b"[1, 2]",
        b"a: b: c",
        b"!!python/object/apply:os.system ['true']",
        bomb,
        b"--- 1\n--- 2",
    ):
        with pytest.raises(UnreadableDocument):
            decoded(content)
    assert decoded(b"metrics:\n  interval: 5\n") == {"metrics": {"interval": 5}}


def test_rules_of_the_configuration_are_the_base() -> None:
    base = attrs.evolve(BASE, alerts=AlertSettings(rules={"mine": AlertRule(figure="cpu_percent", above=50.0)}))
    found, _ = applied(base, {"alerts": {"rules": {"mine": {"for": 5.0}}}})
    assert found is not None
    rule = found.settings.alerts.rules["mine"]
    assert (rule.above, rule.for_) == (50.0, 5.0)
