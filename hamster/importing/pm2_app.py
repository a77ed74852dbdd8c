"""One app of a PM2 ecosystem as the keys of a service."""

import os
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from actors.setting_rules import cron_expression
from hamster.importing.drafts import Drafts, Table, failures_allowed, plain_seconds, quoted

INTERPRETERS = {
    ".js": "node", ".cjs": "node", ".mjs": "node", ".py": "python3", ".sh": "bash", ".rb": "ruby", ".php": "php",
    ".pl": "perl",
}  # fmt: skip
"""What PM2 runs a script by, by its ending."""

DEFAULT_GRACE = 1.6
"""Seconds that PM2 gives an app to end."""
DEFAULT_SIGNAL = "SIGINT"
"""With which PM2 asks it to."""
LONGEST_BACKOFF = 15.0
"""Seconds to which PM2 lets `exp_backoff_restart_delay` grow."""

SECONDS = {"": 0.001, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
BYTES = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}

SILENT = frozenset(
    {
        # Read with others, the same here in any case, or about PM2 itself.
        "name", "script", "args", "interpreter", "exec_interpreter", "interpreter_args", "interpreterArgs", "node_args",
        "exec_mode", "cwd", "autorestart", "stop_exit_codes", "cron_restart", "cron", "merge_logs", "combine_logs",
        "time", "log_date_format", "pid_file", "pid", "vizion", "pmx", "automation", "treekill", "trace",
        "windowsHide", "source_map_support", "disable_source_map_support", "watch", "ignore_watch", "watch_delay",
        "restart_delay", "exp_backoff_restart_delay", "max_restarts", "min_uptime", "kill_timeout",
    }
)  # fmt: skip
LOG_FILES = ("out_file", "out", "output", "error_file", "error", "err_file", "log_file", "log")


