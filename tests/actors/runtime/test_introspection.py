"""Looking at actors: monitors, links, the tree, traces and figures; and telling from threads."""

import threading

import attrs
import pytest
import trio
import trio.testing

from actors.runtime import (
    CORRELATION,
    Actor,
    ActorCrashed,
    ActorState,
    Backoff,
    ChildSpec,
    Down,
    InvalidSpec,
    Latency,
    MailboxOptions,
    Message,
    MessageTraced,
    Ref,
    Restart,
    StartFailed,
    Supervisor,
    SupervisorSpec,
    open_supervisor,
)
from actors.testing import advance, settle
from tests.actors.runtime.counter import Add, Counter, Crash, Do, GetTotal, TooMuchError, WaitFor

NO_DELAY = Backoff(initial=0.0, maximum=0.0)


@attrs.frozen
class Heard(Message["Watcher", None]):
    down: Down

    def deliver(self, to: "Watcher") -> None:
        to.heard.append(self.down)


class Watcher(Actor):
    """Watches one other actor; `link` ties it to that one's crashes."""

    def __init__(self, watched: Ref[Counter], heard: list[Down], *, link: bool = False) -> None:
        self.heard = heard
        self._watched = watched
        self._link = link

    async def on_start(self) -> None:
        if self._link:
            self.context.link(self._watched)
        else:
            self.context.monitor(self._watched, Heard)


async def start_pair(root: Supervisor, heard: list[Down], **options: object) -> tuple[Ref[Counter], Ref[Watcher]]:
    spec = attrs.evolve(ChildSpec("watched", Counter, backoff=NO_DELAY), **options)
    watched = await root.start(spec)
    return watched, await root.start(ChildSpec("watcher", lambda: Watcher(watched, heard), backoff=NO_DELAY))


async def test_a_monitor_hears_of_every_crash_and_of_the_end() -> None:
    heard: list[Down] = []
    async with open_supervisor() as root:
        watched, _ = await start_pair(root, heard)
        watched.tell(Crash())
        await settle()
        await root.stop("watched")
        await settle()
    (crash, end) = heard
    assert (crash.path, repr(crash.error), crash.final) == ("root/watched", "RuntimeError('asked to crash')", False)
    assert end == Down("root/watched", None, final=True)


async def test_a_monitor_hears_of_the_crash_of_a_temporary_actor_once() -> None:
    heard: list[Down] = []
    async with open_supervisor() as root:
        watched, _ = await start_pair(root, heard, restart=Restart.TEMPORARY)
        watched.tell(Crash())
        await settle()
    assert [(repr(down.error), down.final) for down in heard] == [("RuntimeError('asked to crash')", True)]


async def test_a_monitor_of_an_actor_that_is_gone_hears_at_once() -> None:
    heard: list[Down] = []
    async with open_supervisor() as root:
        watched = await root.start(ChildSpec("watched", Counter))
        await root.stop("watched")
        await root.start(ChildSpec("watcher", lambda: Watcher(watched, heard)))
        await settle()
    assert heard == [Down("root/watched", None, final=True)]


async def test_a_restarted_watcher_hears_once_not_twice() -> None:
    heard: list[Down] = []
    async with open_supervisor() as root:
        watched, watcher = await start_pair(root, heard)
        with pytest.raises(ActorCrashed):
            await watcher.ask(Broken())
        await settle()
        watched.tell(Crash())
        await settle()
    (crash,) = heard  # and not the end with the block: the watcher is stopped first
    assert crash.error is not None


@attrs.frozen
class LookAway(Message[Watcher, None]):
    ref: Ref[Counter]

    def deliver(self, to: Watcher) -> None:
        to.context.demonitor(self.ref)


async def test_who_stops_watching_hears_no_more() -> None:
    heard: list[Down] = []
    async with open_supervisor() as root:
        watched, watcher = await start_pair(root, heard)
        watched.tell(Crash())
        await settle()
        assert len(heard) == 1
        await watcher.ask(LookAway(watched))
        watched.tell(Crash())
        await settle()
        assert watched.statistics().restarts == 2
    assert len(heard) == 1


