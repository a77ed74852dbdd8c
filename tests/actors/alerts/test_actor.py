"""Alerts of a running system: over restarts, with their notices, from every part, and with a store that fails."""

import sqlite3
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trio

from actors import (
    AcknowledgeAlert,
    Alert,
    AlertChanged,
    AlertCleared,
    AlertRaised,
    AlertRule,
    AlertSettings,
    CloseWindow,
    MaintenanceWindow,
    MetricsSettings,
    OpenWindow,
    ServiceSettings,
    SilenceAlert,
    SilenceRule,
    State,
    System,
    SystemSettings,
    open_system,
)
from actors import store as stores
from actors.alerts.messages import AlertNotFound, Silence, WindowNotFound
from actors.runtime import Subscription
from tests.actors.metrics.children import until
from tests.actors.services.yard import Yard

PATIENCE = 30
FAST = MetricsSettings(interval=0.1, history_seconds=600.0)
RECEIVER = "http://127.0.0.1:9/hook"
QUIET: Mapping[str, AlertRule] = {}


@asynccontextmanager
async def system(
    directory: Path, *services: ServiceSettings, **settings: object
) -> AsyncGenerator[tuple[System, Subscription[AlertChanged]], None]:
    alerts = AlertSettings(**{"rules": QUIET, **settings})  # pyright: ignore[reportArgumentType] - passed on
    made = SystemSettings(data_dir=directory, services=services, metrics=FAST, alerts=alerts)
    with trio.fail_after(PATIENCE):
        async with open_system(made) as running:
            with running.bus.subscribe(AlertChanged) as changes:
                yield running, changes


async def following(changes: Subscription[AlertChanged]) -> AlertChanged:
    found = await changes.receive()
    assert isinstance(found, AlertChanged)
    return found


def late(key: str = "late/close") -> AlertRaised:
    return AlertRaised(source="news", key=key, level="warning", code="news_late", detail="it is late")


def over(key: str = "late/close") -> AlertCleared:
    return AlertCleared(source="news", key=key)


def active(running: System) -> dict[str, Alert]:
    return {alert.key: alert for alert in running.alerts.board.value.active}


def outbox(directory: Path) -> list[tuple[str, str]]:
    """What was put into the outbox: the key and the text."""
    connection = sqlite3.connect(directory / "hamster.db")
    try:
        return connection.execute("SELECT key, message FROM webhooks ORDER BY number").fetchall()
    finally:
        connection.close()


async def test_any_part_raises_an_alert_by_an_event_and_it_is_told_kept_and_sent_once(tmp_path: Path) -> None:
    async with system(tmp_path, webhook=RECEIVER) as (running, changes):
        for event in (late(), late(), over(), over()):
            running.bus.publish(event)
        fired, ended = await following(changes), await following(changes)
        assert [(change.what, change.told) for change in (fired, ended)] == [("fired", True), ("cleared", True)]
        await running.store.write_in_turn(lambda _: None)
        page = await running.alerts.page(limit=10)
        assert (page.total, page.alerts[0].key, page.alerts[0].active) == (1, "late/close", False)
        assert page.alerts[0] == ended.alert
        assert [key for key, _ in outbox(tmp_path)] == ["alert:1:warning", "alert:1:end"]
        assert "after 0 s" in outbox(tmp_path)[1][1]
        with pytest.raises(trio.WouldBlock):
            changes.receive_nowait()


@pytest.mark.slow
async def test_an_alert_that_lasts_over_a_restart_is_told_once_and_its_end_too(tmp_path: Path) -> None:
    async with system(tmp_path, webhook=RECEIVER) as (running, changes):
        running.bus.publish(late())
        fired = await following(changes)
        done = await running.alerts.ref.ask(AcknowledgeAlert(fired.alert.number, "kim", "볼게요"))
        assert done.kept
        await running.alerts.ref.ask(SilenceAlert(fired.alert.number, datetime.now(UTC) + timedelta(hours=1)))
    async with system(tmp_path, webhook=RECEIVER) as (running, changes):
        kept = active(running)["late/close"]
        assert (kept.number, kept.raised_at) == (fired.alert.number, fired.alert.raised_at)
        assert (kept.acknowledged_by, kept.comment) == ("kim", "볼게요")
        running.bus.publish(late())
        running.bus.publish(over())
        ended = await following(changes)
        assert (ended.what, ended.told, ended.alert.muted) == ("cleared", False, "silence")
        assert "late/close" not in active(running)
    async with system(tmp_path, webhook=RECEIVER) as (running, changes):
        # Its end is still to be told.
        assert active(running) == {}
        await running.alerts.ref.ask(SilenceAlert(fired.alert.number, None))
        told = [await following(changes), await following(changes)]
        assert [(change.what, change.told) for change in told] == [("changed", False), ("cleared", True)]
        with pytest.raises(AlertNotFound):
            await running.alerts.ref.ask(SilenceAlert(fired.alert.number, None))
    assert [key for key, _ in outbox(tmp_path)] == ["alert:1:warning", "alert:1:end"]


