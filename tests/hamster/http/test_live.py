"""The hub hands events on to everybody, and nothing that goes wrong with one ends it."""

import json
import logging
import re
from datetime import timedelta
from typing import Literal, cast

import attrs
import pytest
import trio

from actors import AlertRaised, AlertRule, ServiceChanged, ServiceEvent, State, System
from actors.alerts.messages import Alert, AlertChanged
from actors.metrics.actor import alert_of
from actors.metrics.messages import Readings, SampleTaken
from actors.metrics.records import Sample
from actors.metrics.rules import Change, RuleState, rules_of
from actors.metrics.usage import Usage
from actors.runtime import Lagged
from actors.services import Failure
from actors.settings.alerts import MACHINE_FIGURES, SERVICE_FIGURES
from hamster.http import texts_ko
from hamster.http.frames import Frame
from hamster.http.live import HUB_EVENTS, Client
from tests.hamster.http.showcase import hub_of, process, shown, view
from tests.hamster.http.test_times import NOON

ONE = process("one")


async def frames(client: Client, count: int) -> list[Frame]:
    """The next frames of *client*."""
    got: list[Frame] = []
    with trio.fail_after(10):
        while len(got) < count:
            frame = await client.frames.receive()
            assert not isinstance(frame, Lagged)
            got.append(frame)
    return got


def data(frame: Frame) -> dict[str, object]:
    return cast("dict[str, object]", json.loads(frame.text)["data"])


async def told(system: System, *events: object) -> list[Frame]:
    """The frames a client gets of *events*, up to the sample that ends them."""
    hub = hub_of(system)
    client = hub.join()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hub.run)
        for event in (*events, SampleTaken(Readings())):
            system.bus.publish(event)
        got: list[Frame] = []
        while not got or got[-1].type != "metrics_update":
            got += await frames(client, 1)
        nursery.cancel_scope.cancel()
    return got[:-1]


async def test_a_change_that_clients_can_see_is_a_status_update_and_any_other_is_none() -> None:
    stopped = view(ONE)
    running = attrs.evolve(stopped, state=State.RUNNING, pid=7, restarts=2)
    unseen = attrs.evolve(running, lost_output_bytes=9)
    got = await told(shown(ONE), ServiceChanged(stopped, running), ServiceChanged(running, unseen))
    assert [frame.type for frame in got] == ["status_update"]
    assert list(data(got[0]))[:3] == ["service_id", "status", "timestamp"]
    assert data(got[0])["status"] == "running"
    assert (data(got[0])["pid"], data(got[0])["restarts"]) == (7, 2)


async def test_an_error_says_what_failed_without_its_secrets_and_when_it_starts_again() -> None:
    failure = Failure("spawn", "cannot start 'http://u:hunter2@h/': no such file", NOON)
    failed = view(ONE, state=State.BACKOFF, last_failure=failure, next_restart_at=NOON)
    (frame,) = await told(shown(ONE), ServiceEvent("error", failed, NOON, failure))
    shown_data = data(frame)
    assert list(shown_data) == ["service_id", "event_type", "status", "message", "details"]
    assert (shown_data["event_type"], shown_data["status"]) == ("error", "starting")
    assert "hunter2" not in frame.text
    details = cast("dict[str, object]", shown_data["details"])
    assert details["error"] == "cannot start 'http://***@h/': no such file"
    assert details["next_restart_at"] == "2024-01-01T21:00:00.000+09:00"


@pytest.mark.parametrize("event_type", ["started", "stopped", "restarted", "recovered", "config_changed"])
async def test_every_event_has_its_sentence(event_type: str) -> None:
    event = ServiceEvent(event_type, view(ONE), NOON)  # pyright: ignore[reportArgumentType] - one of the literals
    (frame,) = await told(shown(ONE), event)
    assert str(data(frame)["message"]).startswith("이름 one 서비스")


OF_SERVICES = [f"service.one.{figure}" for figure in SERVICE_FIGURES]
FIGURES = [*MACHINE_FIGURES, "disk_percent:/home", "temperature:chip 1", *OF_SERVICES]


@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.parametrize(("what", "value"), [("fired", 99.0), ("cleared", 1.0), ("lost", None), ("found", 1.0)])
async def test_every_alert_of_a_rule_has_its_sentence_and_level(
    figure: str, what: Literal["fired", "cleared", "lost", "found"], value: float | None
) -> None:
    (rule,) = rules_of({"any": AlertRule(figure=figure, above=50.0)})
    state = RuleState(rule=rule, value=value, target="one" if figure.startswith("service.") else "")
    (frame,) = await told(shown(), changed(Change(what, state)))
    alert = data(frame)
    assert list(alert)[:6] == ["level", "title", "message", "category", "source", "metadata"]
    assert (alert["category"], alert["source"]) == ("metrics", "any")
    assert alert["level"] == (state.rule.level if what in ("fired", "lost") else "info")
    assert cast("dict[str, object]", alert["metadata"])["what"] == what
    text = f"{alert['title']}{alert['message']}"
    assert "{" not in text
    assert re.search("[가-힣]", text)
    assert "_" not in text, "no name of a figure is shown as it is"


