"""Deployments with a real git: what is published, what is put back, and what is never lost."""

import http.server
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import pytest
import trio

from actors.deploy.messages import (
    BadBranch,
    Deployment,
    DeploymentChanged,
    DeploymentPaused,
    DeploymentRuns,
    NotConfigured,
    RepositoryUnusable,
    UncommittedChanges,
    UnknownBranch,
)
from actors.runtime import Lagged, Subscription
from actors.settings import PoscoSettings, ServiceSettings, SystemSettings
from actors.system import System, open_system
from tests.actors.deploy.grounds import PATIENCE, Grounds
from tests.actors.metrics.children import until

STEPS = ["fetch", "check", "backup", "switch", "fast_forward", "build", "publish", "verify"]


@pytest.fixture
def grounds(tmp_path: Path) -> Grounds:
    return Grounds(tmp_path / "site").make()


def posco(grounds: Grounds, **options: object) -> PoscoSettings:
    values = {"worktree": str(grounds.tree), "build": "./build.sh", "fetch_interval": 0.0} | options
    return PoscoSettings(**values)  # type: ignore[arg-type]  # the class checks itself


@asynccontextmanager
async def deploying(grounds: Grounds, *services: ServiceSettings, **options: object) -> AsyncGenerator[System, None]:
    """A system that deploys; past what an earlier life may have left."""
    settings = SystemSettings(data_dir=grounds.root / "data", services=services, posco=posco(grounds, **options))
    with trio.fail_after(2 * PATIENCE):
        async with open_system(settings) as system:
            await until(lambda: _idle(system))
            yield system


def _idle(system: System) -> bool:
    return system.deployments._record.busy is None  # pyright: ignore[reportPrivateUsage] - no event tells it


async def deployed(
    system: System, target: str | None = None, *, force: bool = False, backup: bool = True
) -> Deployment:
    """A deployment, once it is over."""
    begun = await system.deployments.deploy(target, force=force, backup=backup, by="test")
    return await over(system, begun.id)


async def over(system: System, deployment: str) -> Deployment:
    """A deployment that was begun, once it is over."""
    found: list[Deployment] = []

    def ended() -> bool:
        found[:] = [one for one in system.deployments.state.value.history if one.id == deployment]
        return bool(found) and _idle(system)

    await until(ended)
    return found[0]


async def test_a_deployment_switches_builds_and_publishes_a_directory_behind_a_link(grounds: Grounds) -> None:
    async with deploying(grounds, publish_dir=str(grounds.www)) as system:
        ended = await deployed(system, "work")
    assert (ended.status, ended.error, [step.name for step in ended.steps]) == ("success", None, STEPS)
    assert (ended.came_from, ended.target, ended.progress) == ("main", "work", 100.0)
    assert grounds.page() == ["two", grounds.git("rev-parse", "origin/work")]
    assert grounds.git("symbolic-ref", "--short", "HEAD") == "work"
    assert grounds.git("config", "branch.work.remote") == "origin", "the new branch follows the remote's"


async def test_what_the_remote_has_more_is_fetched_and_reached_by_fast_forward(grounds: Grounds) -> None:
    commit = grounds.advance("main", page__txt="three")
    async with deploying(grounds, publish_dir=str(grounds.www)) as system:
        ended = await deployed(system)
    assert (ended.status, ended.commit) == ("success", commit)
    assert grounds.page() == ["three", commit]


async def test_a_branch_of_built_files_is_pushed_commit_upon_commit(grounds: Grounds) -> None:
    async with deploying(grounds, publish_branch="pages") as system:
        assert (await deployed(system)).status == "success"
        first = grounds.git("rev-parse", "refs/heads/pages", at=grounds.origin)
        assert grounds.git("show", "pages:index.html", at=grounds.origin).startswith("one\n")
        again = await deployed(system)
        assert again.status == "success"
        assert "exactly this already" in again.steps[6].detail
        assert grounds.git("rev-parse", "refs/heads/pages", at=grounds.origin) == first
        assert (await deployed(system, "work")).status == "success"
    assert grounds.git("show", "pages:index.html", at=grounds.origin).startswith("two\n")
    assert grounds.git("rev-parse", "refs/heads/pages~1", at=grounds.origin) == first


