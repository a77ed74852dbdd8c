"""The whole backend as one block: what it gives, and that leaving it leaves nothing, however it is left."""

import os
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
import trio

import actors.system
from actors import (
    GetHistory,
    MetricsSettings,
    SampleTaken,
    ServiceChanged,
    ServiceSettings,
    State,
    SystemSettings,
    open_system,
)
from actors.runtime import ActorState, ActorStopped, TreeNode
from actors.services import Wanted
from actors.services.keeper import Keeper, open_keeper
from tests.actors.metrics.children import until
from tests.actors.services.yard import DEAF, PATIENCE, Story, Yard, kill_all, parent_of

ROOT = Path(__file__).parents[2]

POLITE = "trap 'echo goodbye; exit 0' TERM; echo up; while :; do sleep 0.01; done"
"""Says when it is up, and goodbye when it is asked to go."""

FAST = MetricsSettings(interval=0.1, history_seconds=600.0)


def children() -> set[int]:
    """The pids of our own children, zombies included."""
    ours = os.getpid()
    found: set[int] = set()
    for task in Path(f"/proc/{ours}/task").iterdir():
        try:
            found |= {int(pid) for pid in (task / "children").read_text().split()}
        except FileNotFoundError:
            continue  # a thread that ended
    return found


def descriptors() -> dict[int, str]:
    """What is open, by number."""
    found: dict[int, str] = {}
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found[int(entry.name)] = str(entry.readlink())
        except FileNotFoundError:
            continue  # the one that listed the directory
    return found


def tasks() -> int:
    return trio.lowlevel.current_statistics().tasks_living


async def open_and_leave(settings: SystemSettings, *ids: str) -> None:
    """One whole life, with these services running in it."""
    async with open_system(settings) as system:
        for service in ids:
            await system.services.start(service)
        for service in ids:
            await system.services.wait_for(service, State.RUNNING)


def working_threads() -> set[str]:
    """The names of all threads but Trio's spare ones, which wait some seconds for more work before they end."""
    return {thread.name for thread in threading.enumerate() if not thread.name.startswith("Trio thread ")}


@asynccontextmanager
async def nothing_left() -> AsyncGenerator[None]:
    """Fails if the block leaves a task, a child process, an open file or a working thread behind."""
    before = tasks(), children(), descriptors(), working_threads()
    yield
    await until(lambda: working_threads() <= before[3])  # a sample that was being taken is finished in vain
    assert tasks() == before[0], "tasks are left"
    assert children() - before[1] == set(), "child processes are left"
    after = descriptors()
    assert {number: after[number] for number in after.keys() - before[2].keys()} == {}, "open files are left"


# --- what it gives ---


async def test_it_gives_services_metrics_and_the_bus_with_their_events(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a"), metrics=FAST)) as system:
            samples, changes = system.bus.subscribe(SampleTaken), system.bus.subscribe(ServiceChanged)
            await system.services.start("a")
            first = await changes.receive()
            assert isinstance(first, ServiceChanged)
            assert (first.old.state, first.new.state) == (State.STOPPED, State.STARTING)
            assert (first.old.wanted, first.new.wanted) == (Wanted.DOWN, Wanted.UP), "one change, not two"
            assert isinstance(await samples.receive(), SampleTaken)
            assert (await system.metrics.ref.ask(GetHistory(10))).total >= 1
            assert system.metrics.readings.value.sample is not None
            assert list(system.services.board.value) == ["a"]
            assert not system.stopping


async def test_the_tree_names_every_actor_with_its_state(yard: Yard) -> None:
    idle = ServiceSettings(id="pages", kind="http")
    async with open_system(yard.settings(yard.service("a"), yard.service("b"), idle)) as system:
        # The followers of logs come as their files do.
        nodes = [node for node in flat(system.tree()) if not node.path.startswith("system/logs/")]
        assert [(node.path, node.kind) for node in nodes] == [
            ("system", "supervisor"),
            ("system/webhooks", "supervisor"),
            ("system/webhooks/outbox", "actor"),
            ("system/webhooks/router", "actor"),
            ("system/history", "supervisor"),
            ("system/history/recorder", "actor"),
            ("system/logs", "supervisor"),
            ("system/alerts", "supervisor"),
            ("system/alerts/book", "actor"),
            ("system/metrics", "supervisor"),
            ("system/metrics/sampler", "actor"),
            ("system/deployer", "supervisor"),
            ("system/deployer/repository", "actor"),
            ("system/deployer/deployer", "actor"),
            ("system/services", "supervisor"),
            ("system/services/a", "actor"),
            ("system/services/b", "actor"),
            ("system/services/pages", "actor"),
        ]
        assert {node.state for node in nodes} == {ActorState.RUNNING}


def flat(node: TreeNode) -> Iterator[TreeNode]:
    yield node
    for child in node.children:
        yield from flat(child)


async def test_patterns_name_services(yard: Yard) -> None:
    async with open_system(yard.settings(*map(yard.service, ("web-1", "web-2", "db")))) as system:
        assert system.services.matching("web-*") == ("web-1", "web-2")
        assert system.services.matching("db") == ("db",)
        with pytest.raises(LookupError, match=r"there is no service 'x\*'"):
            system.services.matching("x*")


async def test_a_data_directory_that_cannot_be_made_is_refused_before_anything_starts(yard: Yard) -> None:
    (yard.directory / "data").write_text("a file")
    async with nothing_left():
        with pytest.raises(OSError, match="data"):
            async with open_system(yard.settings(yard.service("a", autostart=True))):
                pytest.fail("it opened")


# --- leaving ---


async def test_leaving_stops_what_runs_and_its_refs_say_so(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.shell("a", POLITE), yard.service("b"))) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            await until(lambda: yard.log("a") == b"up\n")
        assert yard.log("a").endswith(b"goodbye\n")
        assert yard.processes() == []
        assert system.services.view("a").state is State.STOPPED
        assert system.services.view("a").wanted is Wanted.UP, "nobody wanted it down"
        assert story.so_far().count("stopped") == 1
        with pytest.raises(ActorStopped):
            await system.services.start("a")
        assert {node.state for node in flat(system.tree())} == {ActorState.STOPPED}


