from __future__ import annotations

import os
import socket
import sys

import attrs
import pytest
import trio

from actors.services.keeper import Phase, ProcessSpec, open_keeper

from .workshop import PATIENCE, Workshop, finished, ignore, until

# Says what it is told to on stdin, one message a line with ; for the line ends in it.
SPEAKER = """
import os, socket, sys
conn = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
address = "\\0" + os.environ["NOTIFY_SOCKET"][1:]
print(os.environ["NOTIFY_SOCKET"], os.environ.get("WATCHDOG_USEC"), os.environ.get("WATCHDOG_PID") == str(os.getpid()))
sys.stdout.flush()
for line in sys.stdin:
    conn.sendto(line.strip().replace(";", "\\n").encode(), address)
"""


def speaker(workshop: Workshop, *, watchdog: float | None = None) -> ProcessSpec:
    spec = workshop.spec(sys.executable, "-I", "-S", "-c", SPEAKER)
    return attrs.evolve(spec, stdin="pipe", notify=True, watchdog=watchdog)


async def test_what_a_service_says_of_itself_is_told(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", speaker(workshop), ignore)
            await run.wait(Phase.RUNNING)
            assert run.status.ready_at is None
            run.send_input("STATUS=Laden läuft\n".encode())
            await until(lambda: run.status.status_text == "Laden läuft")
            assert run.status.ready_at is None
            run.send_input(b"READY=1;STATUS=\n")
            await until(lambda: run.status.ready_at is not None)
            assert run.status.started_at is not None
            assert run.status.started_at <= run.status.ready_at <= trio.current_time()  # pyright: ignore[reportOperatorIssue]  it is there now
            assert run.status.status_text == ""
            run.send_input(b"RELOADING=1\n")
            await until(lambda: run.status.reloading)
            run.send_input(b"READY=1\n")
            await until(lambda: not run.status.reloading)
            assert not run.status.stopping
            run.send_input(b"STOPPING=1\n")
            await until(lambda: run.status.stopping)


async def test_a_watchdog_is_told_to_the_service_and_its_word_to_us(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", speaker(workshop, watchdog=1.5), ignore)
            run.send_input(b"WATCHDOG=1\n")
            await until(lambda: run.status.watchdog_at is not None)
            first = run.status.watchdog_at
            run.send_input(b"WATCHDOG=1\n")
            await until(lambda: run.status.watchdog_at != first)
    assert workshop.log.split()[1:] == [b"1500000", b"True"]


async def test_only_the_services_own_processes_are_believed(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", speaker(workshop), ignore)
            await until(lambda: workshop.log_path.exists() and workshop.log.endswith(b"\n"))
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours:
                ours.sendto(b"READY=1\nSTATUS=forged", b"\0" + workshop.log.split()[0][1:])
            run.send_input(b"STATUS=real\n")  # read after the forged one
            await until(lambda: run.status.status_text == "real")
            assert run.status.ready_at is None


async def test_a_grandchild_in_a_session_of_its_own_is_believed(workshop: Workshop) -> None:
    said = "import os, socket, time; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); "
    said += "s.sendto(b'READY=1', '\\0' + os.environ['NOTIFY_SOCKET'][1:]); time.sleep(1000)"
    script = f'setsid {sys.executable} -I -S -c "$SAID" & wait'
    spec = attrs.evolve(workshop.spec("sh", "-c", script, env={"SAID": said}), notify=True)
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", spec, ignore)
            await until(lambda: run.status.ready_at is not None)


async def test_a_barrier_is_closed_after_what_was_said_before_it(workshop: Workshop) -> None:
    """As systemd-notify does: its process waits for that before it ends, or its word could not be told from others'."""
    barrier = """
import os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect("\\0" + os.environ["NOTIFY_SOCKET"][1:])
read, write = os.pipe()
s.send(b"READY=1")
socket.send_fds(s, [b"BARRIER=1"], [write])
os.close(write)
print(os.read(read, 1))
"""
    spec = attrs.evolve(workshop.spec(sys.executable, "-I", "-S", "-c", barrier), notify=True)
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", spec, ignore)
            status = await run.wait()
    assert status.ready_at is not None
    assert workshop.log == b"b''\n"


async def test_the_last_word_before_the_end_is_heard(workshop: Workshop) -> None:
    last = "import os, socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); "
    last += "s.sendto(b'STATUS=out of paper', '\\0' + os.environ['NOTIFY_SOCKET'][1:]); os._exit(3)"
    spec = attrs.evolve(workshop.spec(sys.executable, "-I", "-S", "-c", last), notify=True)
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            for _ in range(5):
                status = await finished(keeper, "one", spec)
                assert (status.status_text, status.exit_code) == ("out of paper", 3)


@pytest.mark.slow
async def test_a_flood_of_notices_is_passed_on_in_measure(workshop: Workshop) -> None:
    flood = """
import os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect("\\0" + os.environ["NOTIFY_SOCKET"][1:])
for number in range(20000):
    s.send(b"WATCHDOG=1\\nSTATUS=%d" % number)
"""
    told = 0

    def count(run: object) -> None:
        nonlocal told
        told += 1

    spec = attrs.evolve(workshop.spec(sys.executable, "-I", "-S", "-c", flood), notify=True)
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", spec, count)
            started = trio.current_time()
            status = await run.wait()
            assert told < 20 + (trio.current_time() - started) / 0.05
    assert status.status_text == "19999"


async def test_without_a_word_there_is_no_socket(workshop: Workshop) -> None:
    spec = workshop.spec("sh", "-c", "echo ${NOTIFY_SOCKET-none}")
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", spec, ignore)
            await run.wait()
    assert workshop.log == b"none\n"
    assert "NOTIFY_SOCKET" not in os.environ