@pytest.mark.parametrize("target", ["main", "work"])
async def test_a_failing_build_is_rolled_back_and_says_what_it_said(grounds: Grounds, target: str) -> None:
    grounds.advance(target, page__txt="broken", fail="out of it")
    before = grounds.snapshot()
    async with deploying(grounds, publish_dir=str(grounds.www)) as system:
        ended = await deployed(system, target)
    assert (ended.status, ended.step, ended.rolled_back) == ("failed", "build", True), ended
    assert ended.error is not None
    assert "exit code 3" in ended.error
    assert "there is no paper: out of it" in ended.error
    assert grounds.snapshot() == before
    assert not grounds.www.exists()
    log = (grounds.root / "data/logs/deployment.log").read_text("utf-8")
    assert "build: there is no paper: out of it" in log
    assert "deployment.rolled_back" in log


async def test_a_site_that_does_not_come_is_taken_back(grounds: Grounds) -> None:
    async with deploying(grounds, publish_dir=str(grounds.www)) as system:
        good = await deployed(system)
    before = grounds.snapshot()
    with serving(grounds.root) as url:
        options = {"health_url": f"{url}/nothing", "verify_timeout": 1.0, "verify_interval": 0.1}
        async with deploying(grounds, publish_dir=str(grounds.www), **options) as system:
            ended = await deployed(system, "work")
    assert (ended.status, ended.step, ended.rolled_back) == ("failed", "verify", True), ended
    assert "status 404" in (ended.error or "")
    assert grounds.page() == ["one", good.commit]
    assert grounds.snapshot() == before
    assert [path.name for path in (grounds.root / "www.releases").iterdir()] == [
        f"{good.id}-{(good.commit or '')[:10]}"
    ]


async def test_a_branch_that_does_not_come_is_taken_back_by_one_more_commit(grounds: Grounds) -> None:
    async with deploying(grounds, publish_branch="pages") as system:
        assert (await deployed(system)).status == "success"
    was = grounds.published()
    with serving(grounds.root) as url:
        options = {"health_url": f"{url}/nothing", "verify_timeout": 0.5 + 0.5, "verify_interval": 0.1}
        async with deploying(grounds, publish_branch="pages", **options) as system:
            ended = await deployed(system, "work")
    assert (ended.status, ended.rolled_back, ended.rollback_error) == ("failed", True, None)
    assert grounds.published() == was
    assert grounds.git("rev-list", "--count", "refs/heads/pages", at=grounds.origin) == "3", "nothing was forced"


async def test_the_site_is_there_when_it_shows_the_commit(grounds: Grounds) -> None:
    with serving(grounds.root) as url:
        options = {"health_url": f"{url}/www/index.html", "health_text": "{commit}", "verify_interval": 0.1}
        async with deploying(grounds, publish_dir=str(grounds.www), **options) as system:
            ended = await deployed(system, "work")
    assert ended.status == "success", ended.error


