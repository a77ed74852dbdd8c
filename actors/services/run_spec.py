"""What the keeper is to run for a service, made of its settings. No I/O."""

from collections.abc import Mapping
from pathlib import Path

from actors.services.keeper import ProcessSpec, Rotation
from actors.settings import ProcessOptions, ServiceSettings

UNLIMITED = "unlimited"
"""How settings say that there is no limit; the keeper says -1."""


def spec_of(
    settings: ServiceSettings, options: ProcessOptions, logs_dir: Path, environment: Mapping[str, str]
) -> ProcessSpec:
    """What the keeper is to run.

    Args:
        settings: The service.
        options: Its own, of kind `process`.
        logs_dir: Where its log is.
        environment: The whole of it.

    Raises:
        InvalidSpec: No process can be like that.
    """
    log = settings.log
    notify = options.ready is not None and options.ready.notify
    watchdog = options.alive.interval if options.alive is not None and options.alive.notify else None
    return ProcessSpec(
        argv=options.command,
        env=environment,
        cwd=options.cwd,
        log_path=str(logs_dir / f"{settings.id}.log"),
        grace=options.stop_grace,
        user=options.user,
        group=options.group,
        umask=None if options.umask is None else int(options.umask, 8),
        nice=options.nice,
        limits={name: -1 if limit == UNLIMITED else int(limit) for name, limit in options.limits.items()},
        stdin=options.stdin,
        notify=notify or watchdog is not None,
        watchdog=watchdog,
        rotation=Rotation(log.max_bytes, log.max_age, log.keep, log.compress, log.budget),
    )