@attrs.frozen
class Broken(Message[Watcher, None]):
    def deliver(self, to: Watcher) -> None:
        raise RuntimeError("watcher broke")


async def test_a_link_carries_a_crash_over_and_a_stop_not() -> None:
    async with open_supervisor() as root:
        watched = await root.start(ChildSpec("watched", Counter, backoff=NO_DELAY))
        linked = await root.start(ChildSpec("linked", lambda: Watcher(watched, [], link=True), backoff=NO_DELAY))
        watched.tell(Crash())
        await settle()
        assert linked.statistics().restarts == 1
        await root.stop("watched")
        await settle()
        assert linked.statistics().restarts == 1
        assert linked.state is ActorState.RUNNING


async def test_replacing_an_actor_keeps_its_ref_and_its_queue() -> None:
    log: list[str] = []
    async with open_supervisor() as root, trio.open_nursery() as nursery:
        ref = await root.start(ChildSpec("counter", lambda: Counter(log, "old")))
        gate = trio.Event()
        ref.tell(WaitFor(gate))
        ref.tell(Add(5))
        await settle()
        nursery.start_soon(root.replace, ChildSpec("counter", lambda: Counter(log, "new")))
        await settle()
        gate.set()
        assert await ref.ask(GetTotal()) == 5
        assert log == ["start old", "stop old", "start new"]
        assert root.children == ("counter",)


async def test_a_replacement_that_does_not_start_or_fit_is_refused() -> None:
    class Unstartable(Actor):
        async def on_start(self) -> None:
            raise OSError("no disk")

    async with open_supervisor() as root:
        await root.start(ChildSpec("counter", Counter))
        await root.start_supervisor(SupervisorSpec("inner"))
        with pytest.raises(InvalidSpec, match="the mailbox it has"):
            await root.replace(ChildSpec("counter", Counter, mailbox=MailboxOptions(capacity=7)))
        with pytest.raises(KeyError):
            await root.replace(ChildSpec("inner", Counter))
        with pytest.raises(StartFailed, match="no disk"):
            await root.replace(ChildSpec("counter", Unstartable))
        assert root.children == ("inner",)


async def test_an_idle_actors_plain_handler_answers_without_a_switch_of_tasks() -> None:
    async with open_supervisor() as root:
        counter = await root.start(ChildSpec("counter", Counter))
        await settle()
        task = trio.lowlevel.current_task()
        ran_in: list[trio.lowlevel.Task] = []

        class Where(Message[Counter, None]):
            def deliver(self, to: Counter) -> None:
                ran_in.append(trio.lowlevel.current_task())

        await counter.ask(Where())
        assert ran_in == [task]
        counter.tell(Add(1))  # something is on its way: from now on it must queue behind it
        await counter.ask(Where())
        assert ran_in[1] is not task
        assert await counter.ask(GetTotal()) == 1


async def test_an_inline_crash_ends_the_incarnation_and_an_inline_error_does_not() -> None:
    async with open_supervisor() as root:
        counter = await root.start(ChildSpec("counter", Counter, backoff=NO_DELAY))
        await settle()
        with pytest.raises(TooMuchError):
            await counter.ask(Add(5000))
        assert counter.statistics().restarts == 0
        with pytest.raises(ActorCrashed) as caught:
            await counter.ask(Crash())
        assert isinstance(caught.value.__cause__, RuntimeError)
        assert await counter.ask(Add(1)) == 1
        statistics = counter.statistics()
        assert statistics.restarts == 1
        assert (statistics.counts.sent, statistics.counts.handled, statistics.counts.crashed) == (3, 2, 1)


