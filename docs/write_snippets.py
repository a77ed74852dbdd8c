"""Fill the code blocks of the pages from the examples they name: `python docs/write_snippets.py`.

A block is filled that stands under `<!-- from FILE: REGION -->` (a region of a file, between `# region NAME` and
`# endregion`), `<!-- from FILE -->` (all of it) or `<!-- printed by FILE -->` (what it prints).
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"(<!-- (from|printed by) ([\w/.-]+)(?:: (\w+))? -->\n```\w+\n)(.*?)(```\n)", re.DOTALL)


def region(code: str, name: str) -> str:
    """The lines of *code* between the marks of region *name*.

    Raises:
        LookupError: There is no such region.
    """
    found = re.search(rf"^# region {name}\n(.*?)^# endregion$", code, re.DOTALL | re.MULTILINE)
    if found is None:
        raise LookupError(f"there is no region {name!r}; mark it with '# region {name}' and '# endregion'")
    return found[1].strip("\n") + "\n"


def printed(path: Path) -> str:
    """What the example at *path* prints."""
    command = [sys.executable, str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout  # noqa: S603 - ours


def filled(page: str) -> str:
    """*page* with every block as its source has it."""

    def fill(block: re.Match[str]) -> str:
        head, kind, file, name, _, end = block.groups()
        path = ROOT / file
        if kind == "printed by":
            return f"{head}{printed(path)}{end}"
        code = path.read_text("utf-8")
        return f"{head}{region(code, name) if name else code}{end}"

    return BLOCK.sub(fill, page)


def main() -> None:
    """Bring every page up to date."""
    for path in sorted((ROOT / "docs").rglob("*.md")):
        page = path.read_text("utf-8")
        if (new := filled(page)) != page:
            path.write_text(new, "utf-8")
            print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
