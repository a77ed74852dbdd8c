"""Notices on their way to a real receiver, whatever it does."""

import logging
import sqlite3
import ssl
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import attrs
import pytest
import trio
import trustme

from actors.runtime import Actor, ActorEnded, Backoff, ChildSpec
from actors.store import StoreFull
from actors.webhooks import delivery as deliveries
from actors.webhooks import outbox as outboxes
from actors.webhooks import rows, rules
from actors.webhooks import sender as senders
from actors.webhooks.messages import receiver_of
from actors.webhooks.outbox import sender_name
from actors.webhooks.rows import Waiting
from tests.actors.webhooks.office import QUICK, a_post
from tests.actors.webhooks.receiver import PATIENCE, Answer, Receiver, a_receiver

SLOW = Backoff(initial=600.0, maximum=600.0, at_once=0)


@pytest.mark.parametrize("slow", range(1, 8))
async def test_one_under_way_is_not_sent_again_when_its_next_attempt_would_be_due(tmp_path: Path, slow: int) -> None:
    texts = [str(number) for number in range(8)]
    at_once = attrs.evolve(QUICK, backoff=Backoff(initial=0.0, maximum=0.0, at_once=0))
    answered = trio.Event()
    answers = [Answer(held=answered if number == slow else None) for number in range(len(texts))]
    async with a_receiver(*answers) as receiver, a_post(tmp_path, policy=at_once) as post:
        await post.put(*texts, url=receiver.url())
        # Told when it is noted, and with that what is due is taken.
        for _ in range(slow):
            await post.sent()
        answered.set()
        for _ in range(slow, len(texts)):
            await post.sent()
        assert [arrival.text for arrival in receiver.arrived] == texts


@pytest.mark.slow
async def test_what_is_put_into_the_outbox_arrives_in_order(tmp_path: Path) -> None:
    texts = [str(number) for number in range(20)]
    async with a_receiver() as receiver, a_post(tmp_path) as post:
        await post.put(*texts[:5], url=receiver.url())
        await post.put(*texts[5:], url=receiver.url())
        await receiver.until(lambda arrived: len(arrived) == 20)
        assert [arrival.text for arrival in receiver.arrived] == texts
        events = [await post.sent() for _ in texts]
        assert [event.id for event in events] == [f"webhook_{number}" for number in range(1, 21)]
        row = await post.row("0")
        assert (row["status"], row["attempts"], row["response_code"], row["error_message"]) == ("success", 1, 204, None)
        assert row["next_attempt_at"] is None
        assert isinstance(row["response_time_ms"], float)


async def test_the_request_carries_a_stable_id_and_asks_for_nothing_packed(tmp_path: Path) -> None:
    async with a_receiver(Answer(500), Answer(204)) as receiver, a_post(tmp_path) as post:
        await post.put("hello", url=receiver.url("/a?token=1"))
        first, second = await receiver.until(lambda arrived: len(arrived) == 2)
        assert first.path == second.path == "/a?token=1"
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert first.headers["accept-encoding"] == "identity"
        assert abs(int(first.headers["webhook-timestamp"]) - time.time()) < 60
        assert first.json["id"] == "webhook_1"


async def test_a_proxy_of_the_environment_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with a_receiver() as receiver, a_post(tmp_path) as post:
        await post.put("hello", url=receiver.url())
        assert (await post.sent()).attempts == 1


async def test_a_receiver_that_never_answers_delays_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outboxes, "SENDER_GRACE", 0.05)
    async with a_receiver() as receiver, a_post(tmp_path) as post:
        receiver.by_path["/slow"] = [Answer(silent=True)]
        await post.put("waits 1", "waits 2", url=receiver.url("/slow"))
        await receiver.until(lambda arrived: len(arrived) == 1)
        await post.put("fast 1", "fast 2", url=receiver.url("/fast"))
        assert [(await post.sent()).key, (await post.sent()).key] == ["fast 1", "fast 2"]
        assert (await post.row("waits 1"))["status"] == "pending"


async def test_a_receiver_that_fails_is_tried_again_and_the_next_notice_is_not_held_up(tmp_path: Path) -> None:
    async with a_receiver(Answer(500, body=b"out of order"), Answer(204)) as receiver, a_post(tmp_path) as post:
        await post.put("one", "two", url=receiver.url())
        failed = await post.failed()
        assert (failed.key, failed.attempts, failed.response_code) == ("one", 1, 500)
        assert failed.error == "answered 500: out of order"
        assert failed.next_attempt_at is not None
        assert {(await post.sent()).key, (await post.sent()).key} == {"one", "two"}
        assert (await post.row("one"))["attempts"] == 2


