"""Rotation as a service and whoever stops it see it."""

from __future__ import annotations

import gzip
import os
import signal
import sys
from pathlib import Path

import attrs
import pytest
import trio

from actors.services.keeper import Phase, Rotation, open_keeper

from .workshop import PATIENCE, Workshop, finished, ignore, until

# Numbered lines at full speed, written without regard to where they end.
FLOOD = """
import os
text = b"".join(b"%07d\\n" % number for number in range({lines}))
while text:
    text = text[os.write(1, text[:70_001]):]
"""


def whole_log(path: Path) -> bytes:
    """All archives and the log, oldest first."""
    numbers = sorted((int(file.name.split(".")[2]) for file in path.parent.glob("service.log.*")), reverse=True)
    found = b""
    for number in numbers:
        plain = path.with_name(f"{path.name}.{number}")
        packed = path.with_name(f"{path.name}.{number}.gz")
        found += gzip.decompress(packed.read_bytes()) if packed.exists() else plain.read_bytes()
    return found + path.read_bytes()


@pytest.mark.slow
async def test_at_full_speed_rotation_loses_nothing_and_the_archives_are_compressed(workshop: Workshop) -> None:
    lines = 1_050_000
    flood = workshop.spec(
        sys.executable, "-I", "-S", "-c", FLOOD.format(lines=lines) + "\nimport time; time.sleep(1000)"
    )
    spec = attrs.evolve(flood, rotation=Rotation(max_bytes=1_000_000, keep=20))
    last = workshop.directory / "service.log.8.gz"
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", spec, ignore)
            await until(lambda: (workshop.directory / "service.log.2.gz").exists() and last.exists())
            await until(lambda: run.status.rotations == 8)
    assert whole_log(workshop.log_path) == b"".join(b"%07d\n" % number for number in range(lines))


@pytest.mark.slow
async def test_a_stop_while_an_archive_is_compressed_does_not_wait_for_it(workshop: Workshop) -> None:
    """What is left to do is done in the next run."""
    workshop.directory.joinpath("service.log.2").write_bytes(os.urandom(50_000_000))
    workshop.directory.joinpath("service.log.1").write_bytes(b"one\n")
    spec = attrs.evolve(workshop.spec("sleep", "1000"), rotation=Rotation(max_bytes=1_000_000))
    part = workshop.directory / "service.log.gz.part"
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", spec, ignore)
            await until(part.exists)
            run.stop(signal=signal.SIGTERM, grace=10.0)
            asked = trio.current_time()
            status = await run.wait()
            assert trio.current_time() - asked < 1.0
    assert status.signal == signal.SIGTERM
    assert not part.exists()
    assert workshop.directory.joinpath("service.log.2").stat().st_size == 50_000_000


async def test_a_quiet_log_is_rotated_by_its_age(workshop: Workshop) -> None:
    spec = attrs.evolve(workshop.shell("echo hello; sleep 1000"), rotation=Rotation(max_age=0.05))
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", spec, ignore)
            await until(lambda: run.status.rotations == 1)
    assert workshop.directory.joinpath("service.log.1").read_bytes() == b"hello\n"
    assert workshop.log == b""


async def test_the_last_line_is_in_the_log_when_the_exit_is_told(workshop: Workshop) -> None:
    told: list[bytes] = []
    # The child keeps the pipe open; what is printed last comes from the main process.
    script = "sleep 1000 & head -c 300000 /dev/zero; echo last"
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start(
                "one",
                workshop.shell(script, grace=0.1),
                lambda run: told.append(workshop.log) if run.status.phase is Phase.EXITED else None,
            )
            await run.wait()
    assert [log[-5:] for log in told] == [b"last\n"]
    assert len(told[0]) == 300_005


@pytest.mark.slow
async def test_on_a_full_disk_within_a_budget_a_service_loses_nothing(workshop: Workshop, small_disk: Path) -> None:
    path = small_disk / "service.log"
    flood = workshop.spec(sys.executable, "-I", "-S", "-c", FLOOD.format(lines=100_000), log_path=str(path))
    spec = attrs.evolve(flood, rotation=Rotation(max_bytes=30_000, keep=1000, budget=10_000_000))
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            status = await finished(keeper, "one", spec)
    assert status.exit_code == 0
    assert status.lost_output_bytes == 0
    text = b"".join(b"%07d\n" % number for number in range(100_000))
    assert text.endswith(whole_log(path))
    assert len(whole_log(path)) > 100_000


async def test_a_log_deleted_meanwhile_is_made_again(workshop: Workshop) -> None:
    fifo = workshop.directory / "fifo"
    os.mkfifo(fifo)
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.shell(f"echo one; read line < {fifo}; echo two"), ignore)
            await until(lambda: workshop.log_path.exists() and workshop.log == b"one\n")
            workshop.log_path.unlink()
            async with await trio.open_file(fifo, "w") as gate:
                await gate.write("go\n")
            await run.wait()
    assert workshop.log == b"two\n"
