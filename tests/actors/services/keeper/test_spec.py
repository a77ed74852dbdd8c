from __future__ import annotations

import attrs
import pytest

from actors.services.keeper import InvalidSpec, ProcessSpec, Rotation

GOOD = ProcessSpec(argv=("true",), env={}, cwd=None, log_path="service.log", grace=1.0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("argv", ()),
        ("argv", ("",)),
        ("argv", ("echo", "a\0b")),
        ("env", {"": "x"}),
        ("env", {"A=B": "x"}),
        ("env", {"A": "x\0y"}),
        ("cwd", ""),
        ("log_path", ""),
        ("grace", -1.0),
        ("grace", float("nan")),
        ("grace", float("inf")),
        ("user", ""),
        ("group", "a\0b"),
        ("umask", 0o1000),
        ("umask", -1),
        ("nice", 20),
        ("nice", -21),
        ("limits", {"files": 1}),
        ("limits", {"nofile": -2}),
        ("stdin", "file"),
        ("watchdog", 0.0),
        ("watchdog", float("inf")),
    ],
)
def test_a_field_no_process_can_have_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(InvalidSpec) as caught:
        attrs.evolve(GOOD, **{field: value})
    assert caught.value.field == field
    assert f"ProcessSpec.{field}" in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [("max_bytes", 0), ("max_bytes", -1), ("max_age", 0.0), ("max_age", float("nan")), ("keep", -1), ("budget", 0)],
)
def test_a_rotation_that_cannot_be_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(InvalidSpec) as caught:
        attrs.evolve(Rotation(), **{field: value})
    assert caught.value.field == f"rotation.{field}"


def test_a_spec_larger_than_any_command_is_refused_before_it_is_sent() -> None:
    huge = attrs.evolve(GOOD, env={"A": "x" * 17_000_000})
    with pytest.raises(InvalidSpec, match="at most"):
        huge.packed()


def test_the_environment_does_not_show_when_a_spec_is_printed() -> None:
    assert "hunter2" not in repr(attrs.evolve(GOOD, env={"PASSWORD": "hunter2"}))
