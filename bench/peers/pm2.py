"""PM2, driven by a script of its own interpreter: `pm2_driver.js`, over its public API.

It is no package of ours: the first run installs the exact version into the user's cache.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from signal import SIGKILL

import attrs
import platformdirs

from bench.daemon import Daemon, Plan, end, popen
from bench.hosted import Hosted
from bench.question import Absent

VERSION = "7.0.4"
INSTALL_SECONDS = 300.0
"""For npm to install PM2 and what it needs, some 80 packages."""

DRIVER = Path(__file__).with_name("pm2_driver.js")


def home() -> Path:
    """Where PM2 is installed."""
    return platformdirs.user_cache_path("watchhamster", appauthor=False) / "bench" / f"pm2-{VERSION}"


def install() -> Path:
    """Have PM2 installed; the directory of its package.

    Raises:
        Absent: There is no node, no npm, or npm cannot install it.
    """
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        raise Absent(f"PM2 needs node and npm, and there is no {' and no '.join(missing)}")
    package = home() / "node_modules" / "pm2"
    if installed(package) != VERSION:
        command = ["npm", "install", "--prefix", str(home()), "--no-fund", "--no-audit", "--ignore-scripts"]
        home().mkdir(parents=True, exist_ok=True)
        try:
            done = subprocess.run(
                [*command, f"pm2@{VERSION}"], capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS
            )
        except subprocess.TimeoutExpired:
            raise Absent(f"npm did not install pm2@{VERSION} within {INSTALL_SECONDS:g} s") from None
        if installed(package) != VERSION:
            said = done.stderr.strip().splitlines() or ["without a word"]
            raise Absent(f"npm could not install pm2@{VERSION}: {said[-1]}")
    return package


def installed(package: Path) -> str | None:
    """The version in *package*; None where there is none."""
    try:
        found = json.loads((package / "package.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return str(found.get("version"))


@contextmanager
def pm2(plan: Plan) -> Generator[Daemon, None, None]:
    """Launch PM2 with *plan*.

    Raises:
        Absent: It is not installed, and cannot be.
    """
    package = install()
    data = plan.directory / "pm2"
    file = plan.directory / "pm2.json"
    file.write_text(json.dumps({"autostart": plan.autostart, "apps": applications(plan)}), encoding="utf-8")
    # It sends no usage data, and looks for no newer version: neither is measured here.
    environment = {"PM2_HOME": str(data), "PM2_DISABLE_VERSION_CHECK": "true", "PM2_SILENT": "true"}
    process = popen(["node", str(DRIVER), str(package), str(file)], plan.directory, talk=True, env=environment)
    daemon = Pm2(process, plan.directory, data)
    try:
        yield daemon
    finally:
        # Told to end, it stops what it runs first. Whoever is left is killed by the pids.
        with suppress(OSError, ValueError):
            os.kill(daemon.pid, SIGKILL)
        end(process)


def applications(plan: Plan) -> list[dict[str, object]]:
    """*plan* as PM2 reads it: restarts at once and without limit, and the output kept whole."""
    return [
        {
            "name": service.name,
            "script": service.argv[0],
            "args": list(service.argv[1:]),
            "interpreter": "none",
            "exec_mode": "fork",
            "autorestart": service.restart,
            "max_restarts": 1_000_000,
            "restart_delay": 0,
            "kill_timeout": 10_000,
            "vizion": False,
            "pmx": False,
            "merge_logs": True,
            "out_file": str(plan.directory / f"{service.name}.log"),
            "error_file": str(plan.directory / f"{service.name}.log"),
        }
        for service in plan.services
    ]


@attrs.frozen
class Pm2(Hosted):
    """A PM2 that runs: its daemon is no child of the driver's."""

    data: Path

    @property
    def pid(self) -> int:
        return int((self.data / "pm2.pid").read_text(encoding="ascii"))

    def status(self) -> int:
        return int(self.tell("status"))
