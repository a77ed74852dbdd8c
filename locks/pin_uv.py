"""Copy the versions of locks/dev.txt into pyproject.toml, where uv looks for them."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(r"^([A-Za-z0-9._-]+==[^\s;]+)(?: ; ([^\\\n]+?))? \\$", re.MULTILINE)
SETTING = re.compile(r"^constraint-dependencies = \[.*?\]$", re.MULTILINE | re.DOTALL)


def main() -> None:
    """Write the pins of the lock into `[tool.uv] constraint-dependencies`."""
    pins = [
        f"{pin} ; {marker}" if marker else pin for pin, marker in PIN.findall((ROOT / "locks" / "dev.txt").read_text())
    ]
    rows = "".join(f"    {pin!r},\n" if '"' in pin else f'    "{pin}",\n' for pin in pins)
    project = ROOT / "pyproject.toml"
    text, count = SETTING.subn(lambda _: f"constraint-dependencies = [\n{rows}]", project.read_text())
    if count != 1 or not pins:
        raise SystemExit(f"pinned {len(pins)} packages in {count} places; expected some in exactly one")
    project.write_text(text)


if __name__ == "__main__":
    main()
