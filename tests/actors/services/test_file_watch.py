"""Files that change: what counts, when it has settled, and real files in real directories."""

import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from actors.services.file_watch import LEAST_SETTLE, FileWatch, Settling, concerns, counts
from actors.settings import FileWatchOptions
from tests.actors.metrics.children import until
from tests.actors.services.yard import PATIENCE

ROOT = Path("/srv/app")


# --- rules ---


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/srv/app/main.py", "main.py"),
        ("/srv/app/web/static/a.css", "web/static/a.css"),
        ("/srv/app", "app"),
        ("/srv/apple/main.py", None),
        ("/srv/app/.git/HEAD", None),
        ("/srv/app/web/__pycache__/x.cpython-311.pyc", None),
        ("/srv/app/main.pyc", None),
        ("/srv/app/.main.py.swp", None),
        ("/srv/app/main.py~", None),
        ("/srv/app/4913", None),
        ("/srv/app/out/a.tmp", None),
        ("/srv/app/cache/a.html", None),
    ],
)
def test_what_counts_is_below_a_root_and_nothing_that_tools_leave_behind(path: str, name: str | None) -> None:
    assert counts(Path(path), (Path("/etc/app.toml"), ROOT), ("*.tmp", "cache")) == name


def test_what_stands_above_a_root_does_not_count_against_it() -> None:
    assert counts(Path("/x/node_modules/app/a.js"), (Path("/x/node_modules/app"),), ()) == "a.js"


def test_what_leads_to_a_path_concerns_it() -> None:
    assert [concerns(Path(path), (ROOT,)) for path in ("/srv", "/srv/app", "/srv/apple", "/srv/app/a")] == [
        True, True, False, False,
    ]  # fmt: skip


@given(gaps=st.lists(st.floats(0.0, 0.9), max_size=50))
def test_changes_have_settled_when_there_was_none_for_that_long_and_at_the_latest_in_the_end(gaps: list[float]) -> None:
    changes, now = Settling(1.0), 100.0
    for number, gap in enumerate(gaps):
        now += gap
        changes.changed(f"{number}.py", now)
        assert changes.due == min(now + 1.0, 100.0 + gaps[0] + 20.0)
    if gaps:
        told = changes.take()
        assert told.startswith("0.py")
        assert (f"and {len(gaps) - 3} more" in told) == (len(gaps) > 3)
    assert changes.due is None


def test_changes_that_never_end_are_acted_on_all_the_same() -> None:
    changes = Settling(0.05)
    now = 0.0
    changes.changed("a", now)
    while changes.due is not None and changes.due > now:
        now += 0.04
        changes.changed("a", now)
    assert LEAST_SETTLE <= now < LEAST_SETTLE + 0.1


# --- real files ---


@attrs.define
class Heard:
    told: list[str] = attrs.field(factory=list[str])
    more: trio.Event = attrs.field(factory=trio.Event)

    def __call__(self, what: str) -> bool:
        self.told.append(what)
        self.more.set()
        self.more = trio.Event()
        return True

    async def next(self) -> str:
        """What is told next, from the first call on."""
        with trio.fail_after(PATIENCE):
            while not self.told:
                await self.more.wait()
        return self.told.pop(0)


@asynccontextmanager
async def watching(*paths: Path, settle: float = 0.1, ignore: tuple[str, ...] = ()) -> AsyncGenerator[Heard, None]:
    heard = Heard()
    options = FileWatchOptions(paths=tuple(map(str, paths)), settle=settle, ignore=ignore)
    files = FileWatch("web", options, heard)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(files.run)
        with trio.fail_after(PATIENCE):
            await files.watching.wait()
        yield heard
        nursery.cancel_scope.cancel()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be told at once when a watcher watches."""
    monkeypatch.setattr("actors.services.file_watch.BEAT_SECONDS", 0.02)


@pytest.mark.slow
async def test_a_changed_file_is_told_by_its_name_below_the_directory(tmp_path: Path) -> None:
    (tmp_path / "app" / "web").mkdir(parents=True)
    async with watching(tmp_path / "app") as heard:
        (tmp_path / "app" / "web" / "views.py").write_text("1")
        assert await heard.next() == "web/views.py"
        (tmp_path / "app" / "web" / "views.py").write_text("2")
        assert await heard.next() == "web/views.py"
        (tmp_path / "app" / "web" / "views.py").unlink()
        assert await heard.next() == "web/views.py"


@pytest.mark.slow
async def test_a_storm_of_changes_is_told_once(tmp_path: Path) -> None:
    async with watching(tmp_path, settle=0.3) as heard:
        for number in range(200):
            (tmp_path / f"{number:03}.txt").write_text("x")
            if number % 20 == 0:
                await trio.sleep(0.02)  # so that not all of it is one batch
        told = await heard.next()
        assert told.count(",") == 2
        assert told.endswith("more")
        (tmp_path / "after").write_text("x")
        assert await heard.next() == "after", "nothing else was told in between"


@pytest.mark.slow
async def test_what_is_to_be_ignored_tells_nothing(tmp_path: Path) -> None:
    async with watching(tmp_path, ignore=("*.tmp",)) as heard:
        (tmp_path / "__pycache__").mkdir()
        (tmp_path / "__pycache__" / "a.pyc").write_text("x")
        (tmp_path / "b.tmp").write_text("x")
        (tmp_path / "c.py").write_text("x")
        assert await heard.next() == "c.py"


@pytest.mark.slow
async def test_a_file_that_an_editor_replaces_is_still_watched(tmp_path: Path) -> None:
    path = tmp_path / "app.toml"
    path.write_text("1")
    async with watching(path) as heard:
        for content in "23":
            (tmp_path / ".new").write_text(content)
            (tmp_path / ".new").replace(path)
            assert await heard.next() == "app.toml"
        (tmp_path / "other.toml").write_text("x")
        path.write_text("4")
        assert await heard.next() == "app.toml"


@pytest.mark.slow
async def test_a_directory_that_comes_later_or_is_replaced_is_watched(tmp_path: Path) -> None:
    app = tmp_path / "src" / "app"
    async with watching(app) as heard:
        app.mkdir(parents=True)
        assert await heard.next() == "app"
        await until_told(app / "a.py", heard, "a.py")
        (tmp_path / "next").mkdir()
        app.rename(tmp_path / "src" / "old")
        (tmp_path / "next").rename(app)
        assert "app" in await heard.next()
        await until_told(app / "b.py", heard, "b.py")
        shutil.rmtree(tmp_path / "src")
        assert "app" in await heard.next()


async def until_told(path: Path, heard: Heard, name: str) -> None:
    """Write the file until it is told: when a new directory is watched nobody says."""
    with trio.fail_after(PATIENCE):
        while name not in heard.told:
            await trio.Path(path).write_text("x")
            await trio.sleep(0.05)
            heard.told[:] = [told for told in heard.told if told != "app"]
    await trio.sleep(0.3)  # the rest of what was written
    heard.told.clear()


@pytest.mark.slow
async def test_the_threads_of_a_watch_end_with_it(tmp_path: Path) -> None:
    def threads() -> int:
        found = 0
        for task in Path("/proc/self/task").iterdir():
            with suppress(OSError):
                found += "notify" in (task / "comm").read_text()
        return found

    await until(lambda: threads() == 0)  # those of the test before
    async with watching(tmp_path, settle=3600.0):
        assert threads() == 2
    begun = trio.current_time()
    await until(lambda: threads() == 0)
    assert trio.current_time() - begun < 2.0
