"""State that is both asked for and streamed."""

from collections.abc import Callable
from typing import Generic, TypeVar

import attrs

from actors.runtime.bus import Bus
from actors.runtime.subscription import DEFAULT_CAPACITY, Subscription

T = TypeVar("T")


@attrs.frozen
class Changed(Generic[T]):
    """A cell got a new value."""

    value: T
    version: int


@attrs.frozen
class Watch(Generic[T]):
    """A value, and every change after it: none missing in between, none twice."""

    value: T
    version: int
    changes: Subscription[Changed[T]]


class Cell(Generic[T]):
    """One value with one owner, who sets it; anybody reads it or follows it.

    `set` changes value, version and event in one step without a wait, so that a reader who looks at the cell and
    one who follows it never disagree. It lives beside the owner's ref and survives the owner's restarts.
    """

    def __init__(self, value: T, *, bus: Bus | None = None, event: Callable[[T, T, int], object] | None = None) -> None:
        """Start with *value* as version 1.

        Args:
            value: The first value.
            bus: Where each change is told, if anywhere.
            event: Makes the event for the bus of the old value, the new one and its version.
        """
        self._value = value
        self._version = 1
        self._bus = bus
        self._event = event
        self._watchers: list[Subscription[Changed[T]]] = []

    @property
    def value(self) -> T:
        """The value, now."""
        return self._value

    @property
    def version(self) -> int:
        """Counts the changes from 1; the same version is the same value."""
        return self._version

    def set(self, value: T) -> int:
        """Change the value and tell everybody who follows; the new version."""
        old = self._value
        self._value = value
        self._version += 1
        changed = Changed(value, self._version)
        for watcher in tuple(self._watchers):
            watcher.push(changed)
        if self._bus is not None and self._event is not None:
            self._bus.publish(self._event(old, value, self._version))
        return self._version

    def update(self, change: Callable[[T], T]) -> int:
        """Set the value to *change* of the present one; the new version."""
        return self.set(change(self._value))

    def subscribe(self, *, capacity: int = DEFAULT_CAPACITY) -> Watch[T]:
        """The value now and a subscription to all that follows; close `changes` when done."""
        subscription = Subscription[Changed[T]](capacity=capacity, on_close=self._watchers.remove)
        self._watchers.append(subscription)
        return Watch(self._value, self._version, subscription)
