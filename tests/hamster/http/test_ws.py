"""What a client's frames do, frame by frame; real sockets are in `end_to_end`."""

import json
from typing import cast

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from hamster.http.frames import ALERT_LEVELS, DEFAULT_TYPES, EVENT_TYPES
from hamster.http.live import CLIENT_FRAMES, Hub, Interest
from hamster.http.ws import (
    BadFrameError,
    echo,
    greet,
    handle,
    parameters_of,
    parse,
    send_frames,
    subscribed,
    unsubscribed,
)
from tests.hamster.http.showcase import hub_of, process, shown

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
FRAMES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["ping", "subscribe", "unsubscribe", "request_status", "client_info"]) | JSON,
        "data": st.fixed_dictionaries(
            {},
            optional={
                "event_types": st.lists(st.sampled_from(EVENT_TYPES)) | JSON,
                "filters": st.fixed_dictionaries({}, optional={"service_ids": JSON, "alert_levels": JSON}) | JSON,
                "timestamp": JSON,
            },
        )
        | JSON,
        "subscription": st.just("all") | JSON,
    },
)


def answers(text: str | bytes, hub: Hub | None = None) -> list[dict[str, object]]:
    """What one frame is answered, decoded."""
    system = shown(process("one"))
    hub = hub or hub_of(system)
    message = parse(text)
    frames = handle(message, parameters_of(message), hub.join(), hub, system)
    return [cast("dict[str, object]", json.loads(frame.text)) for frame in frames]


@given(st.one_of(FRAMES.map(json.dumps), st.text(), st.binary()))
def test_whatever_a_client_sends_is_answered_or_refused_by_name(text: str | bytes) -> None:
    refusal: BadFrameError | None = None
    try:
        for frame in answers(text):
            assert frame["type"] in {"pong", "services_update", "metrics_update"}
    except BadFrameError as error:
        refusal = error
    if refusal is not None:
        assert refusal.code in {"INVALID_JSON", "INVALID_FRAME", "INVALID_DATA", "UNKNOWN_TYPE"}
        assert refusal.text
        json.dumps(refusal.details).encode()


@given(JSON)
def test_a_pong_is_small_whatever_the_ping_brought(value: object) -> None:
    echoed = echo({"timestamp": value, "id": value, "nonce": value, "other": value})
    assert "other" not in echoed
    assert len(json.dumps(echoed)) < 2_500


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "\ud800", '{"type":"ping","id":"\\ud800"}', b"{}"])
def test_hostile_frames_are_refused(text: str | bytes) -> None:
    with pytest.raises(BadFrameError):
        parse(text)


def test_parameters_are_in_data_or_beside_the_type() -> None:
    assert parameters_of({"type": "ping", "data": {"id": 1}}) == {"id": 1}
    assert parameters_of({"type": "ping", "id": 1}) == {"id": 1}
    assert parameters_of({"type": "ping", "data": None, "id": 1}) == {"id": 1}


def test_by_default_everything_but_log_lines_comes() -> None:
    assert Interest().types == DEFAULT_TYPES == frozenset(EVENT_TYPES) - {"log_update"}


def test_what_is_subscribed_to_replaces_what_was_and_the_rest_stays() -> None:
    first = subscribed(Interest(), {"event_types": ["alert"], "filters": {"alert_levels": ["critical"]}})
    assert first == Interest(frozenset({"alert"}), None, frozenset({"critical"}))
    second = subscribed(first, {"filters": {"service_ids": "one"}})
    assert second == Interest(frozenset({"alert"}), frozenset({"one"}), None)
    assert subscribed(second, {"event_types": ["alert", "log_update"]}).service_ids == frozenset({"one"})
    assert subscribed(second, {"subscription": "all"}) == Interest()


def test_unsubscribing_takes_types_away_or_all() -> None:
    assert unsubscribed(Interest(), {"event_types": ["alert"]}).types == DEFAULT_TYPES - {"alert"}
    assert unsubscribed(Interest(), {}).types == frozenset()


@given(st.sampled_from(EVENT_TYPES), st.frozensets(st.sampled_from(EVENT_TYPES)))
def test_a_client_gets_the_types_it_subscribed_to_and_no_others(kind: str, types: frozenset[str]) -> None:
    hub = hub_of(shown())
    interest = subscribed(Interest(), {"event_types": sorted(types)})
    assert interest.covers(hub.maker.frame(kind, {})) == (kind in types)


@given(st.sampled_from(["one", "two", None]), st.sampled_from([*ALERT_LEVELS, None]))
def test_filters_let_pass_what_they_name_and_what_is_not_about_it(service: str | None, level: str | None) -> None:
    hub = hub_of(shown())
    interest = subscribed(Interest(), {"filters": {"service_ids": ["one"], "alert_levels": ["info"]}})
    frame = hub.maker.frame("alert", {}, service_id=service, alert_level=level)
    assert interest.covers(frame) == (service in ("one", None) and level in ("info", None))


def test_a_new_client_is_greeted_with_every_service() -> None:
    system = shown(process("one"), process("two"))
    hub = hub_of(system)
    client = hub.join()
    greet(client, hub, system)
    kinds: list[object] = []
    with pytest.raises(trio.WouldBlock):
        while True:
            frame = client.frames.receive_nowait()
            assert not hasattr(frame, "missed")
            kinds.append(getattr(frame, "type", None))
    assert kinds == ["connection_established", "status_update", "status_update"]


@pytest.mark.parametrize("beyond", [1, 63, 64, 65, 500, 3 * CLIENT_FRAMES])
async def test_numbers_rise_from_frame_to_frame_also_where_frames_are_missing(beyond: int) -> None:
    hub = hub_of(shown())
    client, sent, done = hub.join(), list[dict[str, object]](), trio.Event()
    for number in range(CLIENT_FRAMES + beyond):
        client.offer(hub.maker.frame("alert", number))

    async def send(text: str) -> None:
        await trio.lowlevel.checkpoint()
        sent.append(json.loads(text))
        if len(sent) == 40:  # and again, in the middle of a batch
            for number in range(2 * CLIENT_FRAMES):
                client.offer(hub.maker.frame("alert", number))
            client.offer(hub.maker.frame("alert", "last"))
        if sent[-1]["data"] == "last":
            done.set()

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_frames, client, hub, send)
            await done.wait()
            nursery.cancel_scope.cancel()
    numbers = [cast("int", frame["seq"]) for frame in sent]
    assert numbers == sorted(set(numbers))
    lagged = [cast("dict[str, int]", frame["data"])["missed"] for frame in sent if frame["type"] == "lagged"]
    assert lagged[0] == beyond
    total = 3 * CLIENT_FRAMES + beyond + 1
    assert sum(lagged) + len(sent) - len(lagged) == total
