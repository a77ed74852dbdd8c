"""Which names git takes for branches, without asking git."""

import re

LONGEST = 200
"""Characters; a file system takes 255 bytes a part."""
_NEVER = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]")


def branch_problem(name: str) -> str | None:
    """Why *name* cannot be a branch, in English; None where it can.

    The rules are those of git-check-ref-format(1) with `--branch`, less shorthands such as `@{-1}`.
    """
    if not name:
        return "it is empty"
    if len(name) > LONGEST:
        return f"it is over {LONGEST} characters long"
    if name.startswith("-"):
        return "it begins with '-'"
    if name in ("@", "HEAD"):
        return "it means something else"
    found = _NEVER.search(name)
    if found is not None:
        return f"{found[0]!r} is in it"
    if ".." in name or "@{" in name:
        return "'..' or '@{' is in it"
    if name.endswith("."):
        return "it ends with '.'"
    if any(not part or part.startswith(".") or part.endswith(".lock") for part in name.split("/")):
        return "a part of it is empty, begins with '.' or ends with '.lock'"
    return None
