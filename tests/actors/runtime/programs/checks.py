"""What must hold of any program, by the numbers of the runtime's invariants.

1. Every ask ends once, by its deadline, and gets no other's answer.
2. What was sent was handled, crashed, interrupted, abandoned, expired, is a dead letter or is queued.
3. Where all is kept, a restart loses and reorders nothing but the message that crashed.
4. Messages of one sender are handled in the order in which they were sent.
5. One message at a time, in the one incarnation that runs.
6. No task outlives what it belongs to.
7. A mailbox holds its capacity and one batch at most; nobody waits while there is room.
8. Restarts within the intensity, and what should run at the end does; stopped in reverse.
9. Received and missed events add up to those published.
10. Ticks are on the grid, one at a time, and add up.
11. Cancelling a caller is none of the others' business.

Half of 1, 5, 6, 7 and 10 is looked at while the program runs.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable

from actors.runtime import (
    ActorFailed,
    ActorStatistics,
    DeadLetter,
    Full,
    KeepOnRestart,
    Restart,
    RestartIntensity,
    Strategy,
)
from actors.runtime.histogram import bucket
from tests.actors.runtime.programs.history import Call, History, Incarnation, Life, ListenerRecord, Missed
from tests.actors.runtime.programs.plan import How
from tests.actors.runtime.programs.worker import Told

EXACTLY = 1e-9
"""Seconds by which sums of jittered delays may be off."""
EXPECTED_FAILURES = ("PlannedCrashError", "LinkedActorDown", "ActorStopped", "RestartIntensityExceeded")


def violations(history: History) -> list[str]:
    """What is wrong with *history*, each beginning with the number of the invariant; empty if nothing is."""
    found = list(history.violations)
    for check in CHECKS:
        found.extend(check(history))
    return found


# -- 1, 2


def asks(history: History) -> list[str]:
    """Every call ended, in time, and as what became of its message says."""
    found: list[str] = []
    for call in history.calls:
        if call.outcome is None:
            found.append(f"1: {call} never ended")
        elif call.how is How.ASK and call.ended_at > max(call.at, call.deadline) + EXACTLY:
            found.append(f"1: {call} ended at {call.ended_at:.6g} s, its deadline was {call.deadline:.6g} s")
        elif not _explained(call):
            found.append(f"1: {call} ended as {call.outcome}, but its handler {call.finished or 'never began'}")
    return found


def _explained(call: Call) -> bool:
    began, options = call.began is not None, call.life.plan.mailbox
    match call.outcome:
        case "told" | "cancelled":
            return True
        case "refused" | "AskCycle":
            return not began
        case "answered":
            return call.finished == "handled"
        case "DeclaredError":
            return call.finished == "declared"
        case "ActorCrashed":
            return call.finished == "crashed"
        case "ActorStopped":
            return call.finished in {None, "interrupted"}
        case "MailboxFull":
            return not began and options.full is not Full.BLOCK
        case "ActorRestarting":
            return not began and options.keep is not KeepOnRestart.ALL
        case "AskTimeout queued":
            return not began and call.ended_at >= call.deadline - EXACTLY
        case "AskTimeout running":
            return began and call.ended_at >= call.deadline - EXACTLY
        case _:
            return False


def accounts(history: History) -> list[str]:
    """The runtime's own counts add up and are those of what was seen, at rest and in the end."""
    found: list[str] = []
    for life in history.lives:
        if life.ref is None:
            continue
        looks = [("in the end", life.mailbox.counts(), life.mailbox.depth)]
        if life in history.resting:
            at_rest: ActorStatistics = history.resting[life]
            looks.append(("at rest", at_rest.counts, at_rest.queued))
        for when, counts, queued in looks:
            fates = (
                counts.handled
                + counts.crashed
                + counts.interrupted
                + counts.abandoned
                + counts.expired
                + counts.dead_lettered
            )
            if counts.sent != fates + queued:
                found.append(f"2: {when} {life.path} has {counts}, {queued} queued: they do not add up")
        if life.plan.links:
            continue  # the runtime's own messages about links are not seen
        counts = life.mailbox.counts()
        seen = (life.handled, life.crashed, life.interrupted)
        if (counts.handled, counts.crashed, counts.interrupted) != seen:
            found.append(f"2: {life.path} says {counts}, seen were {seen} handled, crashed and interrupted")
        expected = Counter(bucket(wait) for wait in life.waits)
        if expected != {size: count for size, count in enumerate(life.mailbox.waits) if count}:
            found.append(f"2: {life.path} has not counted how long its messages waited")
    return found


def dead_letters(history: History) -> list[str]:
    """Every message that was told and not handled is a dead letter, and no other is."""
    letters = Counter(
        told.event.path
        for told in history.told
        if isinstance(told.event, DeadLetter) and told.event.message == Told.__name__
    )
    lost: Counter[str] = Counter()
    stopped: Counter[str] = Counter()
    for call in history.calls:
        if call.how is How.ASK or call.began is not None:
            continue
        lost[call.life.path] += call.outcome in {"told", "refused", "MailboxFull"}
        # It waited for room when the actor stopped, or came later: only then is it a dead letter.
        stopped[call.life.path] += call.outcome == "ActorStopped"
    return [
        f"2: {lost[path]} messages to {path} were lost, {letters[path]} dead letters tell of it"
        for path in letters.keys() | lost.keys()
        if not lost[path] <= letters[path] <= lost[path] + stopped[path]
    ]


