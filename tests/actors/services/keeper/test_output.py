from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from actors.services.keeper import Phase, open_keeper

from .workshop import PATIENCE, Story, Workshop, alive, finished, ignore, until

PRINT_AND_DIE = "import os; os.write(1, bytes(range(256)) * 4096); os.kill(os.getpid(), 9)"


async def test_output_is_in_the_log_byte_for_byte_when_the_run_is_over(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            await finished(keeper, "one", workshop.shell(r"printf 'a\0b\r\n\377'; printf 'no newline' >&2"))
    assert workshop.log == b"a\0b\r\n\xffno newline"


async def test_a_mebibyte_before_a_sigkill_is_all_kept(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            status = await finished(keeper, "one", workshop.spec(sys.executable, "-I", "-S", "-c", PRINT_AND_DIE))
    assert status.signal == signal.SIGKILL
    assert workshop.log == bytes(range(256)) * 4096


async def test_a_second_run_appends(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            await finished(keeper, "one", workshop.shell("echo one"))
            await finished(keeper, "one", workshop.shell("echo two"))
    assert workshop.log == b"one\ntwo\n"


async def test_the_log_is_made_with_its_directory_and_is_nobody_elses_to_read(workshop: Workshop) -> None:
    path = workshop.directory / "new" / "logs" / "one.log"
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            await finished(keeper, "one", workshop.shell("echo hello", log_path=str(path)))
    assert path.read_bytes() == b"hello\n"
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.slow
async def test_a_child_that_holds_the_pipe_does_not_hide_the_exit(workshop: Workshop) -> None:
    story = Story()
    script = "trap '' TERM; (sleep 1000; sleep 1000) & echo bye; exit 5"
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.shell(script, grace=0.2), story)
            status = await run.wait(Phase.EXITED)
            assert status.phase is Phase.EXITED
            assert status.exit_code == 5
            assert (await run.wait()).exit_code == 5
    assert workshop.log == b"bye\n"


def holding(pipe: str) -> subprocess.Popen[bytes]:
    """A process of nobody's that can write to *pipe*."""
    with Path(pipe).open("wb") as opened:
        return subprocess.Popen(["sleep", "1000"], stdout=opened)


async def test_a_stranger_that_holds_the_pipe_does_not_delay_the_end(workshop: Workshop) -> None:
    """It opened the service's output by its /proc entry, so that no end of file comes while it lives."""
    fifo = workshop.directory / "fifo"
    os.mkfifo(fifo)
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.shell(f"echo up; read line < {fifo}; echo last"), ignore)
            await until(lambda: workshop.log_path.exists() and workshop.log == b"up\n")
            await run.wait(Phase.RUNNING)  # the log may be ahead of the report that has the pid
            stranger = holding(f"/proc/{run.status.pid}/fd/1")
            try:
                async with await trio.open_file(fifo, "w") as gate:
                    await gate.write("go\n")
                await run.wait()
                assert alive(stranger.pid)
            finally:
                stranger.kill()
                stranger.wait()
    assert workshop.log == b"up\nlast\n"


async def test_a_service_that_closes_its_output_runs_on(workshop: Workshop) -> None:
    fifo = workshop.directory / "fifo"
    os.mkfifo(fifo)
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.shell(f"exec >&- 2>&-; read line < {fifo}; exit 4"), ignore)
            async with await trio.open_file(fifo, "w") as gate:
                await gate.write("go\n")
            assert (await run.wait()).exit_code == 4


async def test_on_a_full_disk_the_service_lives_and_the_lost_bytes_are_counted(workshop: Workshop) -> None:
    fifo = workshop.directory / "fifo"
    os.mkfifo(fifo)
    script = f"printf 12345; read line < {fifo}; printf 678; exit 6"
    lost = trio.Event()
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start(
                "one",
                workshop.shell(script, log_path="/dev/full"),
                lambda run: lost.set() if run.status.lost_output_bytes else None,
            )
            await lost.wait()
            assert run.status.phase is Phase.RUNNING
            assert run.status.lost_output_bytes == 5
            assert run.status.log_error == "cannot write /dev/full: No space left on device"
            async with await trio.open_file(fifo, "w") as gate:
                await gate.write("go\n")
            status = await run.wait()
    assert status.exit_code == 6
    assert status.lost_output_bytes == 8


@pytest.mark.slow
async def test_writing_resumes_when_the_disk_has_room_again(workshop: Workshop, small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    log_path = small_disk / "service.log"
    ballast.write_bytes(b"x" * 200 * 1024)
    fifo = workshop.directory / "fifo"
    os.mkfifo(fifo)
    script = f"head -c 131072 /dev/zero; read line < {fifo}; printf again"
    story = Story()
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.shell(script, log_path=str(log_path)), story)
            await until(lambda: run.status.lost_output_bytes > 0)
            await until(lambda: run.status.lost_output_bytes + log_path.stat().st_size == 131072)
            kept = log_path.stat().st_size
            ballast.unlink()
            async with await trio.open_file(fifo, "w") as gate:
                await gate.write("go\n")
            status = await run.wait()
    assert status.exit_code == 0
    assert status.log_error is None
    assert status.lost_output_bytes == 131072 - kept
    assert log_path.read_bytes() == b"\0" * kept + b"again"


async def test_a_log_that_cannot_be_opened_costs_the_output_not_the_service(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            status = await finished(keeper, "one", workshop.shell("echo hello; exit 2", log_path="/dev/null/x/y"))
    assert status.exit_code == 2
    assert status.lost_output_bytes == 6
    assert status.log_error == "cannot open /dev/null/x/y: Not a directory"


@pytest.mark.slow
async def test_a_flood_of_output_delays_neither_a_stop_nor_the_loop(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.spec("yes", log_path="/dev/null"), ignore)
            await run.wait(Phase.RUNNING)
            asked = trio.current_time()
            run.stop(signal=signal.SIGTERM, grace=10.0)
            await run.wait()
    assert trio.current_time() - asked < 5.0
