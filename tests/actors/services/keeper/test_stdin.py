from __future__ import annotations

import os

import attrs
import pytest
import trio

from actors.services.keeper import Phase, open_keeper
from actors.services.keeper.run import INPUT_BOUND

from .workshop import PATIENCE, Workshop, finished, ignore, until


async def test_without_a_word_stdin_is_empty(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.shell("cat; echo end"), ignore)
            assert (await run.wait()).exit_code == 0
            assert not run.send_input(b"too late")
    assert workshop.log == b"end\n"


async def test_input_arrives_byte_for_byte_and_ends_when_it_is_closed(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", attrs.evolve(workshop.spec("cat"), stdin="pipe"), ignore)
            assert run.send_input(b"before it runs\n")
            await run.wait(Phase.RUNNING)
            assert run.send_input(bytes(range(256)))
            run.close_input()
            run.close_input()
            assert not run.send_input(b"after its end")
            assert (await run.wait()).exit_code == 0
    assert workshop.log == b"before it runs\n" + bytes(range(256))


@pytest.mark.slow
async def test_input_that_nobody_reads_is_bounded_and_goes_on_once_somebody_does(workshop: Workshop) -> None:
    fifo = workshop.directory / "fifo"
    os.mkfifo(fifo)
    piece = b"x" * 1024
    sent = 0
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            spec = attrs.evolve(workshop.shell(f"read line < {fifo}; cat"), stdin="pipe")
            run = await keeper.start("one", spec, ignore)

            def full() -> bool:
                """Fill it up, until the holder has had the time to move all to the pipe that will go in."""
                nonlocal sent
                while run.send_input(piece):
                    sent += len(piece)
                return sent >= INPUT_BOUND + 64 * 1024

            await until(full)
            # A pipe's 64 KiB, and our own bound.
            assert sent <= INPUT_BOUND + 64 * 1024
            async with await trio.open_file(fifo, "w") as gate:
                await gate.write("go\n")
            await until(lambda: run.send_input(b"last"))
            run.close_input()
            assert (await run.wait()).exit_code == 0
    assert workshop.log == b"x" * sent + b"last"


async def test_who_closes_its_stdin_is_sent_no_more_and_lives(workshop: Workshop) -> None:
    fifo = workshop.directory / "fifo"
    os.mkfifo(fifo)
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            spec = attrs.evolve(workshop.shell(f"exec <&-; echo closed; read line < {fifo}; exit 3"), stdin="pipe")
            run = await keeper.start("one", spec, ignore)
            await until(lambda: workshop.log_path.exists() and workshop.log == b"closed\n")
            run.send_input(b"hello")
            await until(lambda: not run.send_input(b""))
            async with await trio.open_file(fifo, "w") as gate:
                await gate.write("go\n")
            assert (await run.wait()).exit_code == 3


async def test_input_for_one_run_does_not_reach_the_next(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", attrs.evolve(workshop.shell("exit 0"), stdin="pipe"), ignore)
            while run.status.phase is not Phase.EMPTY:
                run.send_input(b"for the first")
                await trio.lowlevel.checkpoint()
            second = attrs.evolve(workshop.spec("cat"), stdin="pipe")
            run = await keeper.start("one", second, ignore)
            run.send_input(b"for the second")
            run.close_input()
            await run.wait()
            await finished(keeper, "two", workshop.spec("true"))
    assert workshop.log == b"for the second"
