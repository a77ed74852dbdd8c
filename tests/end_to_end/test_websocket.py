"""`/ws`: what happens, the moment it happens, for clients that behave and clients that do not."""

import os
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import cast

import httpx
import pytest
import trio
import trio.lowlevel
import trio_websocket

from tests.end_to_end.hamsters import PATIENCE, Hamster, service, serving
from tests.end_to_end.sockets import UPGRADE, Frame, Watcher, data_of, deaf_watcher, masked, watching

FAST = {"command": ["sleep", "1000"], "start_seconds": 0.01, "backoff_initial": 0.01, "backoff_max": 0.05}
SETTLED = ("[metrics]", "interval = 0.5", "")
SIX = ["posco_news", "github_pages", "cache_monitor", "deployment", "message_system", "webhook_system"]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hamster]:
    """A `hamster serve` with two quick services; samples come twice a second."""
    toml = "\n".join([*SETTLED, service("one", "", **FAST), service("two", "", **FAST)])
    with serving(tmp_path_factory.mktemp("two"), toml) as running:
        yield running
        assert " ERROR " not in running.log(), "something went wrong behind an answer that was right"


@pytest.fixture
def up(two: Hamster) -> Hamster:
    """The same with both services running."""
    for name in ("one", "two"):
        httpx.post(f"{two.url}/api/services/{name}/start?wait=20", trust_env=False, timeout=PATIENCE).raise_for_status()
    return two


async def greeted(watcher: Watcher) -> list[Frame]:
    """The frames that a client gets without asking: the greeting and every service."""
    return [await watcher.next() for _ in range(1 + len(SIX) + 2)]


def in_order(frames: list[Frame]) -> None:
    """Every frame has the contract's keys, and its number is larger than the one before."""
    for frame in frames:
        assert list(frame)[:3] == ["type", "data", "timestamp"]
        assert isinstance(frame["id"], str)
    numbers = [cast("int", frame["seq"]) for frame in frames]
    assert numbers == sorted(set(numbers))


async def command(up: Hamster, path: str) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
        answer = await http.post(f"{up.url}/api/services/{path}")
        assert answer.status_code == 200, answer.text


async def test_a_client_is_greeted_and_told_of_every_service_in_order(up: Hamster) -> None:
    async with watching(up) as watcher:
        frames = await greeted(watcher)
    assert frames[0]["type"] == "connection_established"
    assert {"client_id", "server_version", "features"} <= data_of(frames[0]).keys()
    assert [frame["type"] for frame in frames[1:]] == ["status_update"] * 8
    assert [data_of(frame)["service_id"] for frame in frames[1:]] == [*SIX, "one", "two"]
    for frame in frames[1:]:
        assert list(data_of(frame))[:3] == ["service_id", "status", "timestamp"]
    assert data_of(frames[-1])["status"] == "running"
    in_order(frames)


async def test_a_killed_process_is_told_as_error_and_then_as_recovered_with_a_new_one(up: Hamster) -> None:
    before = up.service("one")
    async with watching(up) as watcher:
        await greeted(watcher)
        os.kill(cast("int", before["pid"]), signal.SIGKILL)
        error = await watcher.event("error", "one")
        recovered = await watcher.event("recovered", "one")
        in_order(watcher.frames)
    assert list(error)[:5] == ["service_id", "event_type", "status", "message", "details"]
    assert cast("Frame", error["details"])["signal"] == "SIGKILL"
    assert error["message"] == "one 서비스에 오류가 발생했습니다: killed by SIGKILL"
    assert recovered["status"] == "running"
    told = [
        (data_of(frame)["status"], data_of(frame)["state"])
        for frame in watcher.frames[9:]
        if frame["type"] == "status_update" and data_of(frame)["service_id"] == "one"
    ]
    assert ("starting", "backoff") in told
    assert told[-1] == ("running", "running")
    after = up.service("one")
    assert after["status"] == "running"
    assert after["pid"] == cast("Frame", recovered["details"])["pid"] != before["pid"]
    assert after["restarts"] == cast("int", before["restarts"]) + 1
    assert after["last_error"] == "killed by SIGKILL"


