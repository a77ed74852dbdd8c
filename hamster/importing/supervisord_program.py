"""One [program:x] of a supervisord.conf as the keys of a service."""

import re
import shlex
import signal
from collections.abc import Callable, Mapping

import attrs

from hamster.importing.drafts import Drafts, Table, failures_allowed, quoted
from hamster.importing.ini import Section

LAST_PRIORITY = 999
"""What supervisord starts last, and what it takes without a priority."""

TRUE = frozenset({"1", "t", "true", "y", "yes", "on"})
FALSE = frozenset({"0", "f", "false", "n", "no", "off"})
UNITS = {"": 1, "kb": 1024, "mb": 1024**2, "gb": 1024**3}
UNLIMITED = 2**50
"""Bytes: what stands for a log without a limit, which has no word here."""

LOG_KEYS = ("stdout_logfile", "stderr_logfile")
SILENT = frozenset(
    {
        # Read elsewhere, or the same here in any case: both outputs are one log, and the whole group is always stopped.
        "command", "process_name", "numprocs", "numprocs_start", "priority", "redirect_stderr",
        "stderr_logfile_maxbytes", "stderr_logfile_backups", "killasgroup", "stopasgroup",
    }
)  # fmt: skip
KNOWN = frozenset(
    {
        "stdout_capture_maxbytes", "stdout_events_enabled", "stdout_syslog", "stderr_capture_maxbytes",
        "stderr_events_enabled", "stderr_syslog", "serverurl",
    }
)  # fmt: skip
"""Keys of supervisord that have no meaning here."""


def program_table(drafts: Drafts, name: str, section: Section, values: Mapping[str, str]) -> Table | None:
    """The keys of a service; None without a command.

    Args:
        drafts: Told what could not be carried over.
        name: Of the program.
        section: Where it stands.
        values: Its options, expanded, with those of [supervisord].
    """
    reading = _Program(drafts, name, section, values)
    command = values.get("command", "").strip()
    words = reading.words(command)
    if not words:
        drafts.note(f"{name}: left out, it has no command that can be read", section.line_of("command"), section.file)
        return None
    table: Table = {"command": words, "restart": "on-failure"}
    for key in values:
        if key in READERS:
            table |= READERS[key](reading, key) or {}
        elif key in LOG_KEYS:
            reading.says_where_the_log_is(key)
        elif key in KNOWN:
            reading.note(key, "left out, it has no meaning here")
        elif key not in SILENT:
            reading.note(key, "left out, it is not known")
    log = {key: table.pop(key) for key in ("max_bytes", "keep") if key in table}
    if log:
        table["log"] = log
    retries = table.pop("startretries", None)
    if isinstance(retries, int):
        start = table.get("start_seconds", 1)
        table |= failures_allowed(retries + 1, float(start) if isinstance(start, int) else 1.0, table)
    if "priority" in section.options and values["priority"].strip() != str(LAST_PRIORITY):
        reading.note("priority", "only orders the list; say depends_on where one needs another")
    return table


