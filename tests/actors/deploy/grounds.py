"""A real site to deploy: a bare origin, a working tree, a build, and ways to hold git in the middle of something."""

import json
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import attrs

PATIENCE = 30.0
HOLD = """#!/bin/sh
# Waits for as long as somebody holds NAME.
name=$1
if [ -e "{root}/hold-$name" ]; then
    touch "{root}/at-$name"
    while [ -e "{root}/hold-$name" ]; do sleep 0.02; done
fi
"""
BUILD = """#!/bin/sh
set -e
mkdir -p public
echo "building $HAMSTER_BRANCH at $HAMSTER_COMMIT"
printf '%s\\n%s\\n' "$(cat page.txt)" "$HAMSTER_COMMIT" > public/index.html
"{hold}" build
if [ -e fail ]; then echo "there is no paper: $(cat fail)"; exit 3; fi
"""


@attrs.define
class Grounds:
    """Everything below one directory."""

    root: Path

    @property
    def origin(self) -> Path:
        """The bare repository."""
        return self.root / "origin.git"

    @property
    def tree(self) -> Path:
        """The working tree."""
        return self.root / "tree"

    @property
    def www(self) -> Path:
        """The link that is published."""
        return self.root / "www"

    @property
    def hold_script(self) -> Path:
        """Waits for as long as its argument is held."""
        return self.root / "hold"

    def make(self) -> "Grounds":
        """Make it all: `main` and `work` at the origin, `main` checked out."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.script(self.hold_script, HOLD.format(root=self.root))
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(self.origin), at=self.root)
        self.git("clone", "--quiet", str(self.origin), str(self.tree), at=self.root)
        for key, value in {"user.name": "Tester", "user.email": "tester@example.com", "gc.auto": "0"}.items():
            self.git("config", key, value)
        self.script(self.tree / "build.sh", BUILD.format(hold=self.hold_script))
        self.write("page.txt", "one")
        self.write("notes.txt", "notes")
        self.write(".gitignore", "public")
        self.commit("first")
        self.git("push", "--quiet", "origin", "HEAD:refs/heads/main")
        self.git("switch", "--quiet", "--create", "work")
        self.write("page.txt", "two")
        self.write("more/new.txt", "new")
        self.commit("second")
        self.git("push", "--quiet", "origin", "work")
        self.git("switch", "--quiet", "main")
        self.git("branch", "--quiet", "--delete", "--force", "work")
        self.git("update-ref", "-d", "refs/remotes/origin/work")
        return self

    def script(self, path: Path, text: str) -> None:
        """Write a program."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def write(self, name: str, text: str) -> None:
        """Write a file of the working tree."""
        path = self.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")

    def read(self, name: str) -> str:
        """A file of the working tree."""
        return (self.tree / name).read_text(encoding="utf-8").rstrip("\n")

    def commit(self, message: str) -> str:
        """Commit everything; the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")

    def git(self, *arguments: str, at: Path | None = None) -> str:
        """What git says."""
        env = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
        ran = subprocess.run(
            ["git", *arguments],
            cwd=at or self.tree,
            env=env,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert ran.returncode == 0, f"git {' '.join(arguments)}: {ran.stderr}"
        return ran.stdout.strip()

    def advance(self, branch: str, **files: str) -> str:
        """A commit on *branch* at the origin that the working tree has not heard of; the commit."""
        other = self.root / f"other-{time.monotonic_ns()}"
        self.git("clone", "--quiet", "--branch", branch, str(self.origin), str(other), at=self.root)
        for name, text in files.items():
            (other / name.replace("__", ".")).write_text(text + "\n", encoding="utf-8")
        self.git("add", "--all", at=other)
        identity = ("-c", "user.name=Other", "-c", "user.email=other@example.com")
        self.git(*identity, "commit", "--quiet", "--message", f"onwards with {branch}", at=other)
        self.git("push", "--quiet", "origin", branch, at=other)
        return self.git("rev-parse", "HEAD", at=other)

    # -- holding

    def hold(self, name: str) -> None:
        """Have whatever comes to *name* wait."""
        (self.root / f"hold-{name}").touch()

    def is_at(self, name: str) -> bool:
        """Whether something waits at *name*."""
        return (self.root / f"at-{name}").exists()

    def let_go(self, name: str) -> None:
        """Have it go on."""
        (self.root / f"hold-{name}").unlink(missing_ok=True)

    def hold_points(self) -> None:
        """Have git come by the points `fetch`, `backup`, `checkout` and `publish` on its way."""
        hold = self.hold_script
        upload = self.root / "upload-pack"
        self.script(upload, f'#!/bin/sh\n"{hold}" fetch\nexec git-upload-pack "$@"\n')
        self.git("config", "remote.origin.uploadpack", str(upload))
        transaction = f'#!/bin/sh\nif [ "$1" = committed ] && grep -q refs/hamster/saved; then "{hold}" backup; fi\n'
        self.script(self.tree / ".git/hooks/reference-transaction", transaction)
        self.script(self.root / "smudge", f'#!/bin/sh\n"{hold}" checkout\nexec cat\n')
        self.git("config", "filter.hold.smudge", str(self.root / "smudge"))
        (self.tree / ".git/info/attributes").write_text("page.txt filter=hold\n", encoding="utf-8")
        self.script(self.origin / "hooks/post-receive", f'#!/bin/sh\ncat > /dev/null\n"{hold}" publish\n')

    # -- looking

    def snapshot(self) -> Mapping[str, object]:
        """All that must be as before after a rollback: the branch and all branches, every file, what is staged."""
        files = {
            str(path.relative_to(self.tree)): path.read_text(encoding="utf-8")
            for path in sorted(self.tree.rglob("*"))
            if path.is_file() and not path.is_relative_to(self.tree / ".git") and "public" not in path.parts
        }
        return {
            "branch": self.git("symbolic-ref", "--short", "HEAD"),
            "heads": self.git("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads"),
            "status": self.git("status", "--porcelain=v1"),
            "files": files,
        }

    def published(self, branch: str = "pages") -> str | None:
        """The tree that the origin's branch of the built site has; None: there is none."""
        listed = self.git("for-each-ref", "--format=%(tree)", f"refs/heads/{branch}", at=self.origin)
        return listed or None

    def page(self) -> list[str]:
        """What the published directory says: the text, and the commit it was built from."""
        return (self.www / "index.html").read_text(encoding="utf-8").splitlines()

    def toml(self, **options: object) -> str:
        """`[posco]` of a configuration."""
        values = {"worktree": str(self.tree), "build": ["./build.sh"], "fetch_interval": 0} | options
        return "\n".join(["[posco]", *(f"{key} = {json.dumps(value)}" for key, value in values.items()), ""])
