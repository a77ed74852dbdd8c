"""Killed in the middle of it, the outbox goes on where it was: nothing is lost, and a repetition is known as one."""

import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from tests.actors.webhooks.office import a_post
from tests.actors.webhooks.receiver import PATIENCE, Answer, Receiver, a_receiver

ROOT = Path(__file__).parents[3]


@asynccontextmanager
async def a_poster(directory: Path, receiver: Receiver, mode: str) -> AsyncGenerator[trio.Process, None]:
    """A program with an outbox of its own; killed at the end of the block."""
    command = [sys.executable, "-m", "tests.actors.webhooks.poster", str(directory), receiver.url(), mode]
    process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE, cwd=ROOT)
    try:
        yield process
    finally:
        process.kill()
        await process.wait()
        assert process.stdout is not None
        await process.stdout.aclose()


async def until_said(process: trio.Process, words: bytes) -> None:
    """Wait until it has printed *words*."""
    assert process.stdout is not None
    said = b""
    with trio.fail_after(PATIENCE):
        while words not in said:
            said += (part := await process.stdout.receive_some())
            assert part, f"it ended and said: {said!r}"


@pytest.mark.slow
async def test_what_was_put_and_never_tried_is_sent_by_the_next_one(tmp_path: Path) -> None:
    async with a_receiver() as receiver:
        async with a_poster(tmp_path, receiver, "waiting") as process:
            await until_said(process, b"put\n")
        assert receiver.arrived == []
        async with a_post(tmp_path) as post:
            assert [(await post.sent()).key, (await post.sent()).key] == ["one", "two"]
            await post.put("one", "two", "three", url=receiver.url())
            assert (await post.sent()).key == "three", "the same keys are accepted once"
        assert [arrival.text for arrival in receiver.arrived] == ["one", "two", "three"]


@pytest.mark.slow
async def test_an_attempt_that_was_cut_off_is_made_again_under_the_same_id(tmp_path: Path) -> None:
    async with a_receiver(Answer(silent=True)) as receiver:
        async with a_poster(tmp_path, receiver, "sending") as process:
            await until_said(process, b"put\n")
            await receiver.until(lambda arrived: len(arrived) == 1)
        receiver.answers = [Answer()]
        async with a_post(tmp_path) as post:
            sent = {(event := await post.sent()).key: event.attempts for _ in range(2)}
        assert sent == {"one": 2, "two": 1}
        ids = {text: [a.headers["webhook-id"] for a in receiver.arrived if a.text == text] for text in ("one", "two")}
        assert len(ids["one"]) == 2
        assert len(set(ids["one"])) == 1
        assert len(ids["two"]) == 1


@pytest.mark.slow
async def test_what_was_sent_is_not_sent_again(tmp_path: Path) -> None:
    async with a_receiver() as receiver:
        async with a_poster(tmp_path, receiver, "sending") as process:
            await until_said(process, b"sent two\n")
        async with a_post(tmp_path) as post:
            await post.put("three", url=receiver.url())
            assert (await post.sent()).key == "three"
        assert [arrival.text for arrival in receiver.arrived] == ["one", "two", "three"]


@pytest.mark.slow
@pytest.mark.timeout(400)  # a hundred programs are started and killed
async def test_killed_at_any_step_nothing_is_lost_and_each_has_one_id(tmp_path: Path) -> None:
    step, survived = 0, False
    while not survived:
        step += 1
        directory = tmp_path / str(step)
        directory.mkdir()
        async with a_receiver() as receiver:
            for last in (step, 10_000):
                command = [sys.executable, "-m", "tests.actors.webhooks.stepper", str(directory), receiver.url()]
                with trio.fail_after(PATIENCE):
                    ended = await trio.run_process([*command, str(last)], cwd=ROOT, check=False)
                survived = last == step and ended.returncode == 0
                if survived:
                    break
                assert ended.returncode == (-9 if last == step else 0)
            texts = [arrival.text for arrival in receiver.arrived]
            assert set(texts) == {"one", "two"}
            ids = {(arrival.text, arrival.headers["webhook-id"]) for arrival in receiver.arrived}
            assert len(ids) == 2
            assert len(texts) <= 3, "no more than the attempt that was cut off is made again"
    assert step > 8
