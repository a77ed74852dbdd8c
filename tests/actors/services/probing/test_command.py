"""Looking by running commands: real ones."""

import os
import resource
import signal
from pathlib import Path

import pytest
import trio

from actors import State, open_system
from actors.services import Health
from actors.services.probing import Look, judge_of, look, look_exec
from actors.settings import AliveOptions, ExecOptions, ReadyOptions
from tests.actors.metrics.children import until
from tests.actors.services.probing.servers import PATIENCE, Served, Stream, answer, answering, serving
from tests.actors.services.yard import Yard


async def ran(script: str, **options: object) -> Look:
    """A look by a shell script."""
    values = {"command": ("sh", "-c", script), "timeout": PATIENCE / 2, **options}
    with trio.fail_after(PATIENCE):
        return await look_exec(ExecOptions(**values))  # pyright: ignore[reportArgumentType] - of a test's own making


def alive(pid: int) -> bool:
    """Whether the process runs; one that is only waiting to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def descriptors() -> int:
    """How many this process has."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def gone(*pids: int) -> None:
    """Wait until none of them runs."""
    with trio.fail_after(PATIENCE):
        await until(lambda: not any(alive(pid) for pid in pids))


# --- the verdict ---


@pytest.mark.parametrize(
    ("script", "options", "detail", "ok"),
    [
        ("echo fine", {}, "exit code 0: fine", True),
        ("exit 0", {}, "exit code 0", True),
        ("echo one; echo two >&2; exit 3", {}, "exit code 3, expected 0: one two", False),
        ("exit 3", {"expected_exit_codes": (0, 3)}, "exit code 3", True),
        ("kill -9 $$", {}, "killed by SIGKILL", False),
        ("echo queue: 7", {"text": "queue"}, "exit code 0: queue: 7", True),
        ("echo empty", {"text": "queue"}, 'the output of "sh" does not hold "queue"', False),
        ("echo queue: 7", {"text": "queue: [0-9]+", "regex": True}, "exit code 0: queue: 7", True),
        ("echo ERROR >&2", {"text_absent": "ERROR"}, 'the output of "sh" holds "ERROR"', False),
    ],
)
async def test_a_command_tells_by_its_exit_code_and_its_output(
    script: str, options: dict[str, object], detail: str, ok: bool
) -> None:
    found = await ran(script, **options)
    assert (found.ok, found.ours, found.detail) == (ok, False, detail)


async def test_a_command_has_the_environment_and_the_directory_it_was_given(tmp_path: Path) -> None:
    options = ExecOptions(command=("sh", "-c", 'echo "$A $B"; pwd'), env={"B": "2"}, cwd=str(tmp_path))
    found = await look_exec(options, environment={"PATH": os.environ["PATH"], "A": "1", "B": "1"})
    assert found.detail == f"exit code 0: 1 2 {tmp_path}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may be somebody else")
async def test_a_command_runs_as_whom_it_was_told() -> None:
    options = ExecOptions(command=("sh", "-c", "id -un; id -gn; id -G"))
    found = await look_exec(options, user="nobody", group="daemon")
    assert found.detail.startswith("exit code 0: nobody daemon ")
    found = await look_exec(options, user="nobody-of-this-name")
    assert (found.ok, found.detail) == (False, "it cannot be run: no user 'nobody-of-this-name'")


async def test_a_command_as_whom_we_are_already_needs_no_rights() -> None:
    options = ExecOptions(command=("id", "-u"))
    found = await look_exec(options, user=str(os.getuid()), group=str(os.getgid()))
    assert found.detail == f"exit code 0: {os.getuid()}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may be somebody else")
async def test_the_probe_of_a_service_runs_as_its_user(yard: Yard) -> None:
    ready = ReadyOptions(exec=("sh", "-c", 'test "$(id -un)" = nobody'), interval=0.05)
    async with open_system(yard.settings(yard.service("a", user="nobody", ready=ready))) as system:
        with trio.fail_after(PATIENCE):
            await system.services.start("a")
            assert (await system.services.wait_for("a", State.RUNNING)).health is Health.HEALTHY


@pytest.mark.parametrize(
    ("command", "cwd", "detail"),
    [
        (("no-such-program",), None, "cannot start 'no-such-program': No such file or directory"),
        (("/",), None, "cannot start '/': Permission denied"),
        (("true",), "/nowhere", "cannot start 'true' in '/nowhere': No such file or directory"),
    ],
)
async def test_a_command_that_cannot_be_started_says_why(
    command: tuple[str, ...], cwd: str | None, detail: str
) -> None:
    found = await look_exec(ExecOptions(command=command, cwd=cwd))
    assert (found.ok, found.ours, found.detail) == (False, False, detail)


