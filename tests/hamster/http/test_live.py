"""The hub hands events on to everybody, and nothing that goes wrong with one ends it."""

import json
import logging
from typing import cast

import attrs
import pytest
import trio

from actors import ServiceChanged, ServiceEvent, State, System
from actors.metrics.messages import AlertChanged, Readings, SampleTaken
from actors.metrics.records import Sample
from actors.metrics.rules import DEFAULT_RULES, Change, RuleState
from actors.metrics.usage import Usage
from actors.runtime import Lagged
from actors.services import Failure
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


@pytest.mark.parametrize("rule", DEFAULT_RULES)
@pytest.mark.parametrize(("what", "value"), [("fired", 99.0), ("cleared", 1.0), ("lost", None), ("found", 1.0)])
async def test_every_alert_has_its_sentence_and_level(rule: object, what: str, value: float | None) -> None:
    state = RuleState(rule=rule, value=value)  # pyright: ignore[reportArgumentType] - a Rule
    (frame,) = await told(shown(), AlertChanged(Change(what, state), NOON))  # pyright: ignore[reportArgumentType]
    alert = data(frame)
    assert list(alert) == ["level", "title", "message", "category", "source", "metadata"]
    assert alert["level"] == (state.rule.level if what in ("fired", "lost") else "info")
    assert "{" not in f"{alert['title']}{alert['message']}"


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
