"""Records of logs as lines of a terminal."""

import re
import zlib
from collections.abc import Mapping

import attrs
import click
import msgspec

from hamster.client_logs import LogLine

COLOURS: Mapping[str, str] = {
    "DEBUG": "bright_black",
    "INFO": "green",
    "WARNING": "yellow",
    "ERROR": "red",
    "CRITICAL": "magenta",
}
SERVICES = ("cyan", "blue", "bright_cyan", "bright_blue", "bright_magenta", "bright_green", "bright_yellow")
FOLDED = 3
"""Lines of a record from which on its middle is left out."""

# A log may hold what a terminal would obey: only tabs and line feeds pass.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@attrs.frozen(kw_only=True)
class Style:
    """How records are shown."""

    colour: bool
    named: bool
    """With the service in front: there are several."""
    full: bool
    """All lines of a record, rather than its first and its last."""
    as_json: bool = False


def shown(line: LogLine, style: Style) -> str:
    """*line* for the terminal, without a line feed at its end."""
    if style.as_json:
        return msgspec.json.encode(line).decode()
    first, *rest = harmless(line.message).split("\n")
    time = "-" * 23 if line.timestamp is None else line.timestamp[:23].replace("T", " ")
    head = [_styled(time, style, dim=True), _styled(f"{line.level:<8}", style, fg=COLOURS.get(line.level))]
    if style.named:
        colour = SERVICES[zlib.crc32(line.service.encode()) % len(SERVICES)]
        head.append(_styled(f"{line.service} |", style, fg=colour))
    if line.logger_name is not None:
        head.append(_styled(harmless(line.logger_name), style, dim=True))
    text = " ".join([*head, first])
    rest = [one for one in rest if one.strip()]
    if not style.full and len(rest) >= FOLDED:
        rest = [_styled(f"... {len(rest) - 1} more lines", style, dim=True), rest[-1]]
    cut = [_styled("... cut", style, dim=True)] if line.truncated else []
    return "\n".join([text, *(f"    {one}" for one in [*rest, *cut])])


def harmless(text: str) -> str:
    """*text* without anything that a terminal obeys."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _styled(text: str, style: Style, *, fg: str | None = None, dim: bool | None = None) -> str:
    return click.style(text, fg=fg, dim=dim) if style.colour else text
