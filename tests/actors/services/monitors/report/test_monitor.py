"""Reports of a whole system: each due one is made once, with what happened since the one before."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
import trio

from actors import ServiceSettings, System, SystemSettings, open_system
from actors.alerts.messages import Alert, AlertChanged
from actors.metrics.messages import Readings, SampleTaken
from actors.metrics.records import Sample
from actors.runtime import Bus
from actors.services import (
    Failure,
    Health,
    ServiceChanged,
    ServiceEvent,
    ServiceUnconfigured,
    ServiceView,
    State,
)
from actors.services.monitors.report.figures import plain, variables
from actors.services.monitors.report.monitor import count
from actors.services.monitors.report.table import MIGRATIONS, begin, make, report_row
from actors.services.monitors.report.tally import NAMES, Tally, decoded
from actors.settings import ReportOptions
from actors.store import open_store
from actors.webhooks.messages import MIGRATIONS as OUTBOX
from actors.webhooks.messages import Notice, NoticesAdded
from tests.actors.services.monitors.feed.test_expectation import SEOUL, seoul

HOOK = "http://127.0.0.1:9/hook"
NOON = seoul("2024-06-04T12:00")


def view(service: str, **changes: object) -> ServiceView:
    settings = ServiceSettings(id=service, kind="http", name=f"이름 {service}")
    return attrs.evolve(ServiceView(settings), **changes)


# -- what is counted, and said


def test_what_happens_is_counted() -> None:
    tally = Tally(0.0)
    before = view("a", restarts=1)
    failure = Failure("down", "x", NOON)
    alert = Alert(
        number=1,
        source="s",
        key="k",
        level="warning",
        code="c",
        detail="d",
        values={},
        service_id=None,
        raised_at=NOON,
        changed_at=NOON,
    )
    sample = Sample(taken_at=NOON, cpu_percent=10.0, memory_percent=None)
    for event in (
        ServiceChanged(before, attrs.evolve(before, restarts=3)),
        ServiceChanged(before, attrs.evolve(before, restarts=0)),
        ServiceEvent("error", before, NOON, failure),
        ServiceEvent("error", before, NOON, failure),
        ServiceEvent("recovered", before, NOON, failure),
        ServiceEvent("started", before, NOON),
        AlertChanged(what="fired", alert=alert, told=True),
        AlertChanged(what="fired", alert=alert, told=False),
        AlertChanged(what="cleared", alert=alert, told=False),
        SampleTaken(Readings(sample=sample)),
        SampleTaken(Readings(sample=attrs.evolve(sample, cpu_percent=30.0))),
        SampleTaken(Readings()),
    ):
        count(tally, event)
    assert (tally.restarts, tally.failures, tally.recoveries) == (2, {"a": 2}, 1)
    assert (tally.alerts, tally.alerts_over) == (1, 1)
    assert (tally.cpu.mean, tally.cpu.highest, tally.memory.mean) == (20.0, 30.0, None)
    assert decoded(tally.encoded()) == tally


def test_two_tallies_together_are_what_one_would_have_been() -> None:
    first, second, both = Tally(5.0), Tally(9.0), Tally(5.0)
    for tallies, service, cpu in (((first, both), "a", 10.0), ((second, both), "a", 50.0), ((second, both), "b", 5.0)):
        for tally in tallies:
            tally.fail(service)
            tally.cpu.add(cpu)
            tally.restarts += 1
    assert first.plus(second) == both


def test_a_storm_of_names_is_bounded_and_strange_text_is_no_tally() -> None:
    tally = Tally(0.0)
    for number in range(NAMES + 50):
        tally.fail(f"s{number}")
    assert len(tally.failures) == NAMES
    assert decoded("{") is decoded('{"since": "x"}') is None


def test_a_report_names_what_is_down_and_cuts_long_lists() -> None:
    board = {
        "a": view("a", state=State.RUNNING, health=Health.HEALTHY),
        "b": view("b", state=State.RUNNING, health=Health.UNHEALTHY),
        "c": view("c", state=State.FATAL),
        "d": view("d"),
    }
    tally = Tally(seoul("2024-06-03T12:00").timestamp())
    for number in range(13):
        tally.fail(f"s{number:02}")
    tally.fail("c")
    tally.fail("c")
    values = variables(board, tally, NOON, SEOUL)
    assert (values["services_running"], values["services_total"], values["services_down"]) == ("2", "4", "2")
    assert values["down"] == "이름 b, 이름 c"
    assert values["failed"].startswith("이름 c 2, s00 1, ")
    assert values["failed"].endswith(" +4")
    assert (values["since"], values["timestamp"]) == ("2024-06-03 12:00", "2024-06-04 12:00")
    assert values["cpu"] == "-"
    assert "restarts: 0" in plain(values)


# -- each once


async def test_a_report_that_was_made_is_not_made_again_and_a_template_that_is_gone_does_not_stop_it(
    tmp_path: Path,
) -> None:
    async with open_store(tmp_path / "hamster.db", Bus(), (OUTBOX, MIGRATIONS)) as store:
        notice = Notice("report:r:10", HOOK, "generic", None, "nobody's", {})
        await store.write(lambda connection: begin(connection, "r", 5.0, "{}"))
        for expected in ("made_plain", "known"):
            assert await store.write(lambda c: make(c, "r", 10.0, "{}", notice, "plain text")) == expected
        assert await store.write(lambda c: make(c, "r", 9.0, "{}", notice, "older")) == "known"
        row = await store.read(lambda connection: report_row(connection, "r"))
        assert row is not None
        assert row.done_until == 10.0
        wrong = attrs.evolve(notice, key="report:r:11", url="ftp://x/")
        assert await store.write(lambda c: make(c, "r", 11.0, "{}", wrong, "plain")) == "refused"

        def texts(connection: sqlite3.Connection) -> list[tuple[str]]:
            return connection.execute("SELECT message FROM webhooks").fetchall()

        assert await store.read(texts) == [("plain text",)]


def settings(tmp_path: Path, options: ReportOptions) -> SystemSettings:
    service = ServiceSettings(id="report", kind="report", monitor=options)
    return SystemSettings(data_dir=tmp_path, zone="Asia/Seoul", services=(service,))


def messages(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("SELECT message FROM webhooks WHERE key LIKE 'report:%' ORDER BY number")
    return [row[0] for row in rows]


async def until(system: System, condition: Callable[[list[str]], bool]) -> list[str]:
    """The reports in the outbox, once *condition* holds for them."""
    with system.bus.subscribe(NoticesAdded, capacity=1000) as added, trio.fail_after(30):
        while not condition(found := await system.store.read(messages)):
            await added.receive()
    return found


@pytest.mark.slow
async def test_reports_come_when_they_are_due_in_korean_with_what_happened_since(tmp_path: Path) -> None:
    options = ReportOptions(webhook_url=HOOK, interval=1.0)
    async with open_system(settings(tmp_path, options)) as system:
        failed = view("report")
        system.bus.publish(ServiceEvent("error", failed, NOON, Failure("down", "x", NOON)))
        found = await until(system, lambda found: len(found) >= 2)
        assert found[0].startswith("📊 **시스템 상태 보고**")
        assert "실행 중**: 1/1" in found[0]
        assert sum("실패**: 1회 (report 1)" in text for text in found) == 1
    log = (tmp_path / "logs" / "report.log").read_text()
    assert log.count("report.made") >= 2


async def look(system: System) -> str:
    """What a look on command says, once the report runs."""
    with trio.fail_after(30):
        await system.services.wait_for("report", State.RUNNING)
        ticket = await system.services.check("report")
        return (await ticket.wait()).detail


@pytest.mark.slow
async def test_a_due_time_that_passed_while_we_were_away_is_made_up_for_once(tmp_path: Path) -> None:
    options = ReportOptions(webhook_url=HOOK, cron="0 9 * * *")
    async with open_system(settings(tmp_path, options)) as system:
        assert (await look(system)).startswith("next at ")
        assert await system.store.read(messages) == []
    await put_back(tmp_path)
    for _ in range(2):
        async with open_system(settings(tmp_path, options)) as system:
            await look(system)
            (text,) = await until(system, lambda found: len(found) >= 1)
            assert "재시작**: 41회" in text


async def put_back(tmp_path: Path) -> None:
    """Have the store say that the last report was made three days ago, with restarts since."""
    async with open_store(tmp_path / "hamster.db", Bus(), ()) as store:
        tally = Tally(time.time() - 3 * 86_400, restarts=41)
        values = (tally.since, tally.encoded())
        await store.write(lambda c: c.execute("UPDATE reports SET done_until = ?, tally = ?", values) and None)


async def test_without_an_address_it_says_which_key_it_needs(tmp_path: Path) -> None:
    async with open_system(settings(tmp_path, ReportOptions())) as system:
        with pytest.raises(ServiceUnconfigured, match=r"services\.report\.webhook_url is not set"):
            await system.services.start("report")