@pytest.mark.slow
async def test_too_many_requests_are_answered_by_waiting_as_long_as_was_asked(tmp_path: Path) -> None:
    async with (
        a_receiver(Answer(429, {"Retry-After": "0.4"}), Answer(204)) as receiver,
        a_post(tmp_path) as post,
    ):
        begun = trio.current_time()
        await post.put("one", "two", url=receiver.url())
        assert (await post.failed()).response_code == 429
        assert len(receiver.arrived) == 1, "the other waits as well"
        assert {(await post.sent()).key, (await post.sent()).key} == {"one", "two"}
        assert trio.current_time() - begun >= 0.4


@pytest.mark.slow
async def test_how_long_a_receiver_asked_to_wait_is_known_after_a_restart(tmp_path: Path) -> None:
    discord = Answer(429, body=b'{"message": "slow down", "retry_after": 2285.5, "global": false}')
    async with a_receiver(discord, Answer(204)) as receiver:
        async with a_post(tmp_path) as post:
            await post.put("one", url=receiver.url())
            failed = await post.failed()
            assert failed.next_attempt_at is not None
            assert 2200 < failed.next_attempt_at.timestamp() - time.time() < 2300
        async with a_post(tmp_path) as post:
            await post.put("two", url=receiver.url())
            with trio.move_on_after(0.2):
                await receiver.until(lambda arrived: len(arrived) > 1)
            assert len(receiver.arrived) == 1
            assert (await post.row("two"))["attempts"] == 0


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 404, 410, 413])
async def test_what_will_never_be_taken_is_tried_once(tmp_path: Path, status: int) -> None:
    async with a_receiver(Answer(status, {"Location": "http://127.0.0.1:9/"})) as receiver, a_post(tmp_path) as post:
        await post.put("one", url=receiver.url())
        failed = await post.failed()
        assert (failed.response_code, failed.next_attempt_at, failed.attempts) == (status, None, 1)
        row = await post.row("one")
        assert (row["status"], row["next_attempt_at"]) == ("failed", None)
        # Of those one that says that it is gone is not asked again: another is.
        await post.put("two", url=receiver.url("/two"))
        assert (await post.failed()).key == "two"
        assert [arrival.text for arrival in receiver.arrived] == ["one", "two"]


async def test_after_so_many_attempts_it_is_given_up(tmp_path: Path) -> None:
    async with a_receiver(Answer(503)) as receiver, a_post(tmp_path) as post:
        await post.put("one", url=receiver.url())
        failures = [await post.failed() for _ in range(4)]
        assert [failed.attempts for failed in failures] == [1, 2, 3, 4]
        assert failures[-1].next_attempt_at is None
        assert failures[-1].error == "answered 503; given up after 4 attempts"
        assert (await post.row("one"))["status"] == "failed"


async def test_where_nothing_listens_it_is_tried_again_until_something_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "REST", Backoff(initial=0.0, maximum=0.0))
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    async with a_post(tmp_path) as post:
        await post.put("one", url=f"http://127.0.0.1:{port}/")
        failed = await post.failed()
        assert failed.error.startswith("cannot connect: ")
        assert failed.next_attempt_at is not None
        assert failed.response_code is None
        receiver = Receiver()
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(trio.serve_tcp, receiver.serve, port, host="127.0.0.1"))
            assert (await post.sent()).attempts > 1
            nursery.cancel_scope.cancel()


@pytest.mark.slow
async def test_an_answer_without_an_end_is_not_read_to_it(tmp_path: Path) -> None:
    async with a_receiver(Answer(500, endless=True), Answer(200, endless=True)) as receiver, a_post(tmp_path) as post:
        await post.put("one", url=receiver.url())
        failed = await post.failed()
        assert failed.error == f"answered 500: {'x' * 200}"
        assert (await post.sent()).attempts == 2


async def test_a_packed_answer_is_not_unpacked(tmp_path: Path) -> None:
    answer = Answer(500, {"Content-Encoding": "gzip"}, b"no gzip at all")
    async with a_receiver(answer, Answer()) as receiver, a_post(tmp_path) as post:
        await post.put("one", url=receiver.url())
        assert (await post.failed()).error == "answered 500: no gzip at all"