@pytest.mark.slow
async def test_silences_and_windows_outlive_a_restart_and_numbers_are_never_used_twice(tmp_path: Path) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    async with system(tmp_path) as (running, changes):
        running.bus.publish(late())
        await following(changes)
        running.bus.publish(over())
        await following(changes)
        await running.alerts.ref.ask(SilenceRule(Silence(pattern="late", until=soon, by="kim")))
        window = MaintenanceWindow(start=datetime.now(UTC), end=soon, rules=("down",))
        opened = await running.alerts.ref.ask(OpenWindow(window))
        assert opened.kept
    async with system(tmp_path) as (running, changes):
        board = running.alerts.board.value
        assert [(silence.pattern, silence.by) for silence in board.silences] == [("late", "kim")]
        assert [standing.window for standing in board.windows] == [window]
        running.bus.publish(late())
        running.bus.publish(late("down/x"))
        one, two = await following(changes), await following(changes)
        assert (one.alert.number, one.told, one.alert.muted) == (2, False, "silence")
        assert (two.alert.number, two.told, two.alert.muted) == (3, False, "maintenance")
        assert opened.number is not None
        await running.alerts.ref.ask(CloseWindow(opened.number))
        three = await following(changes)
        assert (three.what, three.told, three.alert.number) == ("fired", True, 3)
        with pytest.raises(WindowNotFound):
            await running.alerts.ref.ask(CloseWindow(opened.number))
    async with system(tmp_path) as (running, _):
        assert running.alerts.board.value.windows == ()


@pytest.mark.slow
async def test_a_rule_that_fires_is_one_alert_over_a_restart_and_recovers_in_the_next_life(tmp_path: Path) -> None:
    full = AlertRule(
        figure="memory_percent", above=0.0, for_=0.2, clear_for=0.0, webhook=RECEIVER, message="가득 {value}%"
    )
    async with system(tmp_path, rules={"full": full}) as (_, changes):
        fired = await following(changes)
        assert (fired.alert.key, fired.what) == ("full", "fired")
    async with system(tmp_path, rules={"full": full}) as (running, changes):
        await until(lambda: running.metrics.readings.value.sample is not None)
        assert active(running)["full"].number == fired.alert.number
        (state,) = running.metrics.readings.value.rules
        assert state.firing
    eased = AlertRule(figure="memory_percent", above=99.9, for_=0.2, clear_for=0.0, webhook=RECEIVER)
    async with system(tmp_path, rules={"full": eased}) as (_, changes):
        ended = await following(changes)
        assert (ended.what, ended.alert.number, ended.told) == ("cleared", fired.alert.number, True)
    keys = [key for key, _ in outbox(tmp_path)]
    assert keys == ["alert:1:warning", "alert:1:end"]
    assert outbox(tmp_path)[0][1].splitlines()[1].startswith("가득 ")


@pytest.mark.slow
async def test_an_alert_of_a_rule_that_is_no_more_is_over(tmp_path: Path) -> None:
    full = AlertRule(figure="memory_percent", above=0.0, for_=0.05, clear_for=0.0)
    async with system(tmp_path, rules={"full": full}) as (_, changes):
        await following(changes)
    async with system(tmp_path) as (running, _):
        await until(lambda: active(running) == {})
        (alert,) = (await running.alerts.page(limit=10)).alerts
        await running.store.write_in_turn(lambda _: None)
        (alert,) = (await running.alerts.page(limit=10)).alerts
        assert alert.cleared_detail == "its rule is gone"


@pytest.mark.slow
async def test_a_service_that_is_given_up_is_an_alert_until_it_runs_or_is_stopped(yard: Yard) -> None:
    service = yard.service("a", "false", fatal_failures=1)
    async with system(yard.directory, service) as (running, changes):
        await running.services.start("a")
        fired = await following(changes)
        assert (fired.alert.key, fired.alert.level, fired.alert.service_id) == ("service_fatal/a", "critical", "a")
        assert fired.alert.code == "service_fatal"
    # Our own end was none of the service's.
    async with system(yard.directory, service) as (running, changes):
        assert list(active(running)) == ["service_fatal/a"]
        await running.services.start("a")
        await running.services.wait_for("a", State.FATAL)
        await running.services.stop("a")
        ended = await following(changes)
        while ended.what == "changed":  # it was given up for another reason than before
            ended = await following(changes)
        assert (ended.what, ended.alert.number) == ("cleared", fired.alert.number)


@pytest.mark.slow
async def test_what_was_wrong_with_a_service_before_our_start_is_over_when_it_runs(yard: Yard) -> None:
    service = yard.service("a")
    async with system(yard.directory, service) as (running, changes):
        for key in ("service_fatal/a", "log_lost/a"):
            event = AlertRaised(
                source="services", key=key, level="critical", code="service_fatal", detail="", service_id="a"
            )
            await running.services.start("a")
            await running.services.wait_for("a", State.RUNNING)
            running.bus.publish(event)
            await following(changes)
    async with system(yard.directory, service) as (running, changes):
        assert list(active(running)) == ["service_fatal/a", "log_lost/a"]
        await running.services.start("a")
        assert {(await following(changes)).alert.key for _ in range(2)} == {"service_fatal/a", "log_lost/a"}
        assert active(running) == {}


