"""Services that wait for others: when they start, when they give up waiting, and in which order all stop."""

import itertools
import os
import signal
from collections.abc import Mapping

import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from actors import ServiceSettings, State, open_system
from actors.services import Health, ServiceView, Wanted
from actors.services.dependencies import LOOKING, Standing, dependents, longest, outlook, standing
from actors.services.stopping import dependents_first
from actors.settings import AliveOptions, Condition, ExecOptions, ReadyOptions
from tests.actors.metrics.children import until
from tests.actors.services.test_robustness import crash
from tests.actors.services.yard import PATIENCE, Longest, Story, Yard, seeded


def after(service: ServiceSettings, *names: str, **conditions: Condition) -> ServiceSettings:
    """*service*, which depends on *names* and on those of *conditions*."""
    return attrs.evolve(service, depends_on=conditions or names)


# --- the rules ---


def view(state: State, health: Health = Health.UNKNOWN, *, asked: bool = False, kind: str = "process") -> ServiceView:
    yard = Yard.__new__(Yard)
    yard.mark = "rules"
    ready = ReadyOptions(tcp="localhost:1") if asked else None
    service = yard.service("db", ready=ready) if kind == "process" else ServiceSettings(id="db", kind=kind)  # type: ignore[arg-type]  # one of them
    return ServiceView(service, state, Wanted.UP, health=health)


@pytest.mark.parametrize(
    ("condition", "state", "health", "asked", "expected"),
    [
        ("started", State.STARTING, Health.UNKNOWN, False, Standing.COMING),
        ("started", State.RUNNING, Health.UNKNOWN, False, Standing.THERE),
        ("started", State.RUNNING, Health.UNHEALTHY, True, Standing.THERE),
        ("started", State.EXITED, Health.UNKNOWN, False, Standing.THERE),
        ("started", State.BACKOFF, Health.UNKNOWN, False, Standing.COMING),
        ("started", State.FATAL, Health.UNKNOWN, False, Standing.MISSED),
        ("healthy", State.RUNNING, Health.UNKNOWN, False, Standing.THERE),
        ("healthy", State.RUNNING, Health.UNKNOWN, True, Standing.COMING),
        ("healthy", State.RUNNING, Health.HEALTHY, True, Standing.THERE),
        ("healthy", State.RUNNING, Health.UNHEALTHY, True, Standing.COMING),
        ("healthy", State.EXITED, Health.UNKNOWN, False, Standing.COMING),
        ("completed", State.RUNNING, Health.HEALTHY, True, Standing.COMING),
        ("completed", State.EXITED, Health.UNKNOWN, False, Standing.THERE),
        ("completed", State.STOPPED, Health.UNKNOWN, False, Standing.COMING),
        ("completed", State.FATAL, Health.UNKNOWN, False, Standing.MISSED),
    ],
)
def test_how_far_a_dependency_is_follows_from_its_state_and_health(
    condition: Condition, state: State, health: Health, asked: bool, expected: Standing
) -> None:
    assert standing(view(state, health, asked=asked), condition) is expected


@pytest.mark.parametrize("kind", sorted(LOOKING))
def test_a_monitor_is_healthy_once_it_has_looked(kind: str) -> None:
    assert standing(view(State.RUNNING, Health.UNKNOWN, kind=kind), "healthy") is Standing.COMING
    assert standing(view(State.RUNNING, Health.HEALTHY, kind=kind), "healthy") is Standing.THERE


def test_what_cannot_be_started_is_missed_and_named(yard: Yard) -> None:
    web = after(yard.service("web"), "db", "ghost")
    board = {"db": attrs.evolve(view(State.STOPPED), available=False)}
    ahead = outlook(web, board, brings=True)
    assert ahead.waits_for == ("db", "ghost")
    assert ahead.missed == "db cannot be started"
    assert outlook(web, {"db": view(State.RUNNING)}, brings=True).missed == "there is no service 'ghost'"


def test_a_group_is_there_when_all_of_its_instances_are(yard: Yard) -> None:
    web = after(yard.service("web"), "db")
    instances = {
        f"db-{n}": ServiceView(attrs.evolve(yard.service(f"db-{n}"), instance_of="db", instance=n), wanted=Wanted.UP)
        for n in (1, 2)
    }
    assert outlook(web, instances, brings=True).waits_for == ("db-1", "db-2")
    instances["db-1"] = attrs.evolve(instances["db-1"], state=State.RUNNING)
    assert outlook(web, instances, brings=True).waits_for == ("db-2",)


