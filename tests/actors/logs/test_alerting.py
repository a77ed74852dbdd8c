"""So many records within so many minutes raise one alert, which ends when it has been quiet."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trio
import trio.testing

from actors.alerts.messages import Alert, AlertCleared, AlertRaised
from actors.logs.alerting import Watching
from actors.logs.records import Level, LogRecord
from actors.settings import LogAlert, LogsSettings, SystemSettings
from actors.system import open_system

RULE = LogAlert(file="web*", pattern="refused", level="WARNING", count=3, minutes=2, clear_minutes=10)


def record(message: str = "connection refused", level: Level = "ERROR", logger: str | None = None) -> LogRecord:
    return LogRecord(offset=0, end=1, timestamp=None, level=level, logger=logger, message=message, text=message)


class Heard:
    def __init__(self, rules: dict[str, LogAlert], active: Sequence[Alert] = ()) -> None:
        self.events: list[AlertRaised | AlertCleared] = []
        self.watching = Watching(rules, self.events.append, active)

    def look(self, count: int = 1, name: str = "web.log", **fields: object) -> list[str]:
        """What is told by that many records."""
        before = len(self.events)
        for _ in range(count):
            self.watching.look(name, record(**fields), None)  # type: ignore[arg-type]  # fields of a record
        self.watching.tick()
        return [f"{type(event).__name__} {event.key}" for event in self.events[before:]]


async def test_the_last_of_so_many_raises_it_once(autojump_clock: trio.testing.MockClock) -> None:
    heard = Heard({"refused": RULE})
    assert heard.look(2) == []
    assert heard.look(1) == ["AlertRaised refused/web.log"]
    assert heard.look(50) == []
    (raised,) = heard.events
    assert isinstance(raised, AlertRaised)
    assert (raised.level, raised.code, raised.values["count"]) == ("warning", "log_match", 3)


async def test_what_is_too_seldom_too_harmless_elsewhere_or_else_raises_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    heard = Heard({"refused": RULE})
    for _ in range(5):
        assert heard.look(2) == []
        await trio.sleep(121)
    assert heard.look(9, level="INFO") == []
    assert heard.look(9, message="accepted") == []
    assert heard.look(9, name="db.log") == []
    assert heard.look(9, logger="actors.webhooks") == []


async def test_it_is_over_when_nothing_was_found_for_so_long(autojump_clock: trio.testing.MockClock) -> None:
    heard = Heard({"refused": RULE})
    heard.look(3)
    await trio.sleep(590)
    assert heard.look(1) == []
    await trio.sleep(590)
    assert heard.look(0) == []
    await trio.sleep(11)
    assert heard.look(0) == ["AlertCleared refused/web.log"]
    assert heard.look(3) == ["AlertRaised refused/web.log"]


async def test_each_log_is_counted_by_itself(autojump_clock: trio.testing.MockClock) -> None:
    heard = Heard({"refused": RULE})
    assert heard.look(2, name="web-1.log") + heard.look(2, name="web-2.log") == []
    assert heard.look(1, name="web-2.log") == ["AlertRaised refused/web-2.log"]


def an_alert(key: str) -> Alert:
    at = datetime.now(UTC) - timedelta(hours=1)
    return Alert(
        number=1, source="logs", key=key, level="warning", code="log_match", detail="", values={}, service_id=None,
        raised_at=at, changed_at=at,
    )  # fmt: skip


async def test_what_was_raised_before_our_restart_is_neither_raised_again_nor_left_for_ever(
    autojump_clock: trio.testing.MockClock,
) -> None:
    heard = Heard({"refused": RULE}, [an_alert("refused/web.log"), an_alert("gone/web.log")])
    assert [event.key for event in heard.events] == ["gone/web.log"]
    assert heard.look(9) == []
    await trio.sleep(601)
    assert heard.look(0) == ["AlertCleared refused/web.log"]


async def test_a_rule_that_is_taken_away_takes_its_alert_along(autojump_clock: trio.testing.MockClock) -> None:
    heard = Heard({"refused": RULE})
    heard.look(3)
    heard.watching.configure({})
    assert isinstance(heard.events[-1], AlertCleared)
    assert heard.watching.is_idle


async def test_lines_of_a_real_log_raise_an_alert(tmp_path: Path) -> None:
    settings = SystemSettings(
        data_dir=tmp_path, logs=LogsSettings(alerts={"bad": LogAlert(file="web.log", level="ERROR", count=2)})
    )
    async with open_system(settings) as system:
        with trio.fail_after(20), system.bus.subscribe(AlertRaised) as raised:
            while not system.logs._feeds:  # pyright: ignore[reportPrivateUsage] - nobody else knows when it listens
                await trio.lowlevel.checkpoint()
            (tmp_path / "logs" / "web.log").write_text("ERROR one\nINFO two\nERROR three\n", "utf-8")
            while True:
                event = await raised.receive()
                if isinstance(event, AlertRaised) and event.source == "logs":
                    break
            assert (event.key, event.service_id, event.values["text"]) == ("bad/web.log", "web", "three")