@contextmanager
def serving(directory: Path) -> Generator[str, None, None]:
    """A web server of the files below *directory*."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(directory)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# -- work that is not committed


async def test_uncommitted_work_stops_a_deployment_and_is_named(grounds: Grounds) -> None:
    grounds.write("notes.txt", "mine")
    before = grounds.snapshot()
    async with deploying(grounds) as system:
        ended = await deployed(system, "work")
        without = await deployed(system, "work", force=True, backup=False)
    for one in (ended, without):
        assert (one.status, one.step, one.rolled_back) == ("failed", "check", None)
        assert "notes.txt" in (one.error or "")
    assert grounds.snapshot() == before


async def test_forced_it_keeps_uncommitted_work_under_a_ref_and_gives_it_back_when_it_fails(grounds: Grounds) -> None:
    grounds.advance("work", fail="no")
    grounds.write("notes.txt", "staged")
    grounds.git("add", "notes.txt")
    grounds.write("notes.txt", "staged and more")
    grounds.write("page.txt", "mine")
    grounds.write("loose.txt", "git does not know it")
    before = grounds.snapshot()
    async with deploying(grounds) as system:
        ended = await deployed(system, "work", force=True)
        assert (ended.status, ended.rolled_back) == ("failed", True), ended
        assert grounds.snapshot() == before, "what was staged is staged, and the rest is not"
        assert not grounds.git("for-each-ref", "refs/hamster"), "all of it is there again"
    assert ended.saved == f"refs/hamster/saved/{ended.id}/before"


async def test_forced_and_successful_it_says_where_the_uncommitted_work_is(grounds: Grounds) -> None:
    grounds.write("notes.txt", "mine")
    async with deploying(grounds) as system:
        ended = await deployed(system, "work", force=True)
    assert ended.status == "success"
    assert ended.saved is not None
    assert grounds.read("notes.txt") == "notes"
    grounds.git("stash", "apply", ended.saved)
    assert grounds.read("notes.txt") == "mine"


async def test_a_file_that_git_does_not_know_is_never_overwritten(grounds: Grounds) -> None:
    grounds.write("more/new.txt", "mine, and not in git")
    before = grounds.snapshot()
    async with deploying(grounds) as system:
        ended = await deployed(system, "work", force=True)
        assert (ended.status, ended.step, ended.rolled_back) == ("failed", "check", None), ended
        assert "more/new.txt" in (ended.error or "")
        with pytest.raises(RepositoryUnusable, match=r"more/new\.txt"):
            await system.deployments.switch("work")
    assert grounds.snapshot() == before


@pytest.mark.parametrize("state", ["merge", "conflict", "parted"])
async def test_what_is_in_the_way_is_said_before_anything_is_changed(grounds: Grounds, state: str) -> None:
    if state == "parted":
        grounds.advance("main", page__txt="theirs")
        grounds.write("page.txt", "ours")
        grounds.commit("ours")
    else:
        grounds.git("switch", "--quiet", "--create", "side")
        grounds.write("page.txt", "side")
        grounds.commit("side")
        grounds.git("switch", "--quiet", "main")
        grounds.write("page.txt", "other")
        grounds.commit("other")
        with pytest.raises(AssertionError):
            grounds.git("merge", "side")
        if state == "conflict":
            (grounds.tree / ".git/MERGE_HEAD").unlink()
    before = grounds.snapshot()
    async with deploying(grounds) as system:
        ended = await deployed(system, force=True)
    expected = {"merge": "under way", "conflict": "conflicts: page.txt", "parted": "1 commits here, 1 there"}
    assert (ended.status, ended.step, ended.rolled_back) == ("failed", "check", None), ended
    assert expected[state] in (ended.error or "")
    assert grounds.snapshot() == before


# -- one at a time, and cancelled


@pytest.mark.parametrize("point", ["fetch", "backup", "checkout", "build", "publish"])
async def test_it_can_be_cancelled_at_every_step_and_puts_everything_back(grounds: Grounds, point: str) -> None:
    grounds.hold_points()
    grounds.write("notes.txt", "mine")
    before = grounds.snapshot()
    grounds.hold(point)
    async with deploying(grounds, publish_branch="pages") as system:
        begun = await system.deployments.deploy("work", force=True)
        await until(lambda: grounds.is_at(point))
        with pytest.raises(DeploymentRuns, match=begun.id):
            await system.deployments.deploy("main")
        with pytest.raises(DeploymentRuns):
            await system.deployments.switch("work")
        cancelled = await system.deployments.cancel()
        assert cancelled is not None
        assert cancelled.id == begun.id
        grounds.let_go(point)
        ended = await over(system, begun.id)
        assert (ended.status, ended.cancelled, ended.error) == ("failed", True, "it was cancelled")
        assert ended.rolled_back is (None if point == "fetch" else True), ended
        assert grounds.snapshot() == before
        assert grounds.published() is None
        assert await system.deployments.cancel() is None
        assert (await deployed(system, "work", force=True)).status == "success", "the next one works"


async def test_a_deadline_ends_it_as_a_cancellation_does(grounds: Grounds) -> None:
    before = grounds.snapshot()
    grounds.hold("build")
    async with deploying(grounds, deadline=1.0) as system:
        begun = await system.deployments.deploy("work")
        await until(lambda: grounds.is_at("build"))
        ended = await over(system, begun.id)
    assert (ended.status, ended.cancelled, ended.rolled_back) == ("failed", False, True)
    assert "did not end within 1 s" in (ended.error or "")
    assert grounds.snapshot() == before


async def test_an_end_in_order_in_the_middle_of_a_deployment_puts_everything_back(grounds: Grounds) -> None:
    before = grounds.snapshot()
    grounds.hold("build")
    async with deploying(grounds) as system:
        begun = await system.deployments.deploy("work")
        await until(lambda: grounds.is_at("build"))
    assert grounds.snapshot() == before
    grounds.let_go("build")
    async with deploying(grounds) as system:
        (kept,) = await system.deployments.history()
    assert (kept.id, kept.status, kept.interrupted, kept.rolled_back) == (begun.id, "failed", True, True)


# -- events and the state of the repository


async def test_every_step_is_told_with_its_duration(grounds: Grounds) -> None:
    async with deploying(grounds) as system:
        with system.bus.subscribe(DeploymentChanged) as events:
            await deployed(system)
            told = taken(events)
    assert [event.what for event in told] == ["started", *["step_started", "step_done"] * 8, "succeeded"]
    assert [event.step.name for event in told if event.step is not None] == STEPS
    assert all(event.step.seconds >= 0 for event in told if event.step is not None)
    began = [event.deployment.status for event in told if event.what == "step_started"]
    assert began == [*["preparing"] * 3, *["switching_branch"] * 2, "building", *["deploying"] * 2]


def taken(events: "Subscription[DeploymentChanged]") -> list[DeploymentChanged]:
    """What was told so far."""
    found: list[DeploymentChanged] = []
    while True:
        try:
            event = events.receive_nowait()
        except trio.WouldBlock:
            return found
        assert not isinstance(event, Lagged)
        found.append(event)


async def test_the_state_of_the_repository_follows_what_others_do_in_it(grounds: Grounds) -> None:
    async with deploying(grounds, check_interval=1.0) as system:
        git = system.deployments.git
        await until(lambda: git.value.error is None)
        assert (git.value.current_branch, git.value.message, git.value.remote_status) == ("main", "first", "up-to-date")
        grounds.git("switch", "--quiet", "--create", "elsewhere")
        await until(lambda: git.value.current_branch == "elsewhere")
        assert git.value.remote_status == "unknown", "the remote has no such branch"
        grounds.git("switch", "--quiet", "main")
        grounds.write("page.txt", "newer")
        await until(lambda: git.value.changed == ("page.txt",))
        grounds.commit("newer")
        await until(lambda: (git.value.message, git.value.remote_status, git.value.ahead) == ("newer", "ahead", 1))
        grounds.advance("main", notes__txt="theirs")
        grounds.git("fetch", "--quiet")
        await until(lambda: (git.value.remote_status, git.value.behind) == ("diverged", 1))


async def test_the_remote_is_asked_now_and_then_how_far_it_is(grounds: Grounds) -> None:
    async with deploying(grounds, fetch_interval=0.2) as system:
        grounds.advance("main", page__txt="theirs")
        await until(
            lambda: (system.deployments.git.value.remote_status, system.deployments.git.value.behind) == ("behind", 1)
        )


async def test_a_place_that_is_no_repository_is_said_and_nothing_breaks(tmp_path: Path) -> None:
    grounds = Grounds(tmp_path)
    (tmp_path / "tree").mkdir()
    async with deploying(grounds) as system:
        await until(lambda: "not a git repository" in (system.deployments.git.value.error or ""))
        ended = await deployed(system)
        assert "not a git repository" in (ended.error or "")
        with pytest.raises(RepositoryUnusable, match="not a git repository"):
            await system.deployments.switch("work")


# -- switching


async def test_a_switch_checks_out_a_branch_that_only_the_remote_has(grounds: Grounds) -> None:
    async with deploying(grounds) as system:
        assert await system.deployments.switch("work") == "work"
        assert system.deployments.git.value.current_branch == "work", "whoever commanded it reads it"
        assert system.deployments.state.value.switch.status == "completed"
    assert grounds.git("symbolic-ref", "--short", "HEAD") == "work"


async def test_a_switch_overwrites_nothing_and_names_what_is_in_the_way(grounds: Grounds) -> None:
    grounds.write("page.txt", "mine")
    before = grounds.snapshot()
    async with deploying(grounds) as system:
        with pytest.raises(UncommittedChanges) as caught:
            await system.deployments.switch("work")
        assert caught.value.files == ("page.txt",)
        assert system.deployments.state.value.switch.status == "failed"
        with pytest.raises(UnknownBranch):
            await system.deployments.switch("nowhere")
        for name in ("-x", "a..b", "HEAD", "", "a b"):
            with pytest.raises(BadBranch):
                await system.deployments.switch(name)
            with pytest.raises(BadBranch):
                await system.deployments.deploy(name)
    assert grounds.snapshot() == before


async def test_without_a_repository_or_with_the_service_stopped_nothing_is_deployed(grounds: Grounds) -> None:
    part = ServiceSettings(id="deployment", name="deployment", kind="deployment", autostart=False)
    async with deploying(grounds, part) as system:
        with pytest.raises(DeploymentPaused):
            await system.deployments.deploy()
        await system.services.start("deployment")
        assert (await deployed(system)).status == "success"
        system.deployments.configure(PoscoSettings())
        with pytest.raises(NotConfigured):
            await system.deployments.deploy()
        await until(lambda: "no worktree" in (system.deployments.git.value.error or ""))


async def test_credentials_in_the_address_of_the_remote_are_not_shown(grounds: Grounds) -> None:
    grounds.git("remote", "set-url", "origin", "http://user:hunter2@127.0.0.1:9/site.git")
    async with deploying(grounds) as system:
        ended = await deployed(system)
    assert ended.step == "fetch"
    assert "127.0.0.1" in (ended.error or "")
    everything = "".join(path.read_text("utf-8") for path in (grounds.root / "data/logs").iterdir() if path.is_file())
    assert "hunter2" not in (ended.error or "") + everything
