"""Directories of files that something else writes: how they should be, and what may be removed from them."""

from collections.abc import Mapping

import attrs

from actors import setting_rules as rules
from actors.setting_rules import RULE, Nothing, SettingProblem
from actors.setting_tables import named_tables, one_table
from actors.settings.checks import CheckOptions
from actors.settings.conversions import as_tuple, byte_count, copied
from actors.settings.roots import refused_root

AGES = 31_622_400.0  # seconds, a year: the longest age anybody asks of a file here
CHECK_NAME = rules.matching(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}", "1 to 64 of letters, digits, '_', '.' and '-'")
PATTERNS = rules.some(rules.file_pattern, 'a list of patterns, like ["*.json", "data/**"]')


@attrs.frozen(kw_only=True)
class FilesCheck:
    """What must be true of the files that any of `files` matches, all together.

    The newest is at most `max_age` seconds old; their sizes together are at least `min_bytes` and at most
    `max_bytes`; there are at least `min_files` and at most `max_files` of them.
    """

    files: tuple[str, ...] = attrs.field(default=("**",), converter=as_tuple, metadata={RULE: PATTERNS})
    max_age: float | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.seconds(1, AGES))})
    min_bytes: int | None = attrs.field(
        default=None, converter=byte_count, metadata={RULE: rules.optional(rules.byte_size(0))}
    )
    max_bytes: int | None = attrs.field(
        default=None, converter=byte_count, metadata={RULE: rules.optional(rules.byte_size(0))}
    )
    min_files: int | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.count(0, 1_000_000))})
    max_files: int | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.count(0, 1_000_000))})

    def __attrs_post_init__(self) -> None:
        rules.require(self, self._conflicts)

    def _conflicts(self) -> list[SettingProblem]:
        asked = ("max_age", "min_bytes", "max_bytes", "min_files", "max_files")
        if all(getattr(self, name) is None for name in asked):
            return [SettingProblem(("max_age",), Nothing.MISSING, "one of " + ", ".join(asked), "add one")]
        found: list[SettingProblem] = []
        for what in ("bytes", "files"):
            least, most = getattr(self, f"min_{what}"), getattr(self, f"max_{what}")
            if least is not None and most is not None and most < least:
                expected = f"{least:,}, the min_{what}, or more"
                found.append(SettingProblem((f"max_{what}",), most, expected, f"raise it or lower min_{what}"))
        return found


@attrs.frozen(kw_only=True)
class CleanupOptions:
    """Which files below the root are removed.

    Of what `files` matches, all but the `keep_newest` newest: those older than `older_than` seconds, then the oldest
    until the rest takes at most `max_bytes`; without those two, all. `dry_run` has no default: whether files are
    removed is for the reader of the configuration to see.
    """

    dry_run: bool = attrs.field(metadata={RULE: rules.flag})
    files: tuple[str, ...] = attrs.field(default=("**",), converter=as_tuple, metadata={RULE: PATTERNS})
    older_than: float | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.seconds(1, AGES))})
    max_bytes: int | None = attrs.field(
        default=None, converter=byte_count, metadata={RULE: rules.optional(rules.byte_size(0))}
    )
    keep_newest: int | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.count(1, 1_000_000))})

    def __attrs_post_init__(self) -> None:
        rules.require(self, self._conflicts)

    def _conflicts(self) -> list[SettingProblem]:
        asked = ("older_than", "max_bytes", "keep_newest")
        if any(getattr(self, name) is not None for name in asked):
            return []
        return [SettingProblem(("older_than",), Nothing.MISSING, "one of " + ", ".join(asked), "add one")]


@attrs.frozen(kw_only=True)
class FilesOptions(CheckOptions):
    """A directory of files that something else writes.

    Without `checks` it must be there and be readable with all that is in it. At most `max_entries` of it are looked
    at; more are a failure.
    """

    root: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.some_text)})
    checks: Mapping[str, FilesCheck] = attrs.field(
        factory=dict[str, FilesCheck], converter=copied, metadata=named_tables(FilesCheck, CHECK_NAME)
    )
    cleanup: CleanupOptions | None = attrs.field(default=None, metadata=one_table(CleanupOptions))
    max_entries: int = attrs.field(default=100_000, metadata={RULE: rules.count(1, 10_000_000)})
    failures: int = attrs.field(default=1, metadata={RULE: rules.count(1, 1000)})
    successes: int = attrs.field(default=1, metadata={RULE: rules.count(1, 1000)})

    def __attrs_post_init__(self) -> None:
        rules.require(self, self._conflicts)

    def _conflicts(self) -> list[SettingProblem]:
        if self.cleanup is None:
            return []
        if self.root is None:
            return [SettingProblem(("root",), Nothing.MISSING, "the directory to clean up", "add the key")]
        why = refused_root(self.root)
        return [] if why is None else [SettingProblem(("root",), self.root, "a directory of its own to clean up", why)]
