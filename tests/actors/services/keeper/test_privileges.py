from __future__ import annotations

import os
import pwd
import signal
import sys
from pathlib import Path

import attrs
import pytest
import trio

from actors.services.keeper import Phase, ProcessSpec, RunStatus, link, open_keeper

from .workshop import PATIENCE, Workshop, finished, ignore, parent_of, state, until

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may change users")


async def ended(spec: ProcessSpec) -> RunStatus:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            return await finished(keeper, "one", spec)


@needs_root
@pytest.mark.parametrize("by", ["name", "number"])
async def test_a_service_runs_as_its_user_with_all_the_groups_of_that_user(workshop: Workshop, by: str) -> None:
    entry = pwd.getpwnam("nobody")
    user = entry.pw_name if by == "name" else str(entry.pw_uid)
    await ended(attrs.evolve(workshop.shell("id -u; id -g; id -G"), user=user))
    groups = " ".join(str(group) for group in os.getgrouplist("nobody", entry.pw_gid))
    assert workshop.log.decode().splitlines() == [str(entry.pw_uid), str(entry.pw_gid), groups]


@needs_root
async def test_a_group_takes_the_place_of_the_users_own(workshop: Workshop) -> None:
    await ended(attrs.evolve(workshop.shell("id -u; id -g"), user="nobody", group="daemon"))
    assert workshop.log.decode().split() == [str(pwd.getpwnam("nobody").pw_uid), "1"]


@needs_root
async def test_a_user_without_an_entry_runs_by_number_with_a_group(workshop: Workshop) -> None:
    await ended(attrs.evolve(workshop.shell("id -u; id -G"), user="54321", group="12345"))
    assert workshop.log.decode().split() == ["54321", "12345"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"user": "no-such-user"}, "as user 'no-such-user': there is none"),
        ({"user": "54321"}, "a number together with a group"),
        ({"group": "no-such-group"}, "in group 'no-such-group': there is none"),
    ],
)
async def test_who_does_not_exist_is_named(workshop: Workshop, fields: dict[str, str], words: str) -> None:
    status = await ended(attrs.evolve(workshop.spec("true"), **fields))
    assert words in str(status.error)
    assert not status.machine_failed


@needs_root
async def test_a_service_of_another_user_dies_with_its_holder_all_the_same(workshop: Workshop) -> None:
    """A change of user clears the parent-death signal, so it is set afterwards."""
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", attrs.evolve(workshop.spec("sleep", "1000"), user="nobody"), ignore)
            status = await run.wait(Phase.RUNNING)
            assert keeper.pid is not None
            assert status.pid is not None
            os.kill(keeper.pid, signal.SIGSTOP)
            await until(lambda: state(keeper.pid or 0) == "T")
            os.kill(parent_of(status.pid), signal.SIGKILL)
            await workshop.until_processes(0)
            os.kill(keeper.pid, signal.SIGCONT)
            assert (await run.wait()).error == "holder lost"


@needs_root
async def test_a_working_directory_is_entered_as_the_user(workshop: Workshop) -> None:
    closed = workshop.directory / "closed"
    closed.mkdir(mode=0o700)
    status = await ended(attrs.evolve(workshop.spec("true", cwd=str(closed)), user="nobody"))
    assert "Permission denied; expected a directory it may enter" in str(status.error)


async def test_umask_and_nice_are_the_services_own(workshop: Workshop) -> None:
    await ended(attrs.evolve(workshop.shell("umask; nice"), umask=0o027, nice=7))
    assert workshop.log.decode().split() == ["0027", "7"]


async def test_without_a_word_umask_and_nice_stay(workshop: Workshop) -> None:
    await ended(workshop.shell("umask; nice"))
    umask = os.umask(0o22)
    os.umask(umask)
    assert workshop.log.decode().split() == [f"{umask:04o}", str(os.getpriority(os.PRIO_PROCESS, 0))]


async def test_limits_are_set_soft_and_hard(workshop: Workshop) -> None:
    limits = {"nofile": 123, "core": 0, "fsize": 1024 * 512, "cpu": 99, "stack": 1024 * 1024, "nproc": 456}
    script = "for kind in H S; do ulimit -${kind}n; ulimit -${kind}c; ulimit -${kind}f; ulimit -${kind}t; done"
    bash = attrs.evolve(workshop.spec("bash", "-c", script), limits=limits)
    await ended(bash)
    assert workshop.log.decode().split() == ["123", "0", "512", "99"] * 2


@needs_root
async def test_a_limit_may_be_taken_away(workshop: Workshop) -> None:
    await ended(attrs.evolve(workshop.shell("ulimit -c"), limits={"core": -1}))
    assert workshop.log == b"unlimited\n"


async def test_a_limit_of_memory_is_no_obstacle_to_the_start(workshop: Workshop) -> None:
    limits = {"as": 64 * 1024 * 1024, "data": 64 * 1024 * 1024}
    status = await ended(attrs.evolve(workshop.shell("ulimit -v"), limits=limits))
    assert status.exit_code == 0
    assert workshop.log == b"65536\n"


async def test_a_limit_that_no_process_fits_in_is_a_failure_and_no_hang(workshop: Workshop) -> None:
    status = await ended(attrs.evolve(workshop.spec("true"), limits={"as": 4096}))
    assert status.error is not None or status.exit_code != 0 or status.signal is not None


# The keeper, run by somebody who is not root.
UNPRIVILEGED = """
import importlib, os, sys, types
package = types.ModuleType("unprivileged")
package.__path__ = [sys.argv[1]]
sys.modules["unprivileged"] = package
main = importlib.import_module("unprivileged.keeper_process").main
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
sys.exit(main(sys.argv[2:]))
"""


@needs_root
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"user": "daemon"}, "as user 'daemon', group None: Operation not permitted; only root may change them"),
        ({"nice": -5}, "with nice -5: Permission denied; only root may be more urgent"),
        ({"limits": {"nofile": 2**30}}, "with limits nofile=1073741824: Operation not permitted; only root may go"),
    ],
)
async def test_who_is_not_root_is_told_what_only_root_may(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, fields: dict[str, object], words: str
) -> None:
    package = str(Path(link.__file__).parent)

    def command(descriptor: int, open_files: int) -> list[str]:
        return [sys.executable, "-I", "-S", "-c", UNPRIVILEGED, package, str(descriptor), str(open_files)]

    monkeypatch.setattr(link, "keeper_command", command)
    status = await ended(attrs.evolve(workshop.spec("true", cwd="/"), **fields))
    assert words in str(status.error)
    assert (await ended(attrs.evolve(workshop.spec("true", cwd="/"), user="nobody"))).exit_code == 0
