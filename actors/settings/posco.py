"""The site that is deployed: its working tree, how it is built and published, and how to see that it is there."""

import os
from pathlib import PurePath

import attrs

from actors import setting_rules as rules
from actors.setting_rules import RULE, SettingProblem
from actors.settings.branches import branch_problem
from actors.settings.conversions import optional_words
from actors.settings.roots import refused_root

LONGEST = 86_400.0
"""Seconds, a day: what takes longer hangs."""


def branch_name(value: object) -> list[SettingProblem]:
    """A name that git takes for a branch."""
    problem = branch_problem(value) if isinstance(value, str) else "it is no text"
    return [] if problem is None else [SettingProblem((), value, f'a branch, like "main" ({problem})')]


def directory(value: object) -> list[SettingProblem]:
    """An absolute path."""
    right = isinstance(value, str) and "\0" not in value and PurePath(value).is_absolute()
    return [] if right else [SettingProblem((), value, 'an absolute path, like "/srv/site"')]


def inner(value: object) -> list[SettingProblem]:
    """A directory below the working tree."""
    expected = 'a directory below the working tree, like "public" or "."'
    if not isinstance(value, str) or not value or "\0" in value or PurePath(value).is_absolute():
        return [SettingProblem((), value, expected)]
    parts = PurePath(os.path.normpath(value)).parts
    return [SettingProblem((), value, expected)] if parts[:1] in (("..",), (".git",)) else []


@attrs.frozen(kw_only=True)
class PoscoSettings:
    """What `POST /api/posco/deploy` does: fetch, switch, build, publish, verify; durations are seconds.

    `worktree` of None: there is nothing to deploy. What the command `build` leaves in `output` (below the working tree)
    is published: pushed to the branch `publish_branch` of the remote, or put where the link `publish_dir` points. The
    site is there when `health_url` answers well, and with `health_text` where that is given; `{commit}` in it is the
    hash of what was deployed.
    """

    worktree: str | None = attrs.field(default=None, metadata={RULE: rules.optional(directory)})
    remote: str = attrs.field(
        default="origin", metadata={RULE: rules.matching(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", "the name of a remote")}
    )
    branch: str = attrs.field(default="main", metadata={RULE: branch_name})
    build: tuple[str, ...] | None = attrs.field(
        default=None, converter=optional_words, metadata={RULE: rules.optional(rules.command)}
    )
    build_timeout: float = attrs.field(default=600.0, metadata={RULE: rules.seconds(1, LONGEST)})
    output: str = attrs.field(default="public", metadata={RULE: inner})
    publish_branch: str | None = attrs.field(default=None, metadata={RULE: rules.optional(branch_name)})
    publish_dir: str | None = attrs.field(default=None, metadata={RULE: rules.optional(directory)})
    keep_releases: int = attrs.field(default=5, metadata={RULE: rules.count(1, 1000)})
    health_url: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.http_address)})
    health_text: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.some_text)})
    verify_timeout: float = attrs.field(default=120.0, metadata={RULE: rules.seconds(1, LONGEST)})
    verify_interval: float = attrs.field(default=2.0, metadata={RULE: rules.seconds(0.1, 3600)})
    git_timeout: float = attrs.field(default=120.0, metadata={RULE: rules.seconds(1, LONGEST)})
    deadline: float = attrs.field(default=1800.0, metadata={RULE: rules.seconds(1, LONGEST)})
    check_interval: float = attrs.field(default=30.0, metadata={RULE: rules.seconds(1, 3600)})
    fetch_interval: float = attrs.field(default=300.0, metadata={RULE: rules.seconds(0, LONGEST)})

    def __attrs_post_init__(self) -> None:
        rules.require(self, self._conflicts)

    def _conflicts(self) -> list[SettingProblem]:
        found: list[SettingProblem] = []
        if self.publish_branch is not None and self.publish_dir is not None:
            found.append(SettingProblem(("publish_dir",), self.publish_dir, "one way to publish", "remove one"))
        if self.publish_branch is not None and self.publish_branch == self.branch:
            expected = "another branch than the one that is built"
            found.append(SettingProblem(("publish_branch",), self.publish_branch, expected, "rename it"))
        if self.health_text is not None and self.health_url is None:
            found.append(SettingProblem(("health_text",), self.health_text, "health_url beside it", "add it"))
        if self.publish_dir is not None:
            found += self._misplaced(self.publish_dir)
        if self.worktree is None:
            for name in ("build", "publish_branch", "publish_dir", "health_url"):
                if getattr(self, name) is not None:
                    found.append(SettingProblem((name,), getattr(self, name), "worktree beside it", "add it"))
        return found

    def _misplaced(self, path: str) -> list[SettingProblem]:
        """What is wrong with where releases are put."""
        why = refused_root(path)
        if why is not None:
            return [SettingProblem(("publish_dir",), path, f"another place: {why}", "choose a link of its own")]
        if self.worktree is not None and _is_within(path, self.worktree):
            return [SettingProblem(("publish_dir",), path, "a place beside the working tree, not in it", "move it")]
        return []


def _is_within(path: str, directory: str) -> bool:
    inner, outer = os.path.normpath(path), os.path.normpath(directory)
    return inner == outer or inner.startswith(outer + os.sep)
