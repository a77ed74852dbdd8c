"""What an actor can be asked, and what it answers."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable
from typing import ClassVar, Generic, TypeVar

To_contra = TypeVar("To_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)


class Message(ABC, Generic[To_contra, R_co]):
    """Something that a *To* can be told or asked; an ask is answered with an *R*.

    A message knows which method of its recipient handles it, so the type checker sees every pairing: a message
    to an actor that cannot handle it, a handler that answers the wrong type and a handler that is missing are
    all errors before anything runs::

        class Counter(Protocol):
            def add(self, amount: int) -> int: ...

        @attrs.frozen
        class Add(Message[Counter, int]):
            amount: int

            def deliver(self, to: Counter) -> int:
                return to.add(self.amount)

    Subclasses are `attrs.frozen` classes: a message is shared between tasks and never changes.
    """

    __slots__ = ()

    errors: ClassVar[tuple[type[Exception], ...]] = ()
    """Exceptions that are answers: the asker gets them raised and the actor lives on. Any other is a crash."""

    @abstractmethod
    def deliver(self, to: To_contra) -> R_co | Awaitable[R_co]:
        """Call the method of *to* that handles this message, and return what it returned."""
