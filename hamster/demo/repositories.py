"""A real pair of repositories for the demo: a bare origin, and a working tree of a small site with a build script."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import attrs

from actors.settings import PoscoSettings

SECONDS = 30.0
"""For one command of git's."""
PAGE = """<!doctype html>
<html lang="ko">
<meta charset="utf-8">
<title>{title}</title>
<style>body {{ font: 16px/1.6 sans-serif; max-width: 46rem; margin: 3rem auto; color: {colour} }}</style>
<h1>{title}</h1>
<p>{text}</p>
<p><small>{branch} {commit}</small></p>
</html>
"""
BUILD = '''"""Builds the site: site.json and page.html become public/index.html and public/version.json."""

import html
import json
import os
import sys
from pathlib import Path

site = json.loads(Path("site.json").read_text("utf-8"))
print(f"building {site['title']!r} for {os.environ['HAMSTER_BRANCH']}", flush=True)
if "colour" not in site:
    sys.exit("site.json names no colour; the page cannot be built")
values = {name: html.escape(str(value)) for name, value in site.items()}
values |= {"branch": os.environ["HAMSTER_BRANCH"], "commit": os.environ["HAMSTER_COMMIT"]}
public = Path("public")
public.mkdir(exist_ok=True)
(public / "index.html").write_text(Path("page.html").read_text("utf-8").format(**values), "utf-8")
version = {"title": site["title"], "branch": values["branch"], "commit": values["commit"]}
(public / "version.json").write_text(json.dumps(version, ensure_ascii=False), "utf-8")
print("built", sorted(path.name for path in public.iterdir()), flush=True)
'''
SITES: Mapping[str, str] = {
    "main": '{"title": "햄스터 회사", "text": "WatchHamster 데모 사이트입니다.", "colour": "#234"}',
    "redesign": '{"title": "햄스터 회사 (새 단장)", "text": "브랜치 redesign 의 새 모습입니다.", "colour": "#a40"}',
    "broken": '{"title": "고장 난 사이트", "text": "이 브랜치는 빌드되지 않습니다."}',
}
"""`site.json` of each branch; that of `broken` lacks something, so that a build that fails can be seen, too."""


class NoGit(Exception):
    """The demo has no site to deploy; says why."""


@attrs.frozen
class DemoSite:
    """The site of the demo, and where everything of it is."""

    directory: Path

    @property
    def tree(self) -> Path:
        """The working tree."""
        return self.directory / "tree"

    @property
    def published(self) -> Path:
        """The link to what is published."""
        return self.directory / "www"

    def settings(self, url: str, python: str = sys.executable) -> PoscoSettings:
        """How it is deployed; *url* is where what is published is served."""
        return PoscoSettings(
            worktree=str(self.tree),
            build=(python, "build.py"),
            publish_dir=str(self.published),
            health_url=f"{url}/version.json",
            health_text="{commit}",
            verify_timeout=20.0,
            verify_interval=0.2,
            check_interval=5.0,
            fetch_interval=30.0,
        )

    def make(self, python: str = sys.executable) -> None:
        """Make it, and publish its first version; what is there from an earlier time stays.

        Raises:
            NoGit: There is no git here, or it does not do what it should.
        """
        if self.published.exists():
            return
        if self.directory.exists():
            shutil.rmtree(self.directory)  # one that was not finished
        self.directory.mkdir(parents=True)
        origin = self.directory / "origin.git"
        self._git("init", "--quiet", "--bare", "--initial-branch=main", str(origin), at=self.directory)
        self._git("clone", "--quiet", str(origin), str(self.tree), at=self.directory)
        self._write({"page.html": PAGE, "build.py": BUILD, ".gitignore": "public/\n"})
        for branch, site in SITES.items():
            if branch != "main":
                self._git("switch", "--quiet", "--create", branch, "main")
            self._write({"site.json": site + "\n"})
            self._git("add", "--all")
            self._git("commit", "--quiet", "--message", f"The site as of {branch}")
            self._git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
            if branch == "main":
                self._git("branch", "--move", "main")
        self._git("switch", "--quiet", "main")
        self._git("branch", "--quiet", "--set-upstream-to=origin/main")
        self._git("branch", "--quiet", "--delete", "--force", "redesign", "broken")
        self._first(python)

    def _first(self, python: str) -> None:
        """The first version: built as any other, there before anybody deploys."""
        commit = self._git("rev-parse", "HEAD")
        env = {"HAMSTER_BRANCH": "main", "HAMSTER_COMMIT": commit}
        self._run([python, "build.py"], self.tree, env)
        first = self.published.with_name("www.releases") / f"first-{commit[:10]}"
        shutil.copytree(self.tree / "public", first)
        self.published.symlink_to(first, target_is_directory=True)

    def _write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            (self.tree / name).write_text(text, encoding="utf-8")

    def _git(self, *arguments: str, at: Path | None = None) -> str:
        name, email = "WatchHamster demo", "demo@localhost"
        who = {
            "GIT_AUTHOR_NAME": name,
            "GIT_AUTHOR_EMAIL": email,
            "GIT_COMMITTER_NAME": name,
            "GIT_COMMITTER_EMAIL": email,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        return self._run(["git", *arguments], at or self.tree, who)

    def _run(self, command: list[str], at: Path, env: Mapping[str, str]) -> str:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        try:
            ran = subprocess.run(  # noqa: S603 - commands of ours
                command,
                cwd=at,
                env={**kept, **env},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NoGit(f"{command[0]}: {error}") from None
        if ran.returncode != 0:
            raise NoGit(f"{' '.join(command[:2])}: {ran.stderr.strip() or f'exit code {ran.returncode}'}")
        return ran.stdout.strip()