async def test_commands_are_told_as_what_they_did(up: Hamster) -> None:
    async with watching(up) as watcher:
        await command(up, "two/restart")
        await watcher.event("restarted", "two")
        await command(up, "two/stop")
        stopped = await watcher.event("stopped", "two")
        assert stopped["status"] == "stopped"
        await command(up, "two/start")
        await watcher.event("started", "two")


async def test_samples_come_as_they_are_taken(up: Hamster) -> None:
    async with watching(up) as watcher:
        first = await watcher.until("metrics_update")
        second = await watcher.until("metrics_update")
    keys = ["cpu_percent", "memory_percent", "disk_usage", "network_status", "uptime", "active_services", "timestamp"]
    assert list(data_of(first))[:7] == keys
    assert data_of(first)["timestamp"] != data_of(second)["timestamp"]
    assert {"one", "two"} <= cast("Frame", data_of(second)["services"]).keys()


async def test_a_ping_is_answered_with_what_it_brought(up: Hamster) -> None:
    async with watching(up) as watcher:
        for ping in ({"type": "ping", "data": {"nonce": "é-7"}}, {"type": "ping", "nonce": "é-7"}):
            pong = await watcher.answer(ping, "pong")
            assert pong["nonce"] == "é-7"


async def test_request_status_answers_with_everything(up: Hamster) -> None:
    async with watching(up) as watcher:
        update = await watcher.answer({"type": "request_status"}, "services_update")
        assert [each["id"] for each in cast("list[Frame]", update["services"])] == [*SIX, "one", "two"]
        assert watcher.frames[-1]["type"] == "services_update"
        following = await watcher.next()
        assert following["type"] == "metrics_update"


async def test_only_what_is_subscribed_to_comes(up: Hamster) -> None:
    async with watching(up) as watcher:
        await greeted(watcher)
        await watcher.send(
            {"type": "subscribe", "data": {"event_types": ["service_event"], "filters": {"service_ids": ["two"]}}}
        )
        await watcher.answer({"type": "ping"}, "pong")
        seen = len(watcher.frames)
        await command(up, "one/restart?wait=20")
        await command(up, "two/restart?wait=20")
        await watcher.event("restarted", "two")
        kinds = {(frame["type"], data_of(frame)["service_id"]) for frame in watcher.frames[seen:]}
        assert kinds == {("service_event", "two")}

        await watcher.send({"type": "unsubscribe", "data": {"event_types": ["service_event"]}})
        await watcher.answer({"type": "ping"}, "pong")
        seen = len(watcher.frames)
        await command(up, "two/restart?wait=20")
        await watcher.answer({"type": "ping"}, "pong")
        assert [frame["type"] for frame in watcher.frames[seen:]] == ["pong"]

        await watcher.send({"subscription": "all"})
        await command(up, "one/restart?wait=20")
        await watcher.until("status_update", lambda data: data["service_id"] == "one")
        await watcher.event("restarted", "one")
        await watcher.until("metrics_update")


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("{", "INVALID_JSON"),
        ("", "INVALID_JSON"),
        ("[" * 50_000, "INVALID_FRAME"),
        ('{"type":"ping","data":' + '{"a":' * 50_000, "INVALID_JSON"),
        ("[1, 2]", "INVALID_FRAME"),
        ("null", "INVALID_FRAME"),
        (b'{"type":"ping"}', "INVALID_FRAME"),
        (b"\xff\x00", "INVALID_FRAME"),
        ({"type": "explode"}, "UNKNOWN_TYPE"),
        ({"type": 7}, "UNKNOWN_TYPE"),
        ({}, "UNKNOWN_TYPE"),
        ({"type": "ping", "data": 7}, "INVALID_DATA"),
        ({"type": "subscribe", "data": {"event_types": ["nothing"]}}, "INVALID_DATA"),
        ({"type": "subscribe", "data": {"filters": "all"}}, "INVALID_DATA"),
        ({"type": "subscribe", "data": {"filters": {"alert_levels": ["loud"]}}}, "INVALID_DATA"),
        ({"type": "subscribe", "data": {"filters": {"service_ids": [{"a": 1}]}}}, "INVALID_DATA"),
    ],
)
async def test_a_frame_that_cannot_be_used_is_an_error_and_the_connection_lives(
    up: Hamster, sent: object, code: str
) -> None:
    async with watching(up) as watcher:
        error = await watcher.answer(sent, "error")
        assert list(error) == ["error_code", "error_message", "details"]
        assert error["error_code"] == code
        await watcher.answer({"type": "ping"}, "pong")


