"""Runs programs, says what is wrong, and makes those that fail smaller."""

from collections.abc import Generator
from pprint import pformat

import attrs

from tests.actors.runtime.programs.checks import outline, violations
from tests.actors.runtime.programs.plan import Post, Program, Step
from tests.actors.runtime.programs.world import run


def judge(program: Program) -> list[str]:
    """What *program* shows to be wrong with the runtime, each beginning with the number of the invariant."""
    try:
        history = run(program)
    except Exception as error:
        return [f"0: the run ended with {error!r}"]
    found = violations(history)
    doomed = frozenset(caller.name for caller in program.callers if caller.cancel_at is not None)
    if program.calm and doomed and not found:
        others = tuple(caller for caller in program.callers if caller.name not in doomed)
        alone = run(attrs.evolve(program, callers=others))
        if outline(history, doomed) != outline(alone, doomed):
            found.append(f"11: without the cancelled {set(doomed)} the actors handle something else")
    return found


def report(program: Program, found: list[str]) -> str:
    """What is wrong, the program, and how to run it again."""
    wrong = "\n".join(f"  {what}" for what in found)
    return (
        f"program {program.seed} broke promises (the numbers are those of programs/checks.py):\n{wrong}\n"
        f"{pformat(program, width=118)}\n"
        f"run it again: python -m tests.actors.runtime.programs {program.seed} --smaller"
    )


def shrink(program: Program, found: list[str]) -> tuple[Program, list[str]]:
    """A smaller program that breaks the same promise as *program*, and what it breaks."""
    number = found[0].partition(":")[0]
    smaller = True
    while smaller:
        smaller = False
        for candidate in _smaller(program):
            broken = judge(candidate)
            if any(what.startswith(f"{number}:") for what in broken):
                program, found, smaller = candidate, broken, True
                break
    return program, found


def _smaller(program: Program) -> Generator[Program, None, None]:
    callers = program.callers
    for index, caller in enumerate(callers):
        rest = (*callers[:index], *callers[index + 1 :])
        yield attrs.evolve(program, callers=rest)
        for steps in _shorter(caller.steps):
            changed = attrs.evolve(caller, steps=steps)
            yield attrs.evolve(program, callers=(*callers[:index], changed, *callers[index + 1 :]))
    for index in range(len(program.listeners)):
        listeners = program.listeners
        yield attrs.evolve(program, listeners=(*listeners[:index], *listeners[index + 1 :]))
    for index, actor in enumerate(program.actors):
        for field in ("timers", "watches", "links", "bad_starts"):
            if getattr(actor, field):
                plain = attrs.evolve(actor, **{field: ()})
                yield attrs.evolve(program, actors=(*program.actors[:index], plain, *program.actors[index + 1 :]))


def _shorter(steps: tuple[Step, ...]) -> Generator[tuple[Step, ...], None, None]:
    for index, step in enumerate(steps):
        yield (*steps[:index], *steps[index + 1 :])
        if isinstance(step, Post):
            for inner in _shorter(step.work.steps):
                changed = attrs.evolve(step, work=attrs.evolve(step.work, steps=inner))
                yield (*steps[:index], changed, *steps[index + 1 :])