async def test_no_answer_in_time_is_said_to_be_unclear_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "REST", Backoff(initial=0.0, maximum=0.0))
    async with (
        a_receiver(Answer(silent=True), Answer(broken=True), Answer()) as receiver,
        a_post(tmp_path, policy=attrs.evolve(QUICK, deadline=0.1)) as post,
    ):
        await post.put("one", url=receiver.url())
        assert (await post.failed()).error == "no answer within 0.1 s; it may have arrived"
        broken = (await post.failed()).error
        assert broken.startswith("the connection broke: ")
        assert broken.endswith("; it may have arrived")


async def test_while_it_is_switched_off_notices_wait_and_go_out_in_order_afterwards(tmp_path: Path) -> None:
    async with a_receiver() as receiver, a_post(tmp_path, sending=False) as post:
        await post.put("one", "two", url=receiver.url())
        with trio.move_on_after(0.1):
            await receiver.until(bool)
        assert receiver.arrived == []
        post.sending.set(True)
        assert [(await post.sent()).key, (await post.sent()).key] == ["one", "two"]


async def test_what_nobody_told_of_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outboxes, "LOOK_SECONDS", 0.05)
    async with a_receiver() as receiver, a_post(tmp_path) as post:
        await post.put("one", url=receiver.url(), announced=False)
        assert (await post.sent()).key == "one"


async def test_a_sender_without_work_ends_and_there_is_another_when_there_is_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(senders, "IDLE_SECONDS", 0.02)
    async with a_receiver() as receiver, a_post(tmp_path) as post:
        for key in ("one", "two", "three"):
            with post.bus.subscribe(ActorEnded) as ends:
                await post.put(key, url=receiver.url())
                assert (await post.sent()).key == key
                with trio.fail_after(PATIENCE):
                    await ends.receive()
        assert post.supervisor.children == ("outbox", sender_name(receiver_of(receiver.url())))