def changed(change: Change) -> AlertChanged:
    """The event of a rule's alert, as it comes to people."""
    event = alert_of(change)
    raised = event if isinstance(event, AlertRaised) else None
    alert = Alert(
        number=1,
        source=event.source,
        key=event.key,
        level=change.state.rule.level,
        code=raised.code if raised else "no_data" if event.key.endswith("no_data") else "figure",
        detail=event.detail,
        values=event.values,
        service_id=change.state.target or None,
        raised_at=NOON,
        changed_at=NOON,
        cleared_at=None if raised else NOON,
        duration=None if raised else timedelta(minutes=3),
    )
    return AlertChanged(what="fired" if raised else "cleared", alert=alert, told=True)


@pytest.mark.parametrize("code", [*texts_ko.ALERTS, "something_new"])
@pytest.mark.parametrize("what", ["fired", "cleared"])
async def test_every_alert_of_a_part_has_its_sentence(code: str, what: Literal["fired", "cleared"]) -> None:
    alert = Alert(
        number=7, source="services", key="fatal/one", level="critical", code=code, detail="token=hunter2 was refused",
        values={"name": "뉴스", "error": "password=hunter2"}, service_id="one", raised_at=NOON, changed_at=NOON,
        duration=timedelta(days=1, hours=2, minutes=3),
    )  # fmt: skip
    (frame,) = await told(shown(ONE), AlertChanged(what=what, alert=alert, told=True))
    found = data(frame)
    assert (found["id"], found["source"], found["service_id"]) == ("alert_7", "fatal/one", "one")
    assert "hunter2" not in frame.text
    assert "{" not in f"{found['title']}{found['message']}"
    assert ("1일 2시간" in str(found["message"])) is (what == "cleared")


async def test_an_alert_that_nobody_is_to_hear_of_is_no_frame() -> None:
    (rule,) = rules_of({"any": AlertRule(figure="cpu_percent", above=50.0)})
    quiet = attrs.evolve(changed(Change("fired", RuleState(rule=rule, value=99.0))), told=False)
    assert await told(shown(), quiet) == []


async def test_a_sample_tells_the_machine_and_what_the_services_use() -> None:
    system = shown(ONE)
    hub = hub_of(system)
    readings = Readings(Sample(taken_at=NOON, cpu_percent=12.34), {"one": Usage(1.5, 4096, 2)})
    update = data(hub.maker.metrics_update(readings))
    assert (update["cpu_percent"], update["timestamp"]) == (12.3, "2024-01-01T21:00:00.000+09:00")
    assert update["services"] == {"one": {"cpu_percent": 1.5, "memory_bytes": 4096, "processes": 2}}


async def test_an_event_that_cannot_be_shown_is_logged_and_the_next_one_comes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = ServiceEvent("exploded", view(ONE), NOON)  # pyright: ignore[reportArgumentType] - no such event
    with caplog.at_level(logging.ERROR):
        got = await told(shown(ONE), broken, ServiceEvent("started", view(ONE), NOON))
    assert [data(frame)["event_type"] for frame in got] == ["started"]
    assert "live.event_not_shown event=ServiceEvent" in caplog.text


async def test_a_hub_that_missed_events_tells_every_client_whatever_it_subscribed_to() -> None:
    system = shown(ONE)
    hub = hub_of(system)
    client = hub.join()
    client.interest = attrs.evolve(client.interest, types=frozenset())
    for _ in range(HUB_EVENTS + 5):
        system.bus.publish(ServiceEvent("started", view(ONE), NOON))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hub.run)
        (frame,) = await frames(client, 1)
        nursery.cancel_scope.cancel()
    assert (frame.type, data(frame)) == ("lagged", {"missed": 5})


async def test_who_has_left_gets_nothing_and_is_forgotten() -> None:
    hub = hub_of(shown())
    one, two = hub.join(), hub.join()
    assert one.name != two.name
    hub.leave(one)
    hub.leave(one)
    assert list(hub.clients.values()) == [two]
    one.offer(hub.maker.frame("alert", {}))
    with pytest.raises(trio.EndOfChannel):
        await one.frames.receive()
