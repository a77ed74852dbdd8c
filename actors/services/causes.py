"""Why something happens to a service."""

import attrs


@attrs.frozen
class Cause:
    """Why something happened to a service; see `actors.services.Happened`."""

    reason: str
    detail: str = ""
    exit_code: int | None = None
    signal: str | None = None
    by: str = ""
    """Why something else is wanted of it, where that is not the reason itself."""


COMMAND = Cause("command")
"""Somebody said so."""
AUTOSTART = Cause("autostart")
"""It is to run when we start."""

SHUTDOWN = Cause("shutdown")
"""Everything stops."""


def needed_by(service_id: str) -> Cause:
    """A service that depends on it is started."""
    return Cause("dependency", f"{service_id} depends on it")


def rolling(target: str) -> Cause:
    """A rolling restart of *target* has come to it."""
    return Cause("rolling", f"in a rolling restart of {target}")