def test_who_restarts_by_itself_does_not_wait_for_what_was_told_to_stop(yard: Yard) -> None:
    web = after(yard.service("web"), "db")
    board = {"db": ServiceView(yard.service("db"), State.STOPPED, Wanted.DOWN)}
    assert outlook(web, board, brings=False).waits_for == ()
    assert outlook(web, board, brings=True).resting == ("db",)


GRAPHS = st.integers(1, 5).flatmap(
    lambda n: st.tuples(*(st.sets(st.integers(0, k - 1)) if k else st.just(set[int]()) for k in range(n)))
)
"""Services by number, each depending on some before it."""


@pytest.mark.slow
@settings(deadline=None)
@given(GRAPHS, st.lists(st.integers(0, 50), min_size=5, max_size=5))
def test_stopping_takes_as_long_as_the_longest_way_through_the_graph(
    graph: tuple[set[int], ...], graces: list[int]
) -> None:
    below = {str(k): frozenset(str(n) for n, others in enumerate(graph) if k in others) for k in range(len(graph))}
    seconds = {str(k): float(graces[k]) for k in range(len(graph))}
    ways = [
        sum(seconds[name] for name in way)
        for length in range(1, len(graph) + 1)
        for way in itertools.permutations(below, length)
        if all(later in below[earlier] for earlier, later in itertools.pairwise(way))
    ]
    assert longest(below, seconds) == max(ways)


@pytest.mark.slow
@settings(deadline=None)  # the machine is shared
@given(GRAPHS)
def test_everyone_stops_after_those_that_depend_on_it(graph: tuple[set[int], ...]) -> None:
    below = {str(k): frozenset(str(n) for n, others in enumerate(graph) if k in others) for k in range(len(graph))}
    over: list[str] = []

    async def stop(name: str) -> None:
        assert below[name] <= set(over)
        await trio.lowlevel.checkpoint()
        over.append(name)

    trio.run(dependents_first, below, stop)
    assert sorted(over) == sorted(below)


def test_who_depends_on_a_group_depends_on_each_instance(yard: Yard) -> None:
    instances = [attrs.evolve(yard.service(f"db-{n}"), instance_of="db", instance=n) for n in (1, 2)]
    found = dependents([*instances, after(yard.service("web"), "db")])
    assert found == {"db-1": frozenset({"web"}), "db-2": frozenset({"web"}), "web": frozenset()}


# --- starting ---


@pytest.mark.slow
async def test_services_start_along_the_graph_and_say_whom_they_wait_for(yard: Yard) -> None:
    flag = yard.directory / "ready"
    ready = ReadyOptions(exec=("test", "-e", str(flag)), interval=0.05)
    services = (
        after(yard.service("web", autostart=True), api="started", db="healthy"),
        after(yard.service("api", autostart=True), "db"),
        yard.service("db", autostart=True, ready=ready),
        yard.service("alone", autostart=True),
    )
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*services)) as system:
            board = await system.services.wait_until(
                lambda board: board["alone"].state is State.RUNNING and board["db"].pid is not None
            )
            assert (board["web"].state, board["web"].waits_for) == (State.STARTING, ("api", "db"))
            assert (board["api"].state, board["api"].waits_for) == (State.STARTING, ("db",))
            assert yard.processes("web") == yard.processes("api") == []
            flag.touch()
            board = await system.services.wait_until(lambda board: board["web"].state is State.RUNNING)
            assert board["web"].waits_for == ()
            starts = [board[name].running_since_clock or 0.0 for name in ("db", "api", "web")]
            assert starts == sorted(starts)


@pytest.mark.slow
async def test_a_start_brings_what_it_depends_on_with_it(yard: Yard) -> None:
    services = (
        after(yard.service("web"), "api"),
        after(yard.service("api"), job="completed"),
        yard.shell("job", "exit 0", restart="on-failure"),
        yard.service("other"),
    )
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*services)) as system:
            await system.services.start("web")
            board = await system.services.wait_until(lambda board: board["web"].state is State.RUNNING)
            states = {name: board[name].state for name in ("api", "job", "other")}
            assert states == {"api": State.RUNNING, "job": State.EXITED, "other": State.STOPPED}
            assert board["api"].wanted is Wanted.UP


async def test_a_stop_while_it_waits_takes_effect_at_once_and_is_final(yard: Yard) -> None:
    flag = yard.directory / "ready"
    ready = ReadyOptions(exec=("test", "-e", str(flag)), interval=0.05)
    services = after(yard.service("web"), "db"), yard.service("db", ready=ready)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*services)) as system:
            await system.services.start("web")
            await system.services.wait_until(lambda board: board["web"].waits_for == ("db",))
            accepted = await system.services.stop("web")
            assert (accepted.view.state, accepted.view.waits_for) == (State.STOPPED, ())
            flag.touch()
            await system.services.wait_for("db", State.RUNNING)
            assert system.services.view("web").state is State.STOPPED
            assert yard.processes("web") == []