async def test_a_loop_of_inline_asks_lets_others_have_their_turn() -> None:
    async with open_supervisor() as root, trio.open_nursery() as nursery:
        counter = await root.start(ChildSpec("counter", Counter))
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                await trio.lowlevel.checkpoint()
                turns += 1

        nursery.start_soon(other)
        await settle_once()
        for _ in range(1000):
            await counter.ask(Add(1))
        assert turns >= 30
        nursery.cancel_scope.cancel()


async def settle_once() -> None:
    """One turn for everybody."""
    await trio.lowlevel.checkpoint()


async def test_a_trace_follows_a_correlation_through_every_actor() -> None:
    async with open_supervisor() as root:
        first = await root.start(ChildSpec("first", Counter))
        second = await root.start(ChildSpec("second", Counter))
        await settle()

        async def onward() -> None:
            second.tell(Add(1))
            await second.ask(GetTotal())

        with root.trace() as traced:
            token = CORRELATION.set("request-7")
            await first.ask(Do(onward))
            CORRELATION.reset(token)
            with pytest.raises(TooMuchError):
                await second.ask(Add(5000))
            records = [record for record in await traced.receive_batch() if isinstance(record, MessageTraced)]
        seen = [(record.path, record.message, record.correlation, record.asked, record.outcome) for record in records]
        assert seen == [
            ("root/second", "Add", "request-7", False, "handled"),
            ("root/second", "GetTotal", "request-7", True, "handled"),
            ("root/first", "Do", "request-7", True, "handled"),
            ("root/second", "Add", None, True, "error"),
        ]
        assert all(record.took >= 0 and record.waited >= 0 for record in records)
        await first.ask(GetTotal())
        assert traced.statistics().queued == 0


async def test_another_thread_can_tell_and_is_refused_when_it_floods() -> None:
    async with open_supervisor() as root:
        counter = await root.start(ChildSpec("counter", Counter, mailbox=MailboxOptions(capacity=10)))
        token = trio.lowlevel.current_trio_token()
        accepted: list[bool] = []

        def flood() -> None:
            accepted.extend(counter.tell_threadsafe(Add(1), token) for _ in range(100))

        thread = threading.Thread(target=flood)
        thread.start()
        thread.join()  # the loop is held meanwhile, so that nothing is taken
        assert accepted == [True] * 10 + [False] * 90
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert await counter.ask(GetTotal()) == 10


async def test_statistics_say_how_long_messages_waited(mock_clock: trio.testing.MockClock) -> None:
    async with open_supervisor() as root:
        counter = await root.start(ChildSpec("counter", Counter))
        gate = trio.Event()
        counter.tell(WaitFor(gate))
        await settle()
        counter.tell(Add(1))
        await advance(mock_clock, 2.0)
        busy = counter.statistics()
        assert (busy.queued, busy.oldest_age, busy.busy_for, busy.peak) == (1, 2.0, 2.0, 1)
        gate.set()
        await settle()
        waits = counter.statistics().waits
        assert waits.count == 2
        assert waits.quantile(0.5) == pytest.approx(1e-6)
        assert waits.quantile(1.0) == pytest.approx(2.097152)  # the power of two of microseconds over 2 s


def test_no_durations_have_no_quantile() -> None:
    assert Latency((0,) * 64).quantile(0.5) is None


async def test_the_tree_names_everything_with_its_state() -> None:
    async with open_supervisor("system") as root:
        inner = await root.start_supervisor(SupervisorSpec("inner"))
        await inner.start(ChildSpec("counter", Counter))
        tree = root.tree()
        (supervisor,) = tree.children
        (actor,) = supervisor.children
        assert (tree.path, supervisor.path, actor.path) == ("system", "system/inner", "system/inner/counter")
        assert (tree.kind, supervisor.kind, actor.kind) == ("supervisor", "supervisor", "actor")
        assert (tree.state, supervisor.state, actor.state) == (ActorState.RUNNING,) * 3
        assert actor.statistics is not None
        assert actor.statistics.capacity == 256
