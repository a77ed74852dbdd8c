"""What the keeper is told to run: everything that the settings say, in the keeper's own terms."""

from pathlib import Path

import attrs
import pytest
import trio

from actors import ProcessOptions, ServiceSettings, State, open_system
from actors.services.keeper import ProcessSpec, Rotation
from actors.services.run_spec import spec_of
from actors.settings import AliveOptions, LogOptions, ReadyOptions
from tests.actors.metrics.children import until
from tests.actors.services.yard import PATIENCE, Yard


def spec(*, log: LogOptions | None = None, **options: object) -> ProcessSpec:
    process = attrs.evolve(ProcessOptions(command=("true",)), **options)
    settings = ServiceSettings(id="a", process=process, log=log or LogOptions())
    return spec_of(settings, process, Path("/logs"), {"A": "1"})


def test_a_plain_service_has_the_defaults_and_its_log_is_rotated() -> None:
    assert spec() == ProcessSpec(
        argv=("true",),
        env={"A": "1"},
        cwd=None,
        log_path="/logs/a.log",
        grace=10.0,
        rotation=Rotation(10 * 1024 * 1024, None, 5, True, None),
    )


def test_everything_that_settings_say_is_in_it() -> None:
    made = spec(
        command=("a", "b"),
        cwd="/tmp",  # noqa: S108 - nothing is written there
        user="nobody",
        group="nogroup",
        umask="027",
        nice=5,
        limits={"nofile": 100, "core": "unlimited"},
        stdin="pipe",
        stop_grace=3.0,
        log=LogOptions(max_bytes="1M", max_age=60, keep=2, compress=False, budget="8M"),
    )
    assert (made.argv, made.cwd, made.user, made.group) == (("a", "b"), "/tmp", "nobody", "nogroup")  # noqa: S108
    assert (made.umask, made.nice, made.limits) == (0o027, 5, {"nofile": 100, "core": -1})
    assert (made.stdin, made.grace) == ("pipe", 3.0)
    assert made.rotation == Rotation(2**20, 60, 2, False, 8 * 2**20)
    assert not made.notify


@pytest.mark.parametrize(
    ("ready", "alive", "notify", "watchdog"),
    [
        (None, None, False, None),
        (ReadyOptions(notify=True), None, True, None),
        (None, AliveOptions(notify=True, interval=3.0), True, 3.0),
        (ReadyOptions(tcp="localhost:1"), AliveOptions(tcp="localhost:1"), False, None),
    ],
)
def test_who_is_to_speak_has_a_socket_to_speak_to(
    ready: ReadyOptions | None, alive: AliveOptions | None, notify: bool, watchdog: float | None
) -> None:
    made = spec(ready=ready, alive=alive)
    assert (made.notify, made.watchdog) == (notify, watchdog)


async def test_a_process_has_the_umask_the_priority_and_the_limits_of_its_settings(yard: Yard) -> None:
    service = yard.shell("a", "umask; nice; ulimit -n; exec sleep 1000", umask="027", nice=3, limits={"nofile": 77})
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service)) as system:
            await system.services.start("a")
            await system.services.wait_for("a", State.RUNNING)
            await until(lambda: yard.log("a") == b"0027\n3\n77\n")


async def test_a_user_who_is_not_there_is_a_failed_start_that_names_it(yard: Yard) -> None:
    service = yard.service("a", user="nobody-of-this-name", fatal_failures=1)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service)) as system:
            await system.services.start("a")
            view = await system.services.wait_for("a", State.FATAL)
            assert view.last_failure is not None
            assert view.last_failure.reason == "spawn"
            assert "nobody-of-this-name" in view.last_failure.detail
