"""Exception groups, seen as the one thing that went wrong where there is one."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import cast

import trio


def unwrap(error: BaseException) -> BaseException:
    """The single exception inside *error*; a group of several stays a group."""
    inner = _inner(error)
    return unwrap(inner[0]) if len(inner) == 1 else error


def only_cancelled(error: BaseException) -> bool:
    """Whether *error* is nothing but Trio's cancellation."""
    inner = _inner(error)
    return all(map(only_cancelled, inner)) if inner else isinstance(error, trio.Cancelled)


def _inner(error: BaseException) -> tuple[BaseException, ...]:
    if not isinstance(error, BaseExceptionGroup):
        return ()
    return cast("BaseExceptionGroup[BaseException]", error).exceptions


@contextmanager
def unwrapping() -> Generator[None, None, None]:
    """Let a nursery's single error out as itself, with its own cause; a group of several stays a group."""
    try:
        yield
    except BaseExceptionGroup as group:
        error = unwrap(group)
    else:
        return
    context = error.__context__
    try:
        raise error
    finally:
        error.__context__ = context  # where the raising has just put the group