def looking(yard: Yard, *, autostart: bool = False, **depends_on: Condition) -> ServiceSettings:
    """A monitor that notes each of its looks in a file."""
    options = ExecOptions(command=("sh", "-c", f"echo look >> {yard.directory}/looks"), interval=0.05)
    return ServiceSettings(id="look", kind="exec", autostart=autostart, monitor=options, depends_on=depends_on)


def looks(yard: Yard) -> int:
    path = yard.directory / "looks"
    return len(path.read_text("utf-8").splitlines()) if path.exists() else 0


async def test_a_monitor_looks_only_once_what_it_depends_on_is_there_also_after_a_crash(yard: Yard) -> None:
    flag = yard.directory / "ready"
    ready = ReadyOptions(exec=("test", "-e", str(flag)), interval=0.05)
    services = looking(yard, autostart=True, db="healthy"), yard.service("db", autostart=True, ready=ready)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*services)) as system:
            board = await system.services.wait_until(lambda board: board["db"].pid is not None)
            view = board["look"]
            assert (view.state, view.waits_for, view.wanted) == (State.STARTING, ("db",), Wanted.UP)
            await crash(system, "look")
            assert system.services.view("look").state is State.STARTING
            assert looks(yard) == 0
            flag.touch()
            view = await system.services.wait_for("look", State.RUNNING)
            assert view.waits_for == ()
            assert system.services.view("db").health is Health.HEALTHY
            await until(lambda: looks(yard) > 2)


async def test_a_monitor_that_is_started_brings_what_it_depends_on(yard: Yard) -> None:
    services = looking(yard, autostart=True, db="started"), yard.service("db")
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*services)) as system:
            await system.services.wait_for("look", State.RUNNING)
            assert system.services.view("db").state is State.RUNNING
            await system.services.stop("look")
            await system.services.stop("db")
            accepted = await system.services.start("look")
            assert accepted.view.state is State.STARTING
            await system.services.wait_for("look", State.RUNNING)
            assert system.services.view("db").state is State.RUNNING


async def test_a_monitor_that_waits_is_stopped_at_once_and_waits_on_for_what_is_given_up(yard: Yard) -> None:
    flag = yard.directory / "works"
    db = yard.shell("db", f"test -e {flag} || exit 3; exec sleep 1000", fatal_failures=1)
    services = looking(yard, db="started"), db
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*services)) as system:
            await system.services.start("look")
            await system.services.wait_for("db", State.FATAL)
            view = system.services.view("look")
            assert (view.state, view.waits_for, view.last_failure) == (State.STARTING, ("db",), None)
            accepted = await system.services.stop("look")
            assert (accepted.view.state, accepted.view.waits_for) == (State.STOPPED, ())
            await system.services.start("look")
            flag.touch()
            await system.services.start("db")
            await system.services.wait_for("look", State.RUNNING)
            await until(lambda: looks(yard) > 0)


async def test_a_monitor_is_told_to_wait_for_others_by_a_reload(yard: Yard) -> None:
    services = looking(yard, autostart=True), yard.service("db"), yard.service("web")
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*services)) as system:
            await system.services.wait_for("look", State.RUNNING)
            await until(lambda: looks(yard) > 0)
            await system.services.reconfigure([looking(yard, autostart=True, db="started"), *services[1:]])
            assert system.services.view("look").state is State.RUNNING  # what depends is the next start
            accepted = await system.services.restart("look")
            assert accepted.view.state is State.STARTING
            await system.services.wait_for("look", State.RUNNING)
            assert system.services.view("db").state is State.RUNNING


async def test_a_dependency_that_is_given_up_ends_the_wait_and_its_coming_repairs_it(yard: Yard) -> None:
    flag = yard.directory / "works"
    db = yard.shell("db", f"test -e {flag} || exit 3; exec sleep 1000", fatal_failures=2)
    services = after(yard.service("web"), "api"), after(yard.service("api"), "db"), db
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*services), random=seeded()) as system:
            story = Story.of(system.bus)
            await system.services.start("web")
            view = await system.services.wait_for("web", State.FATAL)
            failure = view.last_failure
            assert failure is not None
            assert (failure.reason, failure.detail) == ("dependency", "api is fatal: db is fatal: exit code 3")
            assert view.waits_for == ("api",)
            assert (view.restarts, view.wanted) == (0, Wanted.UP)
            flag.touch()
            await system.services.start("db")
            recovered = await story.until("recovered", "web")
            assert recovered.failure == failure
            assert recovered.view.waits_for == ()
            assert story.so_far("web") == ["error", "recovered"]


