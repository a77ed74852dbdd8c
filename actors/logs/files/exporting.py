"""Records as a file for people and for spreadsheets."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, get_args

import msgspec

Format: TypeAlias = Literal["txt", "json", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)

_FIRST = ("timestamp", "level", "service", "logger_name", "message")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Row: TypeAlias = Mapping[str, object]


def exported(rows: Sequence[Row], form: Format, about: Row | None = None) -> bytes:
    """*rows* as a file.

    Args:
        rows: Each with any keys; the usual ones come first.
        form: `txt` has a line for each, `json` all of it, `csv` opens in a spreadsheet without running anything.
        about: What the file is, put in front; None: nothing is.
    """
    match form:
        case "json":
            whole = {"metadata": about, "logs": rows} if about is not None else {"logs": rows}
            return msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n"
        case "csv":
            return _csv(rows, about)
        case "txt":
            return _text(rows, about)


def _text(rows: Sequence[Row], about: Row | None) -> bytes:
    lines = [f"# {key}: {_shown(value)}" for key, value in (about or {}).items()]
    for row in rows:
        head = [
            _shown(row[key]) for key in ("timestamp", "level", "service", "logger_name") if row.get(key) is not None
        ]
        first, *rest = _shown(row.get("message")).split("\n")
        lines += [" ".join([*head, first]), *(f"    {line}" for line in rest)]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", errors="replace")


def _csv(rows: Sequence[Row], about: Row | None) -> bytes:
    keys = [key for key in _FIRST if any(key in row for row in rows)]
    keys += sorted({key for row in rows for key in row} - set(keys))
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    for key, value in (about or {}).items():
        writer.writerow([f"# {key}", _cell(value)])
    writer.writerow([_cell(key) for key in keys] or ["message"])
    writer.writerows([_cell(row.get(key)) for key in keys] for row in rows)
    # With a byte order mark, or the usual spreadsheet takes Korean for something else.
    return ("\ufeff" + out.getvalue()).encode("utf-8", errors="replace")


def _cell(value: object) -> str:
    """As text that no spreadsheet takes for a formula."""
    text = _shown(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _shown(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