@attrs.frozen
class _Program:
    drafts: Drafts
    name: str
    section: Section
    values: Mapping[str, str]

    def note(self, key: str, text: str) -> None:
        self.drafts.note(f"{self.name}: {key}: {text}", self.section.line_of(key), self.section.file)

    def words(self, command: str) -> list[str]:
        try:
            return shlex.split(command)
        except ValueError:
            return []

    def text(self, key: str) -> str:
        return self.values[key].strip()

    def says_where_the_log_is(self, key: str) -> None:
        if self.text(key).upper() not in ("", "AUTO", "NONE"):
            self.note(key, f"{self.text(key)} is not written any more; the log is the service's own: hamster logs")

    def refuse(self, key: str, expected: str) -> None:
        self.note(key, f"{quoted(self.text(key))} is not {expected}; left out")

    def number(self, key: str) -> int | None:
        text = self.text(key)
        if not text.isdecimal():
            self.refuse(key, "a whole number")
            return None
        return int(text)

    def flag(self, key: str) -> bool | None:
        text = self.text(key).lower()
        if text not in TRUE | FALSE:
            self.refuse(key, "true or false")
            return None
        return text in TRUE

    # -- one method for each key, or kind of keys

    def autostart(self, key: str) -> Table:
        flag = self.flag(key)
        return {} if flag is not False else {"autostart": False}

    def autorestart(self, key: str) -> Table:
        if self.text(key).lower() == "unexpected":
            return {"restart": "on-failure"}
        flag = self.flag(key)
        return {} if flag is None else {"restart": "always" if flag else "never"}

    def start_seconds(self, key: str) -> Table:
        number = self.number(key)
        return {} if number is None else {"start_seconds": number}

    def stop_grace(self, key: str) -> Table:
        number = self.number(key)
        return {} if number is None else {"stop_grace": number}

    def retries(self, key: str) -> Table:
        number = self.number(key)
        return {} if number is None else {"startretries": number}

    def keep(self, key: str) -> Table:
        number = self.number(key)
        return {} if number is None else {"keep": number}

    def exit_codes(self, key: str) -> Table:
        parts = [part.strip() for part in self.text(key).split(",")]
        if not all(part.isdecimal() for part in parts):
            self.refuse(key, "a list of exit codes")
            return {}
        return {"expected_exit_codes": [int(part) for part in parts]}

    def stop_signal(self, key: str) -> Table:
        name = self.text(key).upper()
        if name.isdecimal() and int(name) in {s.value for s in signal.Signals}:
            return {"stop_signal": signal.Signals(int(name)).name}
        name = name if name.startswith("SIG") else f"SIG{name}"
        if name not in signal.Signals.__members__:
            self.refuse(key, "a signal")
            return {}
        return {"stop_signal": name}

    def user(self, key: str) -> Table:
        return {"user": self.text(key)}

    def umask(self, key: str) -> Table:
        text = self.text(key)
        if not re.fullmatch(r"[0-7]{1,4}", text):
            self.refuse(key, "an octal number")
            return {}
        return {"umask": f"{int(text, 8):03o}"}

    def directory(self, key: str) -> Table:
        return {"cwd": str((self.section.file.absolute().parent / self.text(key)).expanduser())}

    def environment(self, key: str) -> Table:
        try:
            return {"env": variables(self.text(key))}
        except ValueError as error:
            self.note(key, f"left out: {error}")
            return {}

    def max_bytes(self, key: str) -> Table:
        found = re.fullmatch(r"([0-9]+)\s*([kmg]b)?", self.text(key).lower())
        if found is None:
            self.refuse(key, "a size")
            return {}
        size = int(found[1]) * UNITS[found[2] or ""]
        return {"max_bytes": size or UNLIMITED}


READERS: Mapping[str, Callable[[_Program, str], Table]] = {
    "autostart": _Program.autostart,
    "autorestart": _Program.autorestart,
    "startsecs": _Program.start_seconds,
    "startretries": _Program.retries,
    "exitcodes": _Program.exit_codes,
    "stopsignal": _Program.stop_signal,
    "stopwaitsecs": _Program.stop_grace,
    "user": _Program.user,
    "umask": _Program.umask,
    "directory": _Program.directory,
    "environment": _Program.environment,
    "stdout_logfile_maxbytes": _Program.max_bytes,
    "stdout_logfile_backups": _Program.keep,
}


def variables(text: str) -> dict[str, str]:
    """`KEY="value",OTHER=value` as supervisord splits it.

    Raises:
        ValueError: It is not that; the message names no value.
    """
    lexer = shlex.shlex(text, posix=False)
    lexer.wordchars += "/.+-():"
    try:
        tokens = list(lexer)
    except ValueError:
        raise ValueError('expected NAME="value",NAME="value"; a quote does not close') from None
    found: dict[str, str] = {}
    while tokens:
        if len(tokens) < 3 or tokens[1] != "=" or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", tokens[0]):
            raise ValueError('expected NAME="value",NAME="value"; quote values with other characters than letters')
        found[tokens[0]] = _unquoted(tokens[2])
        if len(tokens) > 3 and tokens[3] != ",":
            raise ValueError(f"expected a comma after the value of {tokens[0]}; quote the value")
        tokens = tokens[4:]
    return found


def _unquoted(token: str) -> str:
    return token[1:-1] if len(token) > 1 and token[0] == token[-1] and token[0] in "\"'" else token.strip("\"'")