@pytest.mark.slow
async def test_graces_run_in_parallel(yard: Yard) -> None:
    names = [f"s{number}" for number in range(10)]
    services = [yard.shell(name, DEAF, stop_grace=0.5) for name in names]
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*services)) as system:
            for name in names:
                await system.services.start(name)
            await until(lambda: all(yard.log(name) == b"up\n" for name in names))
            leaving = trio.current_time()
        assert 0.5 <= trio.current_time() - leaving < 2.5


async def test_stopping_the_services_first_leaves_the_rest_to_answer(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a"), metrics=FAST)) as system:
            samples = system.bus.subscribe(SampleTaken)
            await system.services.start("a")
            await system.stop_services()
            assert system.stopping
            assert system.services.view("a").state is State.STOPPED
            samples.close()
            later = system.bus.subscribe(SampleTaken)
            assert isinstance(await later.receive(), SampleTaken)
            accepted = await system.services.start("a")
            assert (accepted.changed, accepted.view.state) == (False, State.STOPPED), "stopped for good"
            await system.stop_services()


async def test_services_that_are_being_stopped_can_be_killed_at_once(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.shell("a", DEAF, stop_grace=600.0))) as system:
            await system.services.start("a")
            await until(lambda: yard.log("a") == b"up\n")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(system.stop_services)
                await system.services.wait_for("a", State.STOPPING)
                system.kill_services()
            assert yard.processes() == []
            assert system.services.view("a").state is State.STOPPED


async def test_a_service_in_its_backoff_or_being_started_does_not_hold_up_the_end(yard: Yard) -> None:
    services = (
        yard.service("failing", "false", backoff_initial=600.0, backoff_max=600.0),
        yard.service("starting", start_seconds=600.0),
    )
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*services)) as system:
            for name in ("failing", "starting"):
                await system.services.start(name)
            await system.services.wait_for("failing", State.BACKOFF)
            leaving = trio.current_time()
        assert trio.current_time() - leaving < 2.0
        assert [view.state for view in system.services.board.value.values()] == [State.STOPPED] * 2


# --- however it is left ---


async def test_the_blocks_own_error_leaves_it_as_it_is_after_everything_was_stopped(yard: Yard) -> None:
    cause = ValueError("why")
    with trio.fail_after(PATIENCE):
        async with nothing_left():
            with pytest.raises(LookupError, match="mine") as caught:
                async with open_system(yard.settings(yard.shell("a", POLITE))) as system:
                    await system.services.start("a")
                    await until(lambda: yard.log("a") == b"up\n")
                    raise LookupError("mine") from cause
    assert caught.value.__cause__ is cause
    assert yard.log("a").endswith(b"goodbye\n")


async def test_an_error_keeps_what_it_was_raised_from_within(yard: Yard) -> None:
    with pytest.raises(LookupError) as caught:
        async with open_system(yard.settings()):
            try:
                raise ValueError("before")
            except ValueError:
                raise LookupError("mine")  # noqa: B904 - the context is what is looked at
    assert isinstance(caught.value.__context__, ValueError)
    assert not caught.value.__suppress_context__