async def test_a_frame_over_one_mebibyte_closes_with_1009(up: Hamster) -> None:
    async with watching(up) as watcher:
        await greeted(watcher)
        with pytest.raises(trio_websocket.ConnectionClosed) as closed:
            await watcher.send('{"type":"ping","data":{"x":"' + "x" * (1024 * 1024) + '"}}')
            while True:
                await watcher.next()
        assert closed.value.reason is not None
        assert closed.value.reason.code == 1009


async def test_a_client_that_vanishes_among_its_frames_is_forgotten_without_a_word(up: Hamster) -> None:
    async with watching(up) as watcher:
        async with deaf_watcher(up) as vanishing:
            for _ in range(500):
                await vanishing.send_all(masked(b'{"type":"request_status"}'))
        await command(up, "one/restart?wait=20")
        await watcher.event("restarted", "one")
    # What went wrong with it would be in the log, which the fixture looks at.
    assert up.process.poll() is None


@pytest.mark.parametrize("header", [b"Origin: https://evil.example\r\n", b"Origin: null\r\n"])
async def test_another_pages_socket_is_403(up: Hamster, header: bytes) -> None:
    stream = await trio.open_tcp_stream("127.0.0.1", up.port)
    async with stream:
        await stream.send_all(UPGRADE.removesuffix(b"\r\n") + header + b"\r\n")
        with trio.fail_after(PATIENCE):
            answer = await stream.receive_some()
    assert answer.startswith(b"HTTP/1.1 403 ")


@pytest.mark.slow
async def test_a_client_that_never_reads_costs_nineteen_others_nothing(up: Hamster) -> None:
    rounds = 25
    async with AsyncExitStack() as stack:
        watchers = [await stack.enter_async_context(watching(up)) for _ in range(19)]
        deaf = await stack.enter_async_context(deaf_watcher(up))
        for watcher in watchers:
            await greeted(watcher)
            watcher.frames.clear()
        # It makes the server talk to it, about 3 KB each time, until the pipe between them is full.
        stuffing = await stack.enter_async_context(trio.open_nursery())
        stuffing.start_soon(stuff, deaf)

        async with trio.open_nursery() as nursery:
            for watcher in watchers:
                nursery.start_soon(read_rounds, watcher, rounds)
            for _ in range(rounds):
                await command(up, "one/restart?wait=20")
        stuffing.cancel_scope.cancel()

        stories = [story(watcher) for watcher in watchers]
        assert all(each == stories[0] for each in stories)
        assert stories[0].count("service_event restarted") == rounds
        for state in ("stopping", "starting", "running"):
            assert stories[0].count(f"status_update {state}") >= rounds
        for watcher in watchers:
            in_order(watcher.frames)
            assert not [frame for frame in watcher.frames if frame["type"] == "lagged"]
        assert await what_it_finds(deaf) in ("lagged", "cut off")


async def stuff(deaf: trio.SocketStream) -> None:
    """Ask for everything, again and again, until the server takes no more."""
    with trio.move_on_after(PATIENCE):
        try:
            while True:
                await deaf.send_all(masked(b'{"type":"request_status"}'))
                await trio.lowlevel.checkpoint()
        except trio.BrokenResourceError:
            return


async def read_rounds(watcher: Watcher, rounds: int) -> None:
    """Read until so many restarts were told."""
    for _ in range(rounds):
        await watcher.event("restarted", "one")


def story(watcher: Watcher) -> list[str]:
    """What a client was told of service `one`."""
    return [
        f"{frame['type']} {data_of(frame).get('event_type') or data_of(frame).get('state')}"
        for frame in watcher.frames
        if data_of(frame).get("service_id") == "one"
    ]


async def what_it_finds(deaf: trio.SocketStream) -> str:
    """What the client comes to that reads at last: that frames are missing, or the end of its connection.

    One that missed nothing would read for ever: the metrics never end.
    """
    got = b""
    with trio.move_on_after(PATIENCE):
        try:
            while chunk := await deaf.receive_some():
                got = got[-100:] + chunk
                if b'"type":"lagged"' in got:
                    return "lagged"
        except trio.BrokenResourceError:
            pass
        return "cut off"
    return "everything"
