from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from actors.services.keeper.kernel import Process, children, descendants, send_signal

from .workshop import Workshop, state, until


def made_proc(root: Path, parents: dict[int, int], *, with_children_files: bool) -> str:
    """A /proc with these processes, as a kernel with or without CONFIG_PROC_CHILDREN shows them."""
    for pid, parent in parents.items():
        task = root / str(pid) / "task" / str(pid)
        task.mkdir(parents=True)
        fields = ["S", str(parent), *["0"] * 17, str(1000 + pid), "0"]
        (root / str(pid) / "stat").write_text(f"{pid} (a ) b) {' '.join(fields)}\n")
        if with_children_files:
            below = [str(child) for child, of in parents.items() if of == pid]
            (task / "children").write_text(" ".join(below))
    (root / "meminfo").write_text("")
    return str(root)


PARENTS = {10: 1, 11: 10, 12: 10, 13: 12, 14: 13, 20: 1, 21: 20}


@pytest.mark.parametrize("with_children_files", [True, False])
def test_all_descendants_and_nobody_else_are_found_either_way(tmp_path: Path, with_children_files: bool) -> None:
    proc = made_proc(tmp_path, PARENTS, with_children_files=with_children_files)
    found = descendants(10, proc)
    assert [process.pid for process in found][:2] == [11, 12]
    assert {process.pid: process.birth for process in found} == {11: 1011, 12: 1012, 13: 1013, 14: 1014}
    assert [process.pid for process in children(10, proc)] == [11, 12]


def test_without_proc_nobody_is_found() -> None:
    assert descendants(os.getpid(), "/nowhere") == []


def sleeper(workshop: Workshop) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "1000"], env={**os.environ, "HAMSTER_MARK": workshop.mark})


async def test_a_recycled_pid_is_not_signalled(workshop: Workshop) -> None:
    child = sleeper(workshop)
    try:
        (process,) = [each for each in children(os.getpid()) if each.pid == child.pid]
        send_signal(Process(child.pid, process.birth - 1), signal.SIGKILL)
        send_signal(process, signal.SIGSTOP)
        await until(lambda: state(child.pid) == "T")
    finally:
        child.kill()
        assert child.wait() == -signal.SIGKILL


def test_a_process_that_is_gone_is_no_error_to_signal() -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    send_signal(Process(child.pid, 0), signal.SIGTERM)