class App:
    """An app that is being read."""

    def __init__(self, drafts: Drafts, values: Mapping[str, object], number: int, base: Path) -> None:
        self._drafts = drafts
        self._values = values
        self._base = base
        name = values.get("name")
        script = values.get("script")
        stem = Path(script.split()[0]).stem if isinstance(script, str) and script.split() else f"app-{number}"
        self.name = name if isinstance(name, str) and name.strip() else stem
        self.restarted_by_cron: str | None = None
        """When a service that runs always is to be restarted; for a job of its own."""

    def table(self) -> Table | None:
        """The keys of a service; None without a script."""
        self._cwd = self._directory()
        command = self._command()
        if command is None:
            return None
        table: Table = {"command": command, "cwd": str(self._cwd), "stop_signal": DEFAULT_SIGNAL}
        table["stop_grace"] = self._seconds("kill_timeout", DEFAULT_GRACE)
        table |= self._restarts() | self._delays() | self._watched()
        for key in self._values:
            if key in READERS:
                table |= READERS[key](self, key)
            elif key in LOG_FILES:
                self.note(key, "is not written any more; the log is the service's own: hamster logs")
            elif key.startswith("env_"):
                self.note(key, "left out; write what is needed of it to env, or to a file named in env_files")
            elif key not in SILENT:
                self.note(key, "left out, it has no meaning here")
        return table

    def note(self, key: str, text: str) -> None:
        self._drafts.note(f"{self.name}: {key}: {text}")

    # -- what is run

    def _directory(self) -> Path:
        given = self._values.get("cwd", ".")
        return (self._base / (given if isinstance(given, str) else ".")).expanduser()

    def _command(self) -> list[str] | None:
        script = self._values.get("script")
        if not isinstance(script, str) or not script.strip():
            self._drafts.note(f"{self.name}: left out, it has no script")
            return None
        words = [script] if (self._cwd / script).is_file() else self._words("script", script)
        arguments = words[1:] + self._words("args", self._values.get("args", []))
        program = words[0]
        flags: list[str] = []
        for key in ("interpreter_args", "interpreterArgs", "node_args"):
            flags += self._words(key, self._values.get(key, []))
        interpreter = self._interpreter(program)
        return [program, *arguments] if interpreter is None else [interpreter, *flags, program, *arguments]

    def _interpreter(self, program: str) -> str | None:
        given = self._values.get("interpreter", self._values.get("exec_interpreter"))
        if isinstance(given, str) and given:
            return None if given == "none" else given
        suffix = Path(program).suffix.lower()
        if suffix in INTERPRETERS:
            return INTERPRETERS[suffix]
        if suffix in (".ts", ".tsx"):
            self.note("script", "is TypeScript, which is given to bun; name another program as interpreter if need be")
            return "bun"
        return None

    def _words(self, key: str, value: object) -> list[str]:
        if isinstance(value, list):
            return [_text(item) for item in cast("list[object]", value)]
        try:
            return shlex.split(_text(value))
        except ValueError:
            self.note(key, "its quotes do not close; it is taken as it is, by its spaces")
            return _text(value).split()

    # -- when it is run

    def _restarts(self) -> Table:
        codes = self._values.get("stop_exit_codes")
        again = self._values.get("autorestart", True) is not False
        table: Table = {"restart": "always" if again else "never"}
        if again and isinstance(codes, list):
            numbers = [code for code in cast("list[object]", codes) if isinstance(code, int)]
            table = {"restart": "on-failure", "expected_exit_codes": numbers}
        cron = self._values.get("cron_restart", self._values.get("cron"))
        if not cron:
            return table
        if cron_expression(cron) or not isinstance(cron, str) or len(cron.split()) != 5:
            self.note("cron_restart", f"{quoted(cron)} is no cron expression of five fields; left out")
        elif again:
            self.restarted_by_cron = cron
        else:
            self.note("cron_restart", "has become its schedule: it is run at its times, and not at the start")
            table["schedule"] = {"cron": cron, "overlap": "kill"}
        return table

    def _delays(self) -> Table:
        table: Table = {}
        if "min_uptime" in self._values:
            table["start_seconds"] = self._seconds("min_uptime", 1.0)
        if "exp_backoff_restart_delay" in self._values:
            first = self._seconds("exp_backoff_restart_delay", 0.5)
            table |= {"backoff_initial": first, "backoff_max": max(first, plain_seconds(LONGEST_BACKOFF))}
        elif "restart_delay" in self._values:
            delay = self._seconds("restart_delay", 0.0)
            table |= {"backoff_initial": delay, "backoff_max": delay}
            if delay:
                self.note("restart_delay", "a restart waits a random time up to it")
        limit = self._values.get("max_restarts")
        if isinstance(limit, int) and not isinstance(limit, bool):
            start = table.get("start_seconds", 1)
            table |= failures_allowed(limit, float(start) if isinstance(start, int | float) else 1.0, table)
        elif limit is not None:
            self.note("max_restarts", f"{quoted(limit)} is no whole number; left out")
        return table

    def _watched(self) -> Table:
        watch = self._values.get("watch")
        if not watch:
            return {}
        paths = ["."] if watch is True else _texts(watch)
        options: Table = {"paths": [str(self._cwd / path) for path in paths]}
        ignore: list[str] = []
        for pattern in _texts(self._values.get("ignore_watch", [])):
            name = re.sub(r"^(?:\./|\*\*/|\*/)+|(?:/\*\*|/\*|/)+$", "", pattern)
            if not name or "/" in name or set(name) & set("\\^$()|"):
                self.note("ignore_watch", f"{quoted(pattern)} is left out: here it is patterns of names, like *.tmp")
            else:
                ignore.append(name)
        if ignore:
            options["ignore"] = ignore
        if "watch_delay" in self._values:
            options["settle"] = self._seconds("watch_delay", 0.5)
        return {"watch": options}

    # -- one method for each of the other keys, or kind of keys

    def instances(self, key: str) -> Table:
        given = self._values[key]
        number = int(given) if isinstance(given, str) and re.fullmatch(r"-?\d+", given) else given
        processors = os.cpu_count() or 1
        if number == "max" or (isinstance(number, int) and not isinstance(number, bool) and number <= 0):
            number = max(1, processors + (number if isinstance(number, int) else 0))
            self.note(key, f"{quoted(given)} has become {number}, by the processors of this machine")
        if not isinstance(number, int) or isinstance(number, bool):
            self.note(key, f"{quoted(given)} is no number; left out")
            return {}
        if number > 1:
            cluster = str(self._values.get("exec_mode", "cluster")).startswith("cluster")
            shared = "they share no port here, as PM2's cluster has it: give each its own by " if cluster else ""
            self.note(key, f"{shared}HAMSTER_INSTANCE is its number, from 1, where NODE_APP_INSTANCE began with 0")
        return {} if number == 1 else {"instances": number}

    def env(self, key: str) -> Table:
        given = self._values[key]
        if not isinstance(given, dict):
            self.note(key, "left out, it is no object")
            return {}
        return {"env": {name: _text(value) for name, value in cast("Mapping[str, object]", given).items()}}

    def memory(self, key: str) -> Table:
        given = self._values[key]
        found = re.fullmatch(r"([0-9]+)([KMG]?)B?", str(given).upper())
        if found is None or isinstance(given, bool):
            self.note(key, f"{quoted(given)} is no size; left out")
            return {}
        return {"memory_max": int(found[1]) * BYTES[found[2]]}

    def owner(self, key: str) -> Table:
        return {"group" if key == "gid" else "user": _text(self._values[key])}

    def tags(self, key: str) -> Table:
        word = re.sub(r"[^a-zA-Z0-9_.-]", "-", _text(self._values[key])).lstrip("_.-")[:64]
        return {"tags": [word]} if word else {}

    def autostart(self, key: str) -> Table:
        return {"autostart": False} if self._values[key] is False else {}

    def ready(self, key: str) -> Table:
        if self._values[key]:
            self.note(key, 'left out: process.send("ready") is not heard here; say how it can be asked: ready')
        return {}

    def kill_signal(self, key: str) -> Table:
        return {"stop_signal": _text(self._values[key])}

    def _seconds(self, key: str, default: float) -> int | float:
        given = self._values.get(key, None)
        if given is None:
            return plain_seconds(default)
        found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?(ms|s|m|h|d)?", str(given).lower())
        if found is None or isinstance(given, bool):
            self.note(key, f"{quoted(given)} is no time; {plain_seconds(default)} s is taken")
            return plain_seconds(default)
        return plain_seconds(round(float(found[1]) * SECONDS[found[2] or ""], 6))


READERS: Mapping[str, Callable[[App, str], Table]] = {
    "instances": App.instances,
    "env": App.env,
    "max_memory_restart": App.memory,
    "user": App.owner,
    "uid": App.owner,
    "gid": App.owner,
    "namespace": App.tags,
    "autostart": App.autostart,
    "wait_ready": App.ready,
    "kill_signal": App.kill_signal,
}


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def _texts(value: object) -> list[str]:
    items = cast("list[object]", value) if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str)]
