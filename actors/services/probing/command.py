"""Looking by running a command."""

import os
from collections.abc import Mapping
from functools import partial

from actors.services.probing import running
from actors.services.probing.looks import Look, LookFailed, Progress, bounded, one_line
from actors.services.probing.texts import TextCheck
from actors.setting_rules import shown
from actors.settings import ExecOptions

TAIL = 500
"""Characters of its output that are told."""
SEARCHED = 1024 * 1024
"""Bytes from the end of its output that a text is looked for in."""


async def look_exec(
    options: ExecOptions,
    *,
    environment: Mapping[str, str] | None = None,
    timeout: float | None = None,
    user: str | None = None,
    group: str | None = None,
) -> Look:
    """Whether a command ends as it should. Figures: `exit_code`.

    It runs in a session of its own and is killed with its process group at the deadline; whatever of that group is
    left when it ends is killed, too.

    Args:
        options: What to run and how it should end; its `env` is added to *environment*.
        environment: All variables that it gets; ours unless told.
        timeout: Seconds for all of it; that of *options* unless told.
        user: As whom it runs; as we do unless told.
        group: In place of the user's own.
    """
    base = os.environ if environment is None else environment
    where = running.Whereabouts({**base, **options.env}, options.cwd, user, group)
    look = partial(_look, options, where)
    return await bounded(options.timeout if timeout is None else timeout, look)


async def _look(options: ExecOptions, where: running.Whereabouts, progress: Progress) -> str:
    if options.command is None:
        raise LookFailed("there is nothing to run; set command", ours=True)
    program = options.command[0]
    progress.doing = f"running {program!r}"
    texts = TextCheck(options.text, options.text_absent, options.regex)
    searches = texts != TextCheck(regex=options.regex)
    output = bytearray()
    kept = SEARCHED if searches else 4 * TAIL  # of characters that take up to 4 bytes
    try:
        ended = await running.run(options.command, where=where, output=output, kept=kept)
    finally:
        said = _said(output)
        progress.doing += said  # what it said before it was cut off
    if ended.exit_code is None:
        raise LookFailed(f"killed by {ended.signal}{said}")
    progress.figures["exit_code"] = ended.exit_code
    if ended.exit_code not in options.expected_exit_codes:
        wanted = ", ".join(map(str, options.expected_exit_codes))
        raise LookFailed(f"exit code {ended.exit_code}, expected {wanted}{said}")
    if searches:
        await texts.judge(output.decode("utf-8", "replace"), f"the output of {shown(program)}", progress)
    return f"exit code {ended.exit_code}{said}"


def _said(output: bytes | bytearray) -> str:
    tail = one_line(output.decode("utf-8", "replace")[-TAIL:])
    return f": {tail}" if tail else ""