# -- 3, 4


def kept(history: History) -> list[str]:
    """No restart gives up messages where all are kept."""
    keeping = {life.path for life in history.lives if life.plan.mailbox.keep is KeepOnRestart.ALL}
    return [
        f"3: {told.event.path} keeps all, and lost {told.event.message} in a restart"
        for told in history.told
        if isinstance(told.event, DeadLetter)
        and told.event.path in keeping
        and told.event.reason == "the actor restarts"
    ]


def order(history: History) -> list[str]:
    """What one sender sends to one actor is handled in that order."""
    found: list[str] = []
    latest: dict[tuple[str, Life], Call] = {}
    begun = [call for call in history.calls if call.began is not None]
    for call in sorted(begun, key=lambda call: call.began or 0):
        before = latest.get((call.sender, call.life))
        if before is not None and before.index > call.index:
            found.append(f"4: {call} was handled after {before}, which was sent later")
        latest[call.sender, call.life] = call
    return found


# -- 8


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
        and before.began < told.order < run.began
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
        ends = sum(1 for run in record.watched.incarnations if run.gone is not None and run.gone > record.since)
        told = [down.final for down in record.downs]
        if told.count(False) > ends or told.count(True) > 1 or True in told[:-1]:
            found.append(f"8: {record.by.life.path} was told of {told}, {record.watched.path} ended {ends} times")
    return found


# -- 9, 10


def events(history: History) -> list[str]:
    """What a listener received and what it was told that it missed is what was published, in order."""
    found: list[str] = []
    for record in history.listeners:
        count = history.changes if record.plan.of_cell else history.published
        received = sum(1 for entry in record.received if not isinstance(entry, Missed))
        missed = sum(entry.count for entry in record.received if isinstance(entry, Missed))
        if received + missed != count:
            found.append(f"9: {count} events were published, {received} received and {missed} missed")
        elif not _in_order(record):
            found.append(f"9: events were received as {record.received}")
    return found


def _in_order(record: ListenerRecord) -> bool:
    following = record.first
    for entry in record.received:
        if isinstance(entry, Missed):
            following += entry.count
        elif entry != following:
            return False
        else:
            following += 1
    return True


def ticks(history: History) -> list[str]:
    """Every tick is on the grid of its timer, counts those before it and is sent after the one before was taken."""
    found: list[str] = []
    for record in history.timers:
        dropping = record.incarnation.life.plan.mailbox.full is Full.DROP_OLDEST
        points, taken_at = 0, record.started_at
        for tick, taken in record.ticks:
            points += 1 + tick.missed
            where = (tick.scheduled_at - record.started_at) / record.plan.interval
            if abs(where - round(where)) > EXACTLY or tick.scheduled_at > taken + EXACTLY:
                found.append(f"10: {tick} taken at {taken:.6g} s is not on the grid")
            if dropping:  # what it dropped are dead letters, and count as missed by nobody
                points = max(points, round(where))
            if points != round(where):
                found.append(f"10: {tick} of {record.incarnation.life.path} is number {where:g}, counted {points}")
            if tick.scheduled_at < taken_at - EXACTLY:
                found.append(f"10: {tick} was sent before the one before it was taken at {taken_at:.6g} s")
            taken_at = taken
    return found


# -- 11


def calm(history: History) -> list[str]:
    """Where nothing fails and nothing is refused, all but the cancelled get everything they asked for."""
    if not history.program.calm:
        return []
    cancelled = {caller.name for caller in history.program.callers if caller.cancel_at is not None}
    return [
        f"11: {call} ended as {call.outcome} and was {call.finished}, because of the cancelled {cancelled}"
        for call in history.calls
        if call.origin not in cancelled and (call.outcome not in {"told", "answered"} or call.finished != "handled")
    ]


def outline(history: History, without: frozenset[str]) -> dict[tuple[str, str], list[str]]:
    """What each actor handled of each sender, except what *without* caused; in order where it comes from one task."""
    seen: dict[tuple[str, str], list[str]] = defaultdict(list)
    for call in sorted(history.calls, key=lambda call: call.began or 0):
        if call.began is not None and call.origin not in without:
            seen[call.sender, call.life.path].append(f"{call.origin} {call.work} {call.outcome}")
    callers = {caller.name for caller in history.program.callers}
    return {key: calls if key[0] in callers else sorted(calls) for key, calls in seen.items()}


def interrupted(history: History) -> list[str]:
    """A handler is only interrupted when its incarnation ends, whatever becomes of the caller."""
    return [
        f"11: {call} was interrupted, and its incarnation ran on"
        for call in history.calls
        if call.finished == "interrupted" and call.by is not None and call.by.ended is None
    ]


CHECKS: tuple[Callable[[History], list[str]], ...] = (
    asks,
    accounts,
    dead_letters,
    kept,
    order,
    restarts,
    liveness,
    groups_live,
    strategy,
    stop_order,
    monitors,
    events,
    ticks,
    calm,
    interrupted,
)
