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

from collections import Counter, defaultdict
from collections.abc import Callable

from actors.runtime import (
    ActorStatistics,
    DeadLetter,
    Full,
    KeepOnRestart,
)
from actors.runtime.histogram import bucket
from tests.actors.runtime.programs.history import Call, History, Life, ListenerRecord, Missed
from tests.actors.runtime.programs.plan import How
from tests.actors.runtime.programs.restart_checks import (
    groups_live,
    liveness,
    monitors,
    restarts,
    stop_order,
    strategy,
)
from tests.actors.runtime.programs.worker import Told

EXACTLY = 1e-9
"""Seconds by which sums of jittered delays may be off."""


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