async def test_of_endless_output_the_end_is_told_and_the_memory_stays_flat() -> None:
    found = await ran("head -c 20000000 /dev/zero | tr '\\0' x; echo; echo the end")
    assert found.ok
    assert found.detail.endswith("x the end")
    assert len(found.detail) <= len("exit code 0: ") + 500


async def test_output_that_is_no_text_stays_on_one_printable_line() -> None:
    found = await ran(r"printf '\033[31mred\000\377\nnext'")
    assert found.ok
    assert found.detail.isprintable()
    assert found.detail.endswith("next")


# --- nothing is left ---


@pytest.mark.slow
async def test_at_the_deadline_it_is_killed_with_its_group_and_what_it_said_is_told(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"trap '' TERM INT HUP; sleep 1000 & echo $! $$ > {pids}; echo working; wait"
    found = await ran(script, timeout=0.8)
    assert found.detail == "no answer within 0.8 s, still running 'sh': working"
    assert found.latency < 5.0
    await gone(*map(int, pids.read_text().split()))


async def test_what_it_leaves_behind_in_its_group_ends_with_it_and_hides_nothing(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    found = await ran(f"sleep 1000 & echo $! > {pid}; echo done")
    assert found.detail == "exit code 0: done"
    await gone(int(pid.read_text()))


@pytest.mark.slow
async def test_who_left_the_group_with_the_pipe_does_not_hold_up_the_answer(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    began = trio.current_time()
    found = await ran(f"setsid sh -c 'echo $$ > {pid}; exec sleep 1000' & while ! test -s {pid}; do :; done; echo done")
    os.kill(int(pid.read_text()), signal.SIGKILL)
    assert found.detail == "exit code 0: done"
    assert trio.current_time() - began < 5.0


async def test_a_look_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ran, f"echo $$ > {pid}; exec sleep 1000")
        with trio.fail_after(PATIENCE):
            await until(lambda: pid.exists() and pid.read_text().endswith("\n"))
        nursery.cancel_scope.cancel()
    await gone(int(pid.read_text()))


async def test_it_runs_in_a_session_of_its_own() -> None:
    found = await ran("echo $$ $(cut -d' ' -f6 /proc/$$/stat)")
    pid, session = found.detail.split(": ")[1].split()
    assert pid == session


async def test_no_descriptor_is_kept_whatever_the_end() -> None:
    await ran("true")
    before = descriptors()
    for script, timeout in (("true", 5.0), ("exit 1", 5.0), ("sleep 1000", 0.05), ("cat", 5.0)):
        await ran(script, timeout=timeout)
    await look_exec(ExecOptions(command=("no-such-program",)))
    assert descriptors() == before


# --- for want of something of our own ---


async def test_without_descriptors_nothing_is_said_about_the_command() -> None:
    await ran("true")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        found = await look_exec(ExecOptions(command=("true",)))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (found.ok, found.ours, found.verdict) == (False, True, None)
    assert found.detail == "cannot start 'true': Too many open files"


async def test_a_fork_that_the_machine_refuses_says_nothing_about_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("subprocess.Popen", refuse)  # no machine refuses it to root alone
    before = descriptors()
    found = await look_exec(ExecOptions(command=("true",)))
    assert (found.ok, found.ours) == (False, True)
    assert descriptors() == before


# --- the ways of a process's probes ---


async def test_a_process_is_asked_in_the_way_that_its_settings_name() -> None:
    command = AliveOptions(exec=("sh", "-c", 'test "$A" = 1'), timeout=PATIENCE / 2)
    assert (await look(command, environment={"A": "1", "PATH": os.environ["PATH"]})).ok
    assert not (await look(command, environment={"A": "2", "PATH": os.environ["PATH"]})).ok
    async with serving(
        answering(answer(b"ready", status="302 Found", headers="Location: http://h.invalid/\r\n"))
    ) as served:
        page = ReadyOptions(http=served.url(), text="ready", headers={"X-A": "1"}, timeout=PATIENCE / 2)
        found = await look(page)
        assert found.ok, found.detail
        assert b"x-a: 1" in served.requests[0].lower()


async def test_the_deadline_of_a_probe_is_its_own() -> None:
    async def silent(_: Served, stream: Stream) -> None:
        await trio.sleep_forever()

    async with serving(silent) as served:
        found = await look(AliveOptions(http=served.url(), timeout=0.1))
    assert found.detail.startswith("no answer within 0.1 s")


async def test_who_is_not_asked_but_waited_for_cannot_be_looked_at() -> None:
    with pytest.raises(ValueError, match="expected http, tcp or exec"):
        await look(ReadyOptions(log="ready"))


def test_probes_are_judged_by_their_own_counts() -> None:
    judge = judge_of(AliveOptions(tcp="h:1", interval=7.0, failures=4, successes=2))
    assert (judge.interval, judge.retry_interval, judge.failures, judge.successes) == (7.0, 7.0, 4, 2)
    assert judge.flap_changes == 0
