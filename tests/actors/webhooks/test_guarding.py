"""What receivers say of themselves is remembered, and a name is followed only to where it may lead."""

import socket
from pathlib import Path
from random import Random
from typing import Any

import attrs
import pytest
import trio

from actors.alerts.messages import AlertRaised
from actors.runtime import Bus
from actors.store import open_store
from actors.webhooks import rows
from actors.webhooks.messages import MIGRATIONS, ReceiverDisabled, receiver_of
from actors.webhooks.rules import Attempt, is_everywhere, rest, rest_after
from tests.actors.webhooks.office import QUICK, Post, a_post
from tests.actors.webhooks.receiver import PATIENCE, Answer, Receiver, a_receiver


class Names(trio.abc.HostnameResolver):
    """Resolves names to what a test says."""

    def __init__(self, **names: list[str]) -> None:
        self.names = names
        self.asked = 0

    async def getaddrinfo(
        self,
        host: bytes | None,
        port: bytes | str | int | None,
        family: int = 0,
        type: int = 0,  # noqa: A002 - the base class's name
        proto: int = 0,
        flags: int = 0,
    ) -> Any:  # one of many kinds of tuples
        assert host is not None
        self.asked += 1
        found = self.names[host.decode().partition(".")[0]]
        number = int(port or 0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, number)) for address in found]

    async def getnameinfo(self, sockaddr: tuple[str, int] | tuple[str, int, int, int], flags: int) -> tuple[str, str]:
        raise NotImplementedError


async def first(post: Post, receiver: Receiver, text: str) -> None:
    await post.put(text, url=receiver.url())
    await post.sent()


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["1.1.1.1", "127.0.0.1"], ["10.0.0.1", "1.1.1.1"]])
async def test_a_name_of_which_one_address_is_not_public_is_sent_nothing(tmp_path: Path, addresses: list[str]) -> None:
    names = Names(hooks=addresses)
    trio.socket.set_custom_hostname_resolver(names)
    async with a_receiver() as receiver, a_post(tmp_path) as post:
        post.outbox.private = False
        await post.put("one", url=f"http://hooks.example:{receiver.port}/")
        failed = await post.failed()
        assert "which is not a public address" in failed.error
        assert failed.next_attempt_at is None
        assert receiver.arrived == []


async def test_the_address_that_was_looked_at_is_connected_to_under_the_name(tmp_path: Path) -> None:
    names = Names(hooks=["127.0.0.1"])
    trio.socket.set_custom_hostname_resolver(names)
    async with a_receiver() as receiver, a_post(tmp_path) as post:
        await post.put("one", url=f"http://hooks.example:{receiver.port}/")
        await post.sent()
        assert receiver.arrived[0].headers["host"] == f"hooks.example:{receiver.port}"
        assert names.asked == 1


async def test_of_several_addresses_the_next_is_tried_when_one_does_not_answer(tmp_path: Path) -> None:
    trio.socket.set_custom_hostname_resolver(Names(hooks=["127.0.0.9", "127.0.0.1"]))
    async with a_receiver() as receiver, a_post(tmp_path) as post:
        await post.put("one", url=f"http://hooks.example:{receiver.port}/")
        await post.sent()
        assert [arrival.text for arrival in receiver.arrived] == ["one"]


async def test_an_address_that_is_gone_is_disabled_and_told_of_once_until_it_is_enabled(tmp_path: Path) -> None:
    async with a_receiver(Answer(status=410)) as receiver, a_post(tmp_path) as post:
        with post.bus.subscribe(AlertRaised) as told, trio.fail_after(PATIENCE):
            await post.put("one", "two", "three", url=receiver.url())
            raised = await told.receive()
            assert isinstance(raised, AlertRaised)
            assert (raised.values["why"], raised.code) == ("it answered 410", "webhook_disabled")
            for key in ("two", "three"):
                row = await post.row(key)
                assert (row["status"], "the address is disabled" in str(row["error_message"])) == ("failed", True)
            with pytest.raises(ReceiverDisabled, match="it answered 410; enable it"):
                await post.put("four", url=receiver.url())
            assert await post.store.write(rows.enable(receiver_of(receiver.url())))
            receiver.answers = [Answer()]
            await first(post, receiver, "five")
        assert len(receiver.arrived) == 2


async def test_an_address_that_took_nothing_for_days_is_disabled(tmp_path: Path) -> None:
    policy = attrs.evolve(QUICK, attempts=100, disable_after=0.1)
    async with a_receiver(Answer(status=503)) as receiver, a_post(tmp_path, policy=policy) as post:
        with post.bus.subscribe(AlertRaised) as told, trio.fail_after(PATIENCE):
            await post.put("one", url=receiver.url())
            event = await told.receive()
            assert isinstance(event, AlertRaised)
            why = str(event.values["why"])
            assert why.startswith("nothing was taken for")
            assert why.endswith("the last error: answered 503")
        assert (await post.row("one"))["status"] == "failed"


async def test_a_rate_limit_is_kept_over_a_restart(tmp_path: Path) -> None:
    limit = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "3600"}
    async with a_receiver(Answer(headers=limit)) as receiver:
        async with a_post(tmp_path) as post:
            await first(post, receiver, "one")
        async with a_post(tmp_path) as post:
            until = await post.store.read(lambda c: rows.resting_until(c, receiver_of(receiver.url())))
            assert until is not None
            await post.put("two", url=receiver.url())
            with trio.move_on_after(0.3):
                await post.sent()
            assert (await post.row("two"))["attempts"] == 0
        assert len(receiver.arrived) == 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "1.5"}, 1.5),
        ({"x-ratelimit-remaining": "1", "x-ratelimit-reset-after": "1.5"}, None),
        ({"x-ratelimit-remaining": "0"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "soon"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "inf"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "1e9"}, 172_800.0),
        ({}, None),
    ],
)
def test_the_last_message_of_a_rate_limit_says_when_the_next_is_taken(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert rest_after(headers) == seconds


def test_a_limit_of_all_is_told_from_that_of_one() -> None:
    assert is_everywhere({"x-ratelimit-global": "true"}, b"")
    assert is_everywhere({}, b'{"global": true, "retry_after": 1}')
    assert not is_everywhere({}, b'{"global": false}')
    assert not is_everywhere({}, b"<html>")
    assert rest(Attempt(0.1, 200, rest_after=2.0), 0, Random(1)) == 2.0  # noqa: S311 - no secret


async def test_every_attempt_is_kept_with_its_answer_once(tmp_path: Path) -> None:
    answers = Answer(status=503, body=b"later"), Answer(status=200, body=b"thanks")
    async with a_receiver(*answers) as receiver, a_post(tmp_path) as post:
        await first(post, receiver, "one")
        query = "SELECT attempt, response_code, answer FROM webhook_attempts ORDER BY attempt"
        found = await post.store.read(lambda c: c.execute(query).fetchall())
        assert found == [(1, 503, "later"), (2, 200, "thanks")]
    async with open_store(tmp_path / "hamster.db", Bus(), (MIGRATIONS,)) as store:
        assert await store.write(lambda c: rows.tidy(c, 1e12)) == 1
        assert await store.read(lambda c: c.execute("SELECT count(*) FROM webhook_attempts").fetchone()[0]) == 0
