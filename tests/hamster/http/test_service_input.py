"""What is sent to a service's stdin arrives, once and in order, and what cannot be sent is said."""

from collections.abc import Callable
from pathlib import Path

import trio

from tests.hamster.running import Asking, running, service

LONG = 20.0
TOML = (
    service("reads", 'stdin = "pipe"', 'restart = "never"', command="cat")
    + service("sleeps", 'stdin = "pipe"')
    + service("deaf")
    + service("later", 'stdin = "pipe"', "autostart = false")
    + '[services.page]\nkind = "http"\n'
)


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(LONG):
        while not condition():  # noqa: ASYNC110 - a file tells nobody
            await trio.sleep(0.01)


async def send(asking: Asking, service_id: str, body: object, **more: str | None) -> int:
    return (await asking.ask("POST", f"/api/services/{service_id}/input", body, **more))[0]


async def test_lines_arrive_in_order_and_the_end_ends_it(tmp_path: Path) -> None:
    async with running(tmp_path, TOML) as asking:
        log = tmp_path / "data" / "logs" / "reads.log"
        await until(lambda: asking.hamster.system.services.view("reads").pid is not None)
        for number in range(50):
            assert await send(asking, "reads", {"text": f"줄 {number}\n"}) == 200
        assert await send(asking, "reads", {"text": "last", "end": True}) == 200
        await until(lambda: log.exists() and log.read_text("utf-8").endswith("last"))
        assert log.read_text("utf-8") == "".join(f"줄 {number}\n" for number in range(50)) + "last"
        await until(lambda: asking.hamster.system.services.view("reads").state.value == "exited")
        assert await send(asking, "reads", {"text": "more"}) == 409


async def test_one_that_does_not_read_holds_up_nobody_and_is_refused_when_its_pipe_is_full(tmp_path: Path) -> None:
    async with running(tmp_path, TOML) as asking:
        await until(lambda: asking.hamster.system.services.view("sleeps").pid is not None)
        with trio.fail_after(LONG):
            statuses = [await send(asking, "sleeps", {"text": "x" * 50_000}) for _ in range(6)]
        assert statuses[0] == 200
        assert statuses[-1] == 429
        assert (await asking.ask("GET", "/api/services/deaf"))[0] == 200


async def test_what_cannot_be_sent_is_refused_with_its_reason(tmp_path: Path) -> None:
    async with running(tmp_path, TOML) as asking:
        await until(lambda: asking.hamster.system.services.view("sleeps").pid is not None)
        await until(lambda: asking.hamster.system.services.view("deaf").pid is not None)
        assert await send(asking, "nobody", {"text": "x"}) == 404
        assert await send(asking, "deaf", {"text": "x"}) == 409
        assert await send(asking, "page", {"text": "x"}) == 409
        assert await send(asking, "later", {"text": "x"}) == 409
        assert await send(asking, "sleeps", {}) == 400
        assert await send(asking, "sleeps", {"text": "x" * 70_000}) == 400
        assert await send(asking, "sleeps", {"text": "x"}, token=None) == 401
        assert await send(asking, "sleeps", {"text": "x"}, token="wrong") == 403  # noqa: S106 - that is what is tried
        assert await send(asking, "sleeps", {"end": True}) == 200
        assert await send(asking, "sleeps", {"text": "x"}) == 409