@pytest.mark.slow
async def test_an_alert_about_a_service_that_is_no_more_is_over(tmp_path: Path) -> None:
    async with system(tmp_path) as (running, changes):
        event = AlertRaised(source="logs", key="log/x", level="warning", code="log_lost", detail="", service_id="x")
        running.bus.publish(event)
        await following(changes)
        ended = await following(changes)
        assert (ended.what, ended.alert.cleared_detail) == ("cleared", "the service is gone")


@pytest.mark.slow
async def test_a_service_that_stops_because_we_end_raises_nothing(yard: Yard) -> None:
    rule = AlertRule(figure="service.*.down", for_=0.0, clear_for=0.0)
    async with system(yard.directory, yard.service("a"), rules={"down": rule}) as (running, changes):
        await running.services.start("a")
        await running.services.wait_for("a", State.RUNNING)
        await until(lambda: not running.alerts.board.value.active)
        await running.stop_services()
        seen = running.metrics.ref.statistics().counts.handled
        await until(lambda: running.metrics.ref.statistics().counts.handled > seen + 4)
        assert running.alerts.board.value.active == ()
        with pytest.raises(trio.WouldBlock):
            while (await following_now(changes)).alert.key == "down/a":  # raised while it was starting
                pass


async def following_now(changes: Subscription[AlertChanged]) -> AlertChanged:
    found = changes.receive_nowait()
    assert isinstance(found, AlertChanged)
    return found


@pytest.mark.slow
async def test_with_a_store_that_fails_alerts_are_told_and_kept_when_it_works_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "RETRY_SECONDS", 0.02)
    async with system(tmp_path, webhook=RECEIVER) as (running, changes):
        pages: int = await running.store.write(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
        await running.store.write(lambda c: c.execute(f"PRAGMA max_page_count = {pages}"))
        for number in range(200):
            running.bus.publish(late(f"late/{number}"))
        keys = {(await following(changes)).alert.key for _ in range(200)}
        assert len(keys) == 200
        while True:
            change = await following(changes)
            if change.alert.key == "failed":
                break
        assert (change.alert.source, change.alert.level, change.what) == ("store", "critical", "fired")
        done = await running.alerts.ref.ask(AcknowledgeAlert(change.alert.number))
        assert not done.kept
        await running.store.write(lambda c: c.execute("PRAGMA max_page_count = 1000000"))
        while change.what != "cleared":
            change = await following(changes)
        assert change.alert.key == "failed"
        await running.store.write_in_turn(lambda _: None)
        assert (await running.alerts.page(limit=1)).total == 201
    assert len(outbox(tmp_path)) == 202


async def test_a_broken_database_is_an_alert_and_everything_runs(tmp_path: Path) -> None:
    (tmp_path / "hamster.db").write_bytes(b"broken" * 5000)
    async with system(tmp_path) as (running, _):
        await until(lambda: "broken" in active(running))
        assert active(running)["broken"].code == "store_broken"
    async with system(tmp_path) as (running, _):
        await until(lambda: active(running) == {})


async def test_a_notice_whose_template_cannot_be_filled_is_sent_in_our_own_words(tmp_path: Path) -> None:
    async with system(tmp_path, webhook=RECEIVER, template="no_such_template") as (running, changes):
        running.bus.publish(late())
        await following(changes)
    assert [text.splitlines()[0] for _, text in outbox(tmp_path)] == ["Warning: late/close"]


async def test_a_template_is_filled_with_what_the_alert_says(tmp_path: Path) -> None:
    async with system(tmp_path, webhook=RECEIVER, template="system_error_alert") as (running, changes):
        running.bus.publish(late())
        await following(changes)
        running.bus.publish(over())
        await following(changes)
    fired, ended = outbox(tmp_path)
    assert "it is late" in fired[1]
    assert "late/close" in fired[1]
    assert ended[1].startswith("Recovered: late/close")


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["AlertChanged", "NoticesAdded"])
def test_an_alert_is_put_into_the_outbox_once_however_often_we_are_killed_at_that_moment(
    tmp_path: Path, moment: str
) -> None:
    """Killed as it is told over the bus it may not be kept yet; killed once it is kept it must not come again."""
    keys: list[str] = []
    for _ in range(2):
        command = [sys.executable, "-m", "tests.actors.alerts.life", str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            lasting = int(process.stdout.readline().split()[1])
            if not lasting:
                while process.stdout.readline().strip() != moment:
                    pass
            process.kill()
        keys = [key for key, _ in outbox(tmp_path)]
        assert keys in ([], ["alert:1:warning"])
        assert lasting <= len(keys), "an alert that is kept was sent"
    assert moment == "AlertChanged" or keys
