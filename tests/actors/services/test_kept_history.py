"""What happened is kept: over restarts and SIGKILLs, within bounds, with nothing missing that is not said."""

import sqlite3
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import attrs
import pytest
import trio

from actors import ServiceSettings, State, open_system
from actors.runtime import Bus, Cell, open_supervisor
from actors.services import Wanted, history, history_rows
from actors.services.history import History, open_history
from actors.services.history_rows import MIGRATIONS, Event
from actors.services.messages import Board, Happened, Health, ServiceView
from actors.settings import HttpOptions
from actors.store import Store, StoreUnavailable, open_store
from tests.actors.services.yard import PATIENCE, Yard

WEB = ServiceView(ServiceSettings(id="web", kind="http", monitor=HttpOptions(url="http://h/")))
PART = ServiceSettings(id="webhook_system", kind="webhooks", autostart=False)


@attrs.define
class Desk:
    """A history that is being written, and the hands of a test."""

    store: Store
    bus: Bus
    board: Cell[Board]
    history: History

    def happen(self, what: history_rows.What, new: str, *, old: str | None = None, service: str = "web") -> None:
        """Tell that something happened."""
        self.bus.publish(Happened(service, datetime.now(UTC), what, old, new, "test", "because"))

    async def events(self, *, service: str | None = "web", limit: int = 100) -> list[Event]:
        """What is written down, once all of it is."""
        self.history.take_down()
        await self.store.write_in_turn(lambda _: None)
        return list(await self.history.events(service, limit=limit))

    def pass_time(self, seconds: float) -> None:
        """Write down what happened so far, and let so much time go by without waiting for it."""
        self.history.take_down()
        self.history._began += seconds  # pyright: ignore[reportPrivateUsage] - where its line begins

    async def percent(self) -> float | None:
        """Of the last 24 hours."""
        self.history.take_down()
        await self.store.write_in_turn(lambda _: None)
        return (await self.history.uptime(self.board.value["web"]))["24h"].percent


@asynccontextmanager
async def a_desk(directory: Path) -> AsyncGenerator[Desk, None]:
    """A history of one service; it ends without a word, as if killed."""
    bus = Bus()
    board: Cell[Board] = Cell(MappingProxyType({"web": WEB}))
    async with (
        open_store(directory / "hamster.db", bus, (MIGRATIONS,)) as store,
        open_supervisor("all", bus=bus) as top,
    ):
        found = History(store, bus, board)
        await open_history(found, top)
        yield Desk(store, bus, board, found)


def said(events: list[Event]) -> list[tuple[str, str | None, str | None, str]]:
    """Oldest first."""
    return [(e.happened.what, e.happened.old, e.happened.new, e.happened.reason) for e in reversed(events)]


async def test_everything_that_happened_is_kept_in_order_with_its_reason(tmp_path: Path) -> None:
    at = datetime(2024, 1, 1, tzinfo=UTC)
    crash = Happened("web", at, "state", "running", "backoff", "again", "killed by SIGKILL", 7, None, "SIGKILL")
    async with a_desk(tmp_path) as desk:
        desk.bus.publish(crash)
        desk.happen("state", "starting", old="backoff")
        events = await desk.events()
        assert said(events) == [
            ("monitored", None, "begin", "start"),
            ("state", "running", "backoff", "again"),
            ("state", "backoff", "starting", "test"),
        ]
        assert events[1].happened == crash
        assert events[0].number > events[1].number > events[2].number


