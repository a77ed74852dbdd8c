"""Reloads when the configuration file was changed."""

import logging
from pathlib import Path

import trio
import watchfiles

from hamster.reloading import Reloader

log = logging.getLogger("hamster")

SETTLE = 0.5
"""Seconds without a change before the file is read: an editor writes it in more than one step."""
STEP_MS = 50
"""How long the watching thread may take to see that nobody waits for it any more."""


async def watch_if_configured(reloader: Reloader) -> None:
    """`watch_config` for the file that was configured to be watched, if one was."""
    if reloader.watched is not None:
        await watch_config(reloader, reloader.watched)


async def watch_config(reloader: Reloader, path: Path) -> None:
    """Reload for every change of the file at *path*, once it has settled; for ever, or until it cannot be watched.

    Its directory is watched: most editors put a new file in its place.
    """
    send, changes = trio.open_memory_channel[None](1)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_reload_when_settled, reloader, changes, name="config reload")
            await _notice(path, send)
    except* (OSError, RuntimeError) as errors:  # what the watching library raises for what the system refuses
        why = " | ".join(str(error) for error in errors.exceptions)
        log.warning("config.not_watched path=%s error=%r next=reload_by_command_only", path, why)


async def _notice(path: Path, send: trio.MemorySendChannel[None]) -> None:
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_set_at_the_end, stop)
        changes = watchfiles.awatch(
            path.parent,
            watch_filter=lambda _, changed: Path(changed).name == path.name,
            step=STEP_MS,
            debounce=STEP_MS * 2,
            stop_event=stop,
            recursive=False,
        )
        async for _ in changes:
            try:
                send.send_nowait(None)
            except trio.WouldBlock:
                continue  # one that is not looked at yet says the same


async def _set_at_the_end(stop: trio.Event) -> None:
    """The thread that waits for changes cannot be cancelled, only asked to end."""
    try:
        await trio.sleep_forever()
    finally:
        stop.set()


async def _reload_when_settled(reloader: Reloader, changes: trio.MemoryReceiveChannel[None]) -> None:
    while True:
        await changes.receive()
        settled = False
        while not settled:
            with trio.move_on_after(SETTLE) as quiet:
                await changes.receive()
            settled = quiet.cancelled_caught
        await reloader.reload_quietly("the file was changed")
