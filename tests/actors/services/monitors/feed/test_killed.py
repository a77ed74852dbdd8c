"""Killed at any moment, a feed loses no news and sends none twice."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
import trio

from tests.actors.services.monitors.feed.feeds import document

HOOK = "http://127.0.0.1:9/hook"  # nobody there: what is sent stays in the outbox


def rows(database: Path, query: str) -> list[str]:
    if not database.exists():
        return []
    with closing(sqlite3.connect(database, timeout=10)) as connection:
        try:
            return [row[0] for row in connection.execute(query)]
        except sqlite3.OperationalError:
            return []  # it was killed before it had made its tables


def titles(database: Path) -> list[str]:
    """What is in the outbox: of each message the line with the title."""
    texts = rows(database, "SELECT message FROM webhooks WHERE key LIKE 'news:%' ORDER BY number")
    return [line.rpartition(": ")[2] for text in texts for line in text.splitlines() if "제목" in line]


@pytest.mark.slow
async def test_killed_again_and_again_each_item_is_in_the_outbox_once(tmp_path: Path) -> None:
    random = Random(7)  # noqa: S311 - no secret
    data, feed = tmp_path / "data", tmp_path / "feed.json"
    database = data / "hamster.db"
    names = [f"n{number:03}" for number in range(60)]

    def publish(count: int) -> None:
        fresh = tmp_path / "fresh.json"
        fresh.write_text(document(*reversed(names[:count])))
        fresh.replace(feed)

    async def live(until: Callable[[], bool] | None) -> None:
        """One life: killed at some moment, or once that is so."""
        command = [sys.executable, "-m", "tests.actors.services.monitors.feed.newsroom_process"]
        process = await trio.lowlevel.open_process(
            [*command, str(data), str(feed), HOOK], stdout=subprocess.PIPE, cwd=Path(__file__).parents[5]
        )
        assert process.stdout is not None
        try:
            with trio.fail_after(60):
                assert await process.stdout.receive_some()
                while until is not None and not until():  # noqa: ASYNC110 - another process's file tells of no change
                    await trio.sleep(0.02)
            if until is None:
                await trio.sleep(random.uniform(0.0, 1.5))
        finally:
            process.kill()
            with trio.CancelScope(shield=True):  # it is dead
                await process.wait()
                await process.stdout.aclose()

    publish(1)
    await live(lambda: rows(database, "SELECT key FROM news") != [])  # the first look, which tells nothing
    for count in (20, 40):
        publish(count)
        await live(None)
    publish(60)
    await live(lambda: len(titles(database)) >= 59)
    assert titles(database) == names[1:]