async def test_a_dependency_that_crashes_later_takes_nobody_down(yard: Yard) -> None:
    services = after(yard.service("web"), "db"), yard.service("db", fatal_failures=1)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*services)) as system:
            await system.services.start("web")
            pid = (await system.services.wait_for("web", State.RUNNING)).pid
            db = system.services.view("db").pid
            assert db is not None
            os.kill(db, signal.SIGKILL)
            await system.services.wait_for("db", State.FATAL)
            view = system.services.view("web")
            assert (view.state, view.pid, view.waits_for) == (State.RUNNING, pid, ())


async def test_who_crashes_waits_for_a_dependency_that_is_coming_back(yard: Yard) -> None:
    """So that a database that restarts does not have its users given up."""
    slow = yard.service("db", backoff_initial=600.0, backoff_max=600.0)
    services = after(yard.service("web"), "db"), slow
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*services), random=Longest()) as system:
            await system.services.start("web")
            await system.services.wait_for("web", State.RUNNING)
            for name in ("db", "web"):
                pid = system.services.view(name).pid
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
            await system.services.wait_until(lambda board: board["web"].waits_for == ("db",))
            await system.services.start("db")
            await system.services.wait_for("web", State.RUNNING)


async def test_who_waits_goes_on_waiting_after_a_crash_of_its_actor(yard: Yard) -> None:
    flag = yard.directory / "ready"
    ready = ReadyOptions(exec=("test", "-e", str(flag)), interval=0.05)
    services = after(yard.service("web"), "db"), yard.service("db", ready=ready)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*services)) as system:
            await system.services.start("web")
            await system.services.wait_until(lambda board: board["web"].waits_for == ("db",))
            await crash(system, "web")
            await crash(system, "db")
            assert system.services.view("web").waits_for == ("db",)
            flag.touch()
            await system.services.wait_for("web", State.RUNNING)
            assert len(yard.processes()) == 2


async def test_a_dependent_waits_for_the_first_good_answer_of_a_service_that_is_only_asked_whether_it_lives(
    yard: Yard,
) -> None:
    flag = yard.directory / "lives"
    alive = AliveOptions(exec=("test", "-e", str(flag)), interval=0.05, failures=1000)
    services = after(yard.service("web"), db="healthy"), yard.service("db", alive=alive)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*services)) as system:
            await system.services.start("web")
            await system.services.wait_for("db", State.RUNNING)
            assert system.services.view("web").state is State.STARTING
            flag.touch()
            await system.services.wait_for("web", State.RUNNING)


# --- stopping ---


@pytest.mark.slow
async def test_everything_stops_in_the_reverse_order_of_its_start_and_in_parallel_where_it_may(yard: Yard) -> None:
    polite = "trap 'sleep 0.2; exit 0' TERM; echo up; while :; do sleep 0.01; done"
    graph: Mapping[str, tuple[str, ...]] = {"web": ("api",), "api": ("db",), "db": (), "job": ("db",), "alone": ()}
    services = [after(yard.shell(name, polite, autostart=True), *others) for name, others in graph.items()]
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*services)) as system:
            story = Story.of(system.bus)
            await until(lambda: all(yard.log(name) == b"up\n" for name in graph))
            await system.services.wait_until(lambda board: all(v.state is State.RUNNING for v in board.values()))
            story.so_far()
            asked = trio.current_time()
            await system.stop_services()
            took = trio.current_time() - asked
        story.so_far()
        order = [event.view.id for event in story.told if event.event_type == "stopped"]
        assert sorted(order) == sorted(graph)
        assert [name for name in order if name in ("web", "api", "db")] == ["web", "api", "db"]
        assert order.index("job") < order.index("db")
        assert took < 3 * 0.2 + 1.5, "they stopped one after the other"
    assert yard.processes() == []


@pytest.mark.slow
async def test_a_dependent_that_refuses_to_end_holds_up_what_it_needs_for_its_grace_alone(yard: Yard) -> None:
    deaf = "trap '' TERM; echo up; while :; do sleep 1000; done"
    services = after(yard.shell("web", deaf, autostart=True, stop_grace=0.4), "db"), yard.service("db", autostart=True)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*services)) as system:
            await until(lambda: yard.log("web") == b"up\n")
            asked = trio.current_time()
            await system.stop_services()
            assert 0.4 <= trio.current_time() - asked < 3.0
            assert {view.state for view in system.services.board.value.values()} == {State.STOPPED}
