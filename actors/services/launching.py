"""Starting a run of a service."""

import os
from collections.abc import Callable
from pathlib import Path

import trio

from actors.services import log_line
from actors.services.attendance import Attended
from actors.services.environment import EnvFileError, whole_environment
from actors.services.keeper import InvalidSpec, Keeper, Run
from actors.services.record import ServiceRecord
from actors.services.run_spec import spec_of
from actors.services.wellness import Wellness

ITS_OWN = (InvalidSpec, EnvFileError)
"""Errors of a launch that are the service's own fault, as a command that cannot be executed is."""

MARK_SECONDS = 2.0
"""How long the file system may take to say where a log ends."""


async def launch(record: ServiceRecord, keeper: Keeper, logs_dir: Path, notify: Callable[[Run], None]) -> None:
    """Start a run, which takes the place of the last one in *record*.

    Args:
        record: The service, of whose last run nothing is left.
        keeper: Who holds the processes.
        logs_dir: Where its log is.
        notify: Called after each change of the run's status; see `Keeper.start`.

    Raises:
        InvalidSpec: No process can be as the settings say.
        EnvFileError: One of its files of variables is missing, or wrong.
        KeeperClosed: Everything ends.
        OSError: Nothing can be started at the moment, which is no fault of the service.
    """
    options = record.options
    variables = await environment(record)
    spec = spec_of(record.settings, options, logs_dir, variables)
    mark = None
    if options.ready is not None and options.ready.log is not None:
        mark = await _mark(spec.log_path)
    run = await keeper.start(record.settings.id, spec, notify)
    # In one step from here on: whoever looks finds either run whole.
    if record.run is not None:
        record.lost_output_before += record.run.status.lost_output_bytes
    record.run, record.run_ended = run, False
    record.attended = Attended(run, options, Wellness(), variables, spec.log_path, mark)
    record.dismissed = record.unwell = None
    record.brings = False


async def environment(record: ServiceRecord) -> dict[str, str]:
    """The whole environment of a service, with its files of variables as they are now.

    Raises:
        EnvFileError: One of those is missing, or wrong.
    """
    from_files = await record.env_files.read(record.options.env_files)
    return whole_environment(os.environ, record.settings, record.options, from_files)


async def _mark(log_path: str) -> log_line.LogMark:
    with trio.move_on_after(MARK_SECONDS):
        return await trio.to_thread.run_sync(log_line.mark, log_path, abandon_on_cancel=True)
    raise OSError(f"the directory of {log_path} did not answer within {MARK_SECONDS:g} s")
