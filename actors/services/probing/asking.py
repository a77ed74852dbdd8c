"""Asking a process of ours how it is, in the way that its settings name."""

from collections.abc import Mapping

from actors.services.probing.command import look_exec
from actors.services.probing.http import look_http
from actors.services.probing.looks import Look
from actors.services.probing.standing import Judge
from actors.services.probing.tcp import look_tcp
from actors.settings import ExecOptions, HttpOptions, ProbeOptions, TcpOptions


async def look(
    options: ProbeOptions,
    *,
    environment: Mapping[str, str] | None = None,
    cwd: str | None = None,
    user: str | None = None,
    group: str | None = None,
) -> Look:
    """One look at a process by `http`, `tcp` or `exec`, within `options.timeout` seconds in all.

    Never raises for what it looks at. A look with `ours` set says nothing about the process: it could not be made.

    Args:
        options: The way to ask, and what answer is good.
        environment: All variables of the command of `exec`; ours unless told.
        cwd: Its working directory; ours unless told.
        user: As whom it runs; as we do unless told.
        group: In place of the user's own.

    Raises:
        ValueError: The way is another one, which is not asked but waited for.
    """
    timeout = options.timeout
    if options.http is not None:
        page = HttpOptions(
            url=options.http, status=options.status, text=options.text, headers=options.headers, redirects=0
        )
        return await look_http(page, timeout=timeout)
    if options.tcp is not None:
        return await look_tcp(TcpOptions(address=options.tcp), timeout=timeout)
    if options.exec is not None:
        command = ExecOptions(command=options.exec, cwd=cwd)
        return await look_exec(command, environment=environment, timeout=timeout, user=user, group=group)
    raise ValueError(f"cannot look by {options.ways}; expected http, tcp or exec; wait for the others to be told")


def judge_of(options: ProbeOptions) -> Judge:
    """How the looks that *options* describe are judged."""
    return Judge(
        failures=options.failures,
        successes=options.successes,
        interval=options.interval,
        retry_interval=options.interval,
    )
