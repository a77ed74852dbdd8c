"""What must hold of restarts, stops and those who watch them: invariant 8."""

from collections import defaultdict, deque

from actors.runtime import ActorFailed, Restart, RestartIntensity, Strategy
from tests.actors.runtime.programs.history import History, Incarnation

EXPECTED_FAILURES = ("PlannedCrashError", "LinkedActorDown", "ActorStopped", "RestartIntensityExceeded")
"""What actors of programs fail of; the beginning of the error as it is told."""


def restarts(history: History) -> list[str]:
    """No more restarts than the intensity allows, no fewer either, and none without a reason."""
    books = _Books(history)
    for told in history.told:
        if isinstance(told.event, ActorFailed):
            books.enter(told.event, told.at)
    if history.escalated is not ("root" in books.gave_up):
        books.found.append(f"8: the root has {'' if history.escalated else 'not '}given up; it said something else")
    return books.found


class _Books:
    """Restarts counted once more, from what the runtime tells of them."""

    def __init__(self, history: History) -> None:
        self.found: list[str] = []
        self.gave_up: set[str] = set()
        self._groups = {
            ("root" if not index else f"root/{g.name}"): g for index, g in enumerate(history.program.groups)
        }
        self._types = {life.path: life.plan.restart for life in history.lives}
        self._types |= {path: group.restart for path, group in self._groups.items()}
        self._windows: dict[str, deque[float]] = defaultdict(deque)
        self._together = self._groups["root"].strategy is not Strategy.ONE_FOR_ONE
        self._disturbed = False
        """A supervisor may have been restarted for another's sake, which nobody tells; it counts anew then."""

    def enter(self, event: ActorFailed, at: float) -> None:
        if not any(reason in event.error for reason in EXPECTED_FAILURES):
            self.found.append(f"11: {event.path} failed of nothing that the program does: {event.error}")
        if event.path in self._groups:
            self._group_failed(event)
        parent = event.path.rpartition("/")[0]
        self._disturbed |= self._together and parent == "root"
        if self._disturbed and parent != "root":
            self.gave_up.add(parent)
            return
        full = not _allowed(self._windows[parent], at, self._groups[parent].intensity)
        temporary = self._types[event.path] is Restart.TEMPORARY
        if event.restart_in is not None:
            self._windows[parent].append(at)
            if full or temporary:
                self.found.append(f"8: {event.path} is restarted at {at:.6g} s, more often than is allowed")
        elif not temporary:
            self.gave_up.add(parent)
            if not full:
                self.found.append(f"8: {parent} gave up before there were more restarts than it allows")

    def _group_failed(self, event: ActorFailed) -> None:
        if event.path not in self.gave_up and not self._disturbed and "RestartIntensityExceeded" in event.error:
            self.found.append(f"8: {event.path} gave up for no reason")
        self.gave_up.discard(event.path)
        self._windows[event.path].clear()


def _allowed(window: deque[float], now: float, intensity: RestartIntensity) -> bool:
    while window and window[0] <= now - intensity.period:
        window.popleft()
    return len(window) < intensity.restarts


def liveness(history: History) -> list[str]:
    """At rest, what should run does, and what ended for good stays so."""
    found: list[str] = []
    for life in history.lives:
        if life.plan.restart is Restart.TEMPORARY and len(life.incarnations) > 1:
            found.append(f"8: {life.path} is temporary and was started {len(life.incarnations)} times")
        if not history.states:
            continue
        if life.removed and life in history.serving:
            found.append(f"8: {life.path} runs, after it was stopped or failed to start")
        if life.removed or life.ref is None:
            continue
        state = history.states.get(life.path, "gone")
        if life in history.resting and history.resting[life].state.value == "running" and life not in history.serving:
            state = "down"
        group_up = history.states[life.path.rpartition("/")[0]] == "running"
        last = life.incarnations[-1]
        may_end = (
            life.plan.restart is Restart.TEMPORARY
            or (life.plan.restart is Restart.TRANSIENT and last.stops_itself)
            or not group_up
        )
        if state != "running" and not (may_end and state in {"stopped", "failed"}):
            found.append(f"8: at rest {life.path} is {state}")
    return found


def groups_live(history: History) -> list[str]:
    """At rest, supervisors that should run do."""
    return [
        f"8: at rest supervisor {group.name} is {history.states[f'root/{group.name}']}"
        for group in history.program.groups[1:]
        if history.states
        and group.restart is not Restart.TEMPORARY
        and history.states[f"root/{group.name}"] != "running"
    ]


def strategy(history: History) -> list[str]:
    """Nobody is restarted while one that was started later, and must be down with it, still runs."""
    runs = [run for life in history.lives for run in life.incarnations]
    return [
        f"8: {run.life.path} is started again while {other.life.path} runs on"
        for run in runs
        if run.number and run.life.group.strategy is not Strategy.ONE_FOR_ONE
        for other in runs
        if other.life.plan.group == run.life.plan.group
        and history.lives.index(other.life) > history.lives.index(run.life)
        and not other.life.removed
        and other.began < _cause(history, run)
        and (other.gone is None or other.gone > run.began)
    ]


def _cause(history: History, run: Incarnation) -> int:
    """When the first failure was told that may be why *run* follows the incarnation before it."""
    life = run.life
    before = life.incarnations[run.number - 1]
    place = history.lives.index(life)
    upto = place + 1 if life.group.strategy is Strategy.REST_FOR_ONE else None
    concerned = {other.path for other in history.lives[:upto] if other.plan.group == life.plan.group}
    concerned |= {f"root/{group.name}" for group in history.program.groups}
    if life.path.count("/") > 1:  # its supervisor may have been restarted for the sake of one of its own siblings
        concerned |= {other.path for other in history.lives if other.path.count("/") == 1}
    causes = [
        told.order
        for told in history.told
        if isinstance(told.event, ActorFailed)
        # One at the very same time may have come too late: *run* was on its way, and is ended again.
        and (before.began < told.order and told.at < run.began_at)
        and told.event.path in concerned
    ]
    return min(causes, default=0)  # the cause may even precede an incarnation that was just about to begin


def stop_order(history: History) -> list[str]:
    """Leaving stops one child after the other, the last first."""
    if history.left is None:
        return []
    found: list[str] = []
    last: dict[int, Incarnation] = {}
    for life in history.lives:
        for incarnation in life.incarnations:
            if incarnation.ended is None or incarnation.ended < history.left or incarnation.broken:
                continue
            before = last.get(life.plan.group)
            if before is not None and (incarnation.gone or 0) > (before.ended or 0):
                found.append(f"8: {before.life.path} is stopped before {life.path}, which started later")
            last[life.plan.group] = incarnation
    return found


def monitors(history: History) -> list[str]:
    """Every end of an incarnation is told at most once, and the last word is the last."""
    found: list[str] = []
    for record in history.watches:
        # One that was through with its clean-up in that very moment may still be told of.
        since = max((run.began for run in record.watched.incarnations if run.began < record.since), default=0)
        ends = sum(1 for run in record.watched.incarnations if run.gone is not None and run.began >= since)
        told = [down.final for down in record.downs]
        if told.count(False) > ends or told.count(True) > 1 or True in told[:-1]:
            found.append(f"8: {record.by.life.path} was told of {told}, {record.watched.path} ended {ends} times")
    return found