async def test_so_many_receivers_are_sent_to_at_a_time_and_the_others_get_their_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outboxes, "SENDERS", 2)
    monkeypatch.setattr(outboxes, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(senders, "IDLE_SECONDS", 0.02)
    async with a_receiver() as receiver, a_post(tmp_path) as post:
        for number in range(5):
            await post.put(str(number), url=receiver.url(f"/{number}"))
        assert {(await post.sent()).key for _ in range(5)} == {"0", "1", "2", "3", "4"}
        assert len(post.outbox.senders) <= 2


async def test_a_sender_that_crashes_is_started_again_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = deliveries.payload
    crashes = iter((True, False, False))

    def once(notice: Waiting) -> Mapping[str, object]:
        if next(crashes):
            raise RuntimeError("a bug")
        return made(notice)

    monkeypatch.setattr(deliveries, "payload", once)
    monkeypatch.setattr(outboxes, "SENDER_BACKOFF", Backoff(initial=0.0, maximum=0.0))
    async with a_receiver() as receiver, a_post(tmp_path) as post:
        await post.put("one", "two", url=receiver.url())
        assert {(await post.sent()).key, (await post.sent()).key} == {"one", "two"}
        assert (await post.row("one"))["attempts"] == 2


async def test_an_attempt_that_cannot_be_noted_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(senders, "STORE_SECONDS", 0.02)
    take, full = rows.take, True

    def refusing(*arguments: Any) -> Any:
        def transaction(connection: sqlite3.Connection) -> rows.Turn:
            if full:
                raise StoreFull(tmp_path)
            return take(*arguments)(connection)

        return transaction

    monkeypatch.setattr(rows, "take", refusing)
    async with a_receiver() as receiver, a_post(tmp_path) as post:
        await post.put("one", url=receiver.url())
        with trio.move_on_after(0.2):
            await receiver.until(bool)
        assert receiver.arrived == []
        full = False
        assert (await post.sent()).attempts == 1


async def test_an_outcome_that_cannot_be_noted_at_once_is_noted_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle = rows.settle
    refused = iter((True, False, False))

    def refusing(*arguments: Any) -> Any:
        def transaction(connection: sqlite3.Connection) -> None:
            if next(refused):
                raise StoreFull(tmp_path)
            settle(*arguments)(connection)

        return transaction

    monkeypatch.setattr(rows, "settle", refusing)
    async with a_receiver() as receiver, a_post(tmp_path, policy=attrs.evolve(QUICK, backoff=SLOW)) as post:
        await post.put("one", url=receiver.url())
        assert (await post.sent()).attempts == 1
        await post.store.write_in_turn(lambda _: None)
        assert (await post.row("one"))["status"] == "success"
        assert len(receiver.arrived) == 1


async def test_a_notice_whose_attempts_never_came_to_an_end_is_given_up(tmp_path: Path) -> None:
    async with a_receiver() as receiver, a_post(tmp_path, sending=False) as post:
        await post.put("deadly", "two", url=receiver.url())
        past = "UPDATE webhooks SET attempts = 4, next_attempt_at = 1 WHERE key = 'deadly'"
        await post.store.write(lambda c: c.execute(past) and None)
        post.sending.set(True)
        assert (await post.sent()).key == "two"
        row = await post.row("deadly")
        assert (row["status"], row["error_message"]) == ("failed", "given up: no attempt came to its end")


@pytest.mark.parametrize("trusted", [True, False])
async def test_a_certificate_that_nobody_vouches_for_is_sent_nothing_and_never_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    authority = trustme.CA()
    server, client = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)  # pyright: ignore[reportUnknownMemberType] - also takes what is not installed
    if trusted:
        authority.configure_trust(client)  # pyright: ignore[reportUnknownMemberType] - also takes what is not installed
    monkeypatch.setattr("actors.webhooks.delivery.trusted", lambda: client)
    receiver = Receiver()
    async with trio.open_nursery() as nursery, a_post(tmp_path) as post:
        serve = partial(trio.serve_ssl_over_tcp, receiver.serve, 0, server, host="127.0.0.1")
        listeners = cast("list[trio.SSLListener[trio.SocketStream]]", await nursery.start(serve))
        port = cast("trio.SocketListener", listeners[0].transport_listener).socket.getsockname()[1]
        await post.put("one", url=f"https://127.0.0.1:{port}/")
        if trusted:
            assert (await post.sent()).attempts == 1
        else:
            failed = await post.failed()
            assert failed.error.startswith("TLS failed: ")
            assert "it is not sent" in failed.error
            assert failed.next_attempt_at is None
            assert receiver.arrived == []
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("/hook?token=hunter2", "/hook?token=***"),
        ("/hook", "/hook"),
    ],
)
async def test_no_secret_of_an_address_is_logged_or_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, url: str, shown: str
) -> None:
    caplog.set_level(logging.DEBUG)
    answers = Answer(500, body=b"no hook at /hook?token=hunter2 today, nor token=hunter2"), Answer(200)
    async with a_receiver(*answers) as receiver, a_post(tmp_path) as post:
        await post.put("one", url=receiver.url(url))
        failed, sent = await post.failed(), await post.sent()
        assert failed.address == sent.address == receiver.url(shown)
        assert "hunter2" not in str((await post.row("one"))["error_message"]) or url == "/hook"
        assert f"webhook.failed id=webhook_1 to={receiver.url(shown)} attempts=1" in caplog.text
        if url != "/hook":
            assert "hunter2" not in caplog.text
            assert "hunter2" not in repr((failed, sent, post.supervisor.tree()))


def test_a_sender_is_named_after_its_host_and_never_after_its_path() -> None:
    name = sender_name(receiver_of("https://discord.com/api/webhooks/1/hunter2"))
    assert name.startswith("discord.com-443-")
    assert "hunter2" not in name
    assert sender_name(receiver_of("http://[::1]:8000/a")) != sender_name(receiver_of("http://[::1]:8000/b"))
    ChildSpec(sender_name(receiver_of("http://[::1]:8000/")), Actor)
    ChildSpec(sender_name(receiver_of(f"http://{'a' * 60}.example/")), Actor)


async def test_what_was_sent_long_ago_is_forgotten_and_what_waits_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "KEPT", 3)
    async with a_receiver() as receiver, a_post(tmp_path) as post:
        await post.put(*"abcdef", url=receiver.url())
        for _ in range(6):
            await post.sent()
        post.sending.set(False)
        await post.put("waits", url=receiver.url())
        old = "UPDATE webhooks SET created_at = 5 WHERE key IN ('f', 'waits')"
        await post.store.write(lambda c: c.execute(old) and None)
        assert await post.store.write(lambda c: rows.tidy(c, time.time())) == 5
        left = await post.store.read(lambda c: c.execute("SELECT key FROM webhooks ORDER BY number").fetchall())
        assert left == [("e",), ("waits",)]
