"""The `files` kind: directories of files that something else writes."""

import logging
import time

import attrs
import trio
from trio.lowlevel import RunVar

from actors.services.look import Look
from actors.services.monitors.base import MonitorService
from actors.services.monitors.files.survey import Survey, survey
from actors.services.monitors.record import MonitorRecord
from actors.services.monitors.steps import ClockSteps
from actors.services.monitors.surroundings import Surroundings
from actors.settings import FilesOptions

THREADS = 4
"""That look through directories at a time; a dead network file system holds them, and none of Trio's."""
NAMED = 20
"""Files of each look that are named in the log as removed; the rest is counted."""

_looking: RunVar[trio.CapacityLimiter | None] = RunVar("files_looking", default=None)


@attrs.define(eq=False)
class FilesRecord(MonitorRecord):
    """Its state. Belongs to its actor; outlives the actor's incarnations."""

    busy: bool = False
    """A thread is looking, perhaps one that was given up."""


class FilesMonitor(MonitorService):
    """Freshness, size and number of files, and what of them is removed."""

    KEY = "root"
    RECORD = FilesRecord

    def __init__(self, record: MonitorRecord, surroundings: Surroundings) -> None:
        super().__init__(record, surroundings)
        self._steps = ClockSteps(time.time(), trio.current_time())

    async def look(self) -> Look:
        options, record, began = self.options_as(FilesOptions), self.record, trio.current_time()
        assert isinstance(record, FilesRecord)  # noqa: S101 - `RECORD` says so
        if record.busy:
            # Another thread would be held as well.
            return Look(ok=False, detail=f"{options.root} does not answer: the look before is still on", latency=0.0)
        with trio.move_on_after(self.look_seconds()):
            found = await self._surveyed(record, options)
            return self._said(found, trio.current_time() - began)
        detail = f"{options.root} does not answer within {self.look_seconds():g} s"
        return Look(ok=False, detail=detail, latency=trio.current_time() - began)

    def look_seconds(self) -> float:
        # Looking and removing have as long each.
        return 2 * self.options_as(FilesOptions).timeout

    async def _surveyed(self, record: FilesRecord, options: FilesOptions) -> Survey:
        clean = options.cleanup is not None
        step = self._steps.step(time.time(), trio.current_time())
        if clean and step:
            # By a clock that was just set everything may be old. If it is right now, the next look says so, too.
            self.say(logging.WARNING, "files.cleanup_left_out", {"reason": "clock_was_set", "by_s": round(step, 1)})
            clean = False
        root, ours = options.root or "", self.surroundings.ours

        def looked() -> Survey:
            record.busy = True
            try:
                return survey(root, options, ours=ours, clean=clean)
            finally:
                record.busy = False

        limiter = _looking.get()
        if limiter is None:
            limiter = trio.CapacityLimiter(THREADS)
            _looking.set(limiter)
        return await trio.to_thread.run_sync(looked, abandon_on_cancel=True, limiter=limiter)

    def _said(self, found: Survey, latency: float) -> Look:
        """What was found as a look; what was removed is said in the log."""
        removed = found.removed.files
        for file in removed[:NAMED]:
            self.say(logging.INFO, "files.removed", {"path": file.path, "bytes": file.size})
        if len(removed) > NAMED:
            self.say(logging.INFO, "files.removed_more", {"count": len(removed) - NAMED})
        for kept in found.removed.kept[:NAMED]:
            self.say(logging.WARNING, "files.not_removed", {"why": kept})
        for file in found.would_remove[:NAMED]:
            self.say(logging.INFO, "files.would_remove", {"path": file.path, "bytes": file.size})
        figures: dict[str, float | str] = {"files": len(found.files), "bytes": found.size}
        newest = found.newest_age(time.time())
        if newest is not None:
            figures["newest_age_s"] = round(newest)
        if removed:
            figures |= {"removed": len(removed), "removed_bytes": sum(file.size for file in removed)}
        if found.would_remove:
            figures["would_remove"] = len(found.would_remove)
        detail = "; ".join(found.wrong) or f"{len(found.files)} files, {found.size} bytes"
        return Look(ok=not found.wrong, detail=detail, latency=latency, figures=figures, ours=found.ours)
