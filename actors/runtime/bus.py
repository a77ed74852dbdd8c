"""The event bus: facts are published once and reach whoever subscribed to their type."""

from typing import Any, TypeVar, overload

from actors.runtime.subscription import DEFAULT_CAPACITY, Overflow, Subscription

E = TypeVar("E")
F = TypeVar("F")


class Bus:
    """Publishing is synchronous and never fails or waits; a slow subscriber misses events and is told how many.

    Not an actor: there is no queue in front of it and nothing in it to crash.
    """

    def __init__(self) -> None:
        self._subscribers: dict[Subscription[Any], tuple[type, ...]] = {}
        self._routes: dict[type, tuple[Subscription[Any], ...]] = {}
        """By the exact type of an event; forgotten whenever somebody subscribes or leaves."""

    def publish(self, event: object) -> None:
        """Give *event* to every subscriber of its type or of one of its base classes."""
        kind = type(event)
        route = self._routes.get(kind)
        if route is None:
            route = self._routes[kind] = tuple(
                subscription for subscription, types in self._subscribers.items() if issubclass(kind, types)
            )
        for subscription in route:
            subscription.push(event)

    @overload
    def subscribe(self, kind: type[E], /, *, capacity: int = ..., overflow: Overflow = ...) -> Subscription[E]: ...

    @overload
    def subscribe(
        self, kind: type[E], other: type[F], /, *, capacity: int = ..., overflow: Overflow = ...
    ) -> Subscription[E | F]: ...

    @overload
    def subscribe(
        self, kind: type[Any], /, *kinds: type[Any], capacity: int = ..., overflow: Overflow = ...
    ) -> Subscription[Any]: ...

    def subscribe(
        self,
        kind: type[Any],
        /,
        *kinds: type[Any],
        capacity: int = DEFAULT_CAPACITY,
        overflow: Overflow = Overflow.DROP_OLDEST,
    ) -> Subscription[Any]:
        """Receive the events of these types (and of their subclasses) that are published from now on.

        Args:
            kind: What to receive; `object` for everything.
            kinds: More of them.
            capacity: Events the subscriber may be behind.
            overflow: Which ones it misses when it is further behind.
        """
        subscription = Subscription[Any](capacity=capacity, overflow=overflow, on_close=self._forget)
        self._subscribers[subscription] = (kind, *kinds)
        self._routes.clear()
        return subscription

    @property
    def subscribers(self) -> int:
        """How many there are."""
        return len(self._subscribers)

    def _forget(self, subscription: Subscription[Any]) -> None:
        self._subscribers.pop(subscription, None)
        self._routes.clear()