async def test_pages_do_not_drift_while_more_happens(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as desk:
        for number in range(10):
            desk.happen("state", f"s{number}")
        desk.happen("health", "healthy", service="other")
        first = await desk.events(limit=4)
        desk.happen("state", "more")
        await desk.events()
        second = await desk.history.events("web", limit=4, before=first[-1].number)
        assert [e.happened.new for e in (*first, *second)] == [f"s{number}" for number in range(9, 1, -1)]
        assert [e.happened.new for e in await desk.history.events(what=["health"])] == ["healthy"]
        assert len(await desk.history.events(limit=3)) == 3


async def test_an_end_in_order_is_marked_and_one_without_a_word_is_found_at_the_next_start(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as desk:
        desk.happen("wanted", "up")
        desk.happen("state", "running")
        desk.history.take_down()
    async with a_desk(tmp_path) as desk:
        events = await desk.events()
        assert said(events)[3:] == [("monitored", "begin", "end", "killed"), ("monitored", None, "begin", "start")]
        killed = events[1].happened
        assert killed.at >= events[2].happened.at
        desk.history.end()
    async with a_desk(tmp_path) as desk:
        assert [reason for *_, reason in said(await desk.events())][-3:] == ["start", "shut_down", "start"]


async def test_what_happens_after_the_end_is_not_part_of_it(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as desk:
        desk.history.end()
        desk.happen("state", "running")
        assert said(await desk.events())[-1] == ("monitored", "begin", "end", "shut_down")


async def test_signs_of_life_say_until_when_it_was_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "ALIVE_SECONDS", 0.02)

    def alive(connection: sqlite3.Connection) -> float:
        return connection.execute("SELECT alive FROM service_lives").fetchone()[0]

    async with a_desk(tmp_path) as desk:
        await desk.store.write_in_turn(lambda _: None)
        first = await desk.store.read(alive)
        with trio.fail_after(PATIENCE):
            while await desk.store.read(alive) <= first:  # noqa: ASYNC110 - the store tells nobody
                await trio.sleep(0.01)


async def test_one_that_comes_and_goes_is_watched_from_then_to_then(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as desk:
        desk.happen("configured", "added", service="new")
        desk.happen("configured", "removed", service="new")
        assert said(await desk.events(service="new")) == [
            ("monitored", None, "begin", "added"),
            ("configured", None, "added", "test"),
            ("configured", None, "removed", "test"),
            ("monitored", "begin", "end", "removed"),
        ]


async def test_events_that_were_missed_are_said_and_made_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(history, "BEHIND", 2)
    async with a_desk(tmp_path) as desk:
        desk.board.set({"web": attrs.evolve(WEB, state=State.RUNNING, wanted=Wanted.UP)})
        for number in range(5):
            desk.happen("health", f"h{number}")
        events = said(await desk.events())
        assert events[1:] == [
            ("wanted", "down", "up", "missed"),
            ("state", "stopped", "running", "missed"),
            ("health", None, "h3", "test"),
            ("health", None, "h4", "test"),
        ]
        assert "services.history_missed events=3" in caplog.text


async def test_so_many_events_of_a_service_are_kept_and_none_longer_than_so_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_rows, "KEPT", 5)
    monkeypatch.setattr(history, "TRIM_EVENTS", 8)
    async with a_desk(tmp_path) as desk:
        desk.happen("state", "of another", service="other")
        for number in range(20):
            desk.happen("state", f"s{number}")
            desk.history.take_down()
        desk.history.trim()
        assert [e.happened.new for e in await desk.events()] == ["s19", "s18", "s17", "s16", "s15"]
        assert len(await desk.events(service="other")) == 2
        ages = "UPDATE service_events SET steady = steady - ? WHERE service = 'other'"
        await desk.store.write(lambda c: c.execute(ages, (history_rows.KEPT_SECONDS + 60,)) and None)
        desk.history.trim()
        assert await desk.events(service="other") == []


async def test_uptime_counts_only_while_it_was_wanted_and_watched(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as desk:
        assert await desk.percent() is None
        desk.pass_time(100)
        desk.happen("wanted", "up")
        desk.happen("state", "running")
        desk.pass_time(3000)
        desk.happen("health", Health.UNHEALTHY.value)
        desk.pass_time(1000)
        assert await desk.percent() == pytest.approx(75.0, abs=0.1)
        desk.happen("state", "exited")
        desk.pass_time(10_000)
        desk.happen("state", "running")
        desk.happen("wanted", "down")
        desk.pass_time(10_000)
        assert await desk.percent() == pytest.approx(75.0, abs=0.1)
    async with a_desk(tmp_path) as desk:
        desk.pass_time(30_000)
        assert await desk.percent() == pytest.approx(75.0, abs=0.1), "also in the next life"


async def test_a_clock_that_is_set_moves_no_uptime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_desk(tmp_path) as desk:
        desk.happen("wanted", "up")
        desk.happen("state", "running")
        desk.history.take_down()
        now = datetime.now(UTC)
        for jump in (timedelta(days=300), timedelta(days=-300)):
            desk.bus.publish(Happened("web", now + jump, "health", None, "healthy", "probe"))
            desk.history.take_down()
        monkeypatch.setattr(history.time, "time", lambda: 0.0)
        assert (await desk.percent() or 0.0) > 90.0


# --- what is wanted survives us ---


async def test_what_was_commanded_last_counts_more_than_autostart(yard: Yard) -> None:
    services = yard.service("runs", autostart=True), yard.service("starts")
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(*services)) as system:
            await system.services.wait_for("runs", State.RUNNING)
            await system.services.stop("runs")
            await system.services.start("starts")
        async with open_system(yard.settings(*services)) as system:
            await system.services.wait_for("starts", State.RUNNING)
            view = system.services.view("runs")
            assert (view.state, view.wanted) == (State.STOPPED, Wanted.DOWN)


async def test_a_start_by_itself_is_no_command(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a", autostart=True))) as system:
            await system.services.wait_for("a", State.RUNNING)
        async with open_system(yard.settings(yard.service("a", autostart=False))) as system:
            assert system.services.view("a").wanted is Wanted.DOWN


async def test_of_two_commands_at_the_same_time_the_one_that_counts_is_kept(yard: Yard) -> None:
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a"))) as system:
            for _ in range(5):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(system.services.start, "a")
                    nursery.start_soon(system.services.stop, "a")
                kept: Mapping[str, str] = await system.store.read(history_rows.wanted)
                assert kept.get("a", "down") == system.services.view("a").wanted.value


async def test_a_store_that_fails_makes_no_command_fail(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refusing(*arguments: object, **options: object) -> None:
        raise StoreUnavailable(Path("db"), "broken by the test")

    monkeypatch.setattr(Store, "write_in_turn", refusing)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a"))) as system:
            assert (await system.services.start("a")).changed
            await system.services.wait_for("a", State.RUNNING)


async def test_a_store_that_cannot_be_read_leaves_it_to_autostart(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(connection: sqlite3.Connection) -> Mapping[str, str]:
        raise StoreUnavailable(Path("db"), "broken by the test")

    monkeypatch.setattr(history_rows, "wanted", broken)
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(yard.service("a", autostart=True), yard.service("b"))) as system:
            await system.services.wait_for("a", State.RUNNING)
            assert system.services.view("b").wanted is Wanted.DOWN


async def test_a_store_that_hangs_holds_a_command_up_for_a_moment_only(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "COMMAND_SECONDS", 0.1)
    async with open_system(yard.settings(PART)) as system:
        other = sqlite3.connect(system.store.path, isolation_level=None, timeout=PATIENCE)
        other.execute("BEGIN IMMEDIATE")
        begun = trio.current_time()
        await system.services.start("webhook_system")
        assert trio.current_time() - begun < 5.0
        other.execute("ROLLBACK")
        other.close()
        with trio.fail_after(PATIENCE):
            while await system.store.read(history_rows.wanted) != {"webhook_system": "up"}:  # noqa: ASYNC110 - as above
                await trio.sleep(0.01)


async def test_the_history_of_a_part_of_the_system_is_told_from_start_to_end(yard: Yard) -> None:
    async with open_system(yard.settings(PART)) as system:
        await system.services.start("webhook_system")
        await system.services.stop("webhook_system")
    async with open_system(yard.settings(PART)) as system:
        await system.store.write_in_turn(lambda _: None)
        story = [(e.happened.what, e.happened.new) for e in await system.history.events("webhook_system")]
        assert list(reversed(story)) == [
            ("monitored", "begin"),
            ("wanted", "up"),
            ("state", "running"),
            ("wanted", "down"),
            ("state", "stopped"),
            ("monitored", "end"),
            ("monitored", "begin"),
        ]