async def test_a_cancellation_stops_the_services_properly(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with nothing_left():
            with trio.CancelScope() as scope:
                async with open_system(yard.settings(yard.shell("a", POLITE))) as system:
                    await system.services.start("a")
                    await until(lambda: yard.log("a") == b"up\n")
                    scope.cancel()
                    await trio.sleep_forever()
        assert scope.cancelled_caught
        assert yard.log("a").endswith(b"goodbye\n")


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(0, 20, 2))
async def test_a_cancellation_while_it_opens_leaves_nothing(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    """*moment*: turns of the event loop after opening began."""
    began = trio.Event()

    @asynccontextmanager
    async def watched(*, open_files: int | None = None) -> AsyncGenerator[Keeper]:
        began.set()
        async with open_keeper(open_files=open_files) as keeper:
            yield keeper

    async def cancel_then(scope: trio.CancelScope) -> None:
        await began.wait()
        for _ in range(moment):
            await trio.lowlevel.checkpoint()
        scope.cancel()

    monkeypatch.setattr(actors.system, "open_keeper", watched)
    services = [yard.service(f"s{number}", autostart=True) for number in range(3)]
    with trio.fail_after(PATIENCE):
        async with nothing_left(), trio.open_nursery() as nursery:
            nursery.start_soon(cancel_then, nursery.cancel_scope)
            async with open_system(yard.settings(*services)):
                await trio.sleep_forever()
        assert yard.processes() == []


async def test_several_errors_at_once_stay_a_group(yard: Yard) -> None:
    async def fail(error: Exception) -> None:
        raise error

    with pytest.raises(ExceptionGroup) as caught:
        async with open_system(yard.settings()), trio.open_nursery() as nursery:
            nursery.start_soon(fail, LookupError("one"))
            nursery.start_soon(fail, ValueError("two"))
    assert {type(error) for error in caught.value.exceptions} == {LookupError, ValueError}


# --- several of them, and nothing left ---


async def test_two_systems_live_side_by_side_and_end_each_for_itself(yard: Yard) -> None:
    one, two = (attrs.evolve(yard, directory=yard.directory / name) for name in ("one", "two"))
    with trio.fail_after(PATIENCE):
        async with open_system(two.settings(two.shell("a", "echo two; exec sleep 1000"))) as second:
            async with open_system(one.settings(one.shell("a", "echo one; exec sleep 1000"))) as first:
                stories = [Story.of(system.bus) for system in (first, second)]
                for system in (first, second):
                    await system.services.start("a")
                    await system.services.wait_for("a", State.RUNNING)
                pids = {first.services.view("a").pid, second.services.view("a").pid}
                assert set(yard.processes()) == pids
            assert set(yard.processes()) == {second.services.view("a").pid}
            assert second.services.view("a").state is State.RUNNING
            assert [story.so_far() for story in stories] == [["started", "stopped"], ["started"]]
    assert (one.log("a"), two.log("a")) == (b"one\n", b"two\n")


async def test_a_system_opens_again_where_another_was_left(yard: Yard) -> None:
    settings = yard.settings(yard.shell("a", "echo up; exec sleep 1000"))
    with trio.fail_after(PATIENCE):
        for count in (1, 2, 3):
            async with open_system(settings) as system:
                if count == 1:
                    await system.services.start("a")  # from then on that is what is wanted of it
                await until(lambda count=count: yard.log("a") == b"up\n" * count)


@pytest.mark.slow
async def test_nothing_is_left_of_a_system_but_its_files(yard: Yard) -> None:
    names = ("a", "b", "c")
    settings = yard.settings(*map(yard.service, names), metrics=FAST)
    with trio.fail_after(PATIENCE):
        await open_and_leave(settings, *names)  # whatever a process makes once, such as Trio's first worker thread
        async with nothing_left():
            for _ in range(3):
                await open_and_leave(settings, *names)


@pytest.mark.slow
async def test_a_lost_keeper_leaves_no_zombie_and_no_open_file(yard: Yard) -> None:
    settings = yard.settings(yard.service("a"))
    with trio.fail_after(PATIENCE):
        await open_and_leave(settings, "a")
        async with nothing_left(), open_system(settings) as system:
            story = Story.of(system.bus)
            await system.services.start("a")
            pid = (await system.services.wait_for("a", State.RUNNING)).pid
            assert pid is not None
            kill_all([parent_of(parent_of(pid))])
            await story.until("recovered")


@pytest.mark.slow
async def test_a_system_that_is_killed_leaves_no_process(yard: Yard) -> None:
    program = [sys.executable, "-m", "tests.actors.owner", str(yard.directory), yard.mark]
    with trio.fail_after(PATIENCE):
        process = await trio.lowlevel.open_process(program, stdout=subprocess.PIPE, cwd=ROOT)
        assert process.stdout is not None
        async with process.stdout:
            try:
                assert await process.stdout.receive_some() == b"running\n"
                await until(lambda: len(yard.processes()) == 3)
            finally:
                process.kill()
                await process.wait()
            await until(lambda: yard.processes() == [])
