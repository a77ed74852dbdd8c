"""Directories watched by a whole system: real files, a real log, and looks on command."""

import os
import threading
import time
from pathlib import Path

import attrs
import pytest
import trio

from actors import ServiceSettings, System, SystemSettings, open_system
from actors.services import Health, Look, ServiceUnconfigured
from actors.services.monitors.files import monitor as files_monitor
from actors.settings import CleanupOptions, FilesCheck, FilesOptions

pytestmark = pytest.mark.slow


def settings(tmp_path: Path, options: FilesOptions) -> SystemSettings:
    service = ServiceSettings(id="cache", kind="files", monitor=options)
    return SystemSettings(data_dir=tmp_path / "data", services=(service,))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "cache"
    (root / "sub").mkdir(parents=True)
    write(root / "old.json", age=1000)
    write(root / "sub" / "new.json", age=10)
    return root


def write(path: Path, *, age: float, size: int = 10) -> None:
    path.write_text("x" * size)
    then = time.time() - age
    os.utime(path, (then, then))


async def look(system: System) -> Look:
    """A look that was begun after now."""
    with trio.fail_after(30):
        ticket = await system.services.check("cache")
        return await ticket.wait()


def options(root: Path, **changes: object) -> FilesOptions:
    return attrs.evolve(FilesOptions(root=str(root), interval=1000, retry_interval=1000), **changes)


async def test_files_that_are_as_they_should_be_are_well_and_counted(tmp_path: Path, root: Path) -> None:
    checks = {"fresh": FilesCheck(files=("**/*.json",), max_age=60, min_files=2)}
    async with open_system(settings(tmp_path, options(root, checks=checks))) as system:
        found = await look(system)
        assert (found.ok, found.detail) == (True, "2 files, 20 bytes")
        assert found.figures == {"files": 2, "bytes": 20, "newest_age_s": 10}
        assert system.services.view("cache").health is Health.HEALTHY


async def test_what_is_wrong_is_said_and_people_hear_of_it_and_of_its_end(tmp_path: Path, root: Path) -> None:
    checks = {"fresh": FilesCheck(max_age=5), "few": FilesCheck(files=("*.json",), max_files=0)}
    async with open_system(settings(tmp_path, options(root, checks=checks))) as system:
        found = await look(system)
        wrong = "fresh: the newest, 'sub/new.json', is 10 s old, more than 5; few: 1 files, more than 0"
        assert (found.ok, found.detail) == (False, wrong)
        view = system.services.view("cache")
        assert view.health is Health.UNHEALTHY
        assert view.last_failure is not None
        assert view.last_failure.detail == wrong
        (root / "old.json").unlink()
        write(root / "sub" / "new.json", age=0)
        assert (await look(system)).ok


async def test_a_root_that_is_not_there_is_a_failure_with_its_path(tmp_path: Path, root: Path) -> None:
    async with open_system(settings(tmp_path, options(root / "none"))) as system:
        found = await look(system)
        assert (found.ok, found.detail) == (False, f"cannot read {root / 'none'}: No such file or directory")


async def test_a_file_that_cannot_be_read_is_a_failure_with_its_path(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.access

    def refusing(path: str, mode: int, *, dir_fd: int | None = None, effective_ids: bool = False) -> bool:
        # As root may read everything, the system's refusal is made here.
        return path != "new.json" and real(path, mode, dir_fd=dir_fd, effective_ids=effective_ids)

    monkeypatch.setattr("actors.services.monitors.files.walk.os.access", refusing)
    async with open_system(settings(tmp_path, options(root))) as system:
        found = await look(system)
        assert (found.ok, found.detail) == (False, "cannot read sub/new.json: Permission denied")


async def test_a_clean_up_removes_what_is_old_says_so_in_the_log_and_is_then_judged(tmp_path: Path, root: Path) -> None:
    cleanup = CleanupOptions(dry_run=False, older_than=100)
    checks = {"few": FilesCheck(max_files=1)}
    async with open_system(settings(tmp_path, options(root, checks=checks, cleanup=cleanup))) as system:
        with trio.fail_after(30):
            await system.services.wait_until(lambda board: board["cache"].health is Health.HEALTHY)
        assert not (root / "old.json").exists()
        assert (root / "sub" / "new.json").exists()
    text = (tmp_path / "data" / "logs" / "cache.log").read_text()
    assert "files.removed path=old.json bytes=10" in text


async def test_a_dry_run_removes_nothing_and_says_what_it_would(tmp_path: Path, root: Path) -> None:
    cleanup = CleanupOptions(dry_run=True, older_than=100)
    async with open_system(settings(tmp_path, options(root, cleanup=cleanup))) as system:
        found = await look(system)
        assert found.figures["would_remove"] == 1
        assert (root / "old.json").exists()
    assert "files.would_remove path=old.json" in (tmp_path / "data" / "logs" / "cache.log").read_text()


async def test_our_own_data_is_never_cleaned_up(tmp_path: Path) -> None:
    (tmp_path / "data" / "logs").mkdir(parents=True)
    write(tmp_path / "data" / "logs" / "old.log", age=1000)
    for root in (tmp_path / "data" / "logs", tmp_path / "data", tmp_path):
        cleanup = CleanupOptions(dry_run=False, older_than=100)
        async with open_system(settings(tmp_path, options(root, cleanup=cleanup))) as system:
            found = await look(system)
            assert not found.ok
            assert "WatchHamster's own" in found.detail
    assert (tmp_path / "data" / "logs" / "old.log").exists()


async def test_a_clock_that_was_just_set_removes_nothing_at_that_look(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleanup = CleanupOptions(dry_run=False, older_than=100_000)
    async with open_system(settings(tmp_path, options(root, cleanup=cleanup))) as system:
        await look(system)
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + 1_000_000)
        await look(system)
        assert (root / "old.json").exists()
        await look(system)  # so it is the time, after all
        assert not (root / "old.json").exists()


async def test_a_directory_that_does_not_answer_holds_one_thread_and_no_more(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, calls = threading.Event(), [0]
    real = files_monitor.survey

    def hanging(*args: object, **kwargs: object) -> object:
        calls[0] += 1
        release.wait()
        return real(*args, **kwargs)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(files_monitor, "survey", hanging)
    try:
        async with open_system(settings(tmp_path, options(root, timeout=0.05))) as system:
            assert "does not answer within 0.1 s" in (await look(system)).detail
            assert "the look before is still on" in (await look(system)).detail
            assert calls == [1]
            release.set()
            with trio.fail_after(30):
                while not (await look(system)).ok:
                    pass  # each look waits for its answer
    finally:
        release.set()


async def test_without_a_root_it_says_which_key_it_needs(tmp_path: Path) -> None:
    async with open_system(settings(tmp_path, FilesOptions())) as system:
        with pytest.raises(ServiceUnconfigured, match=r"services\.cache\.root is not set"):
            await system.services.start("cache")
