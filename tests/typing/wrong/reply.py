"""An answer that is used as another type, or that the handler does not give."""

from typing import Protocol

import attrs

from actors.runtime import Message, Ref


class Counting(Protocol):
    def count(self) -> int: ...

    async def count_slowly(self) -> int: ...


@attrs.frozen
class GetCount(Message[Counting, int]):
    def deliver(self, to: Counting) -> int:
        return to.count()


@attrs.frozen
class GetText(Message[Counting, str]):
    def deliver(self, to: Counting) -> str:
        # error: reportReturnType: Type "int" is not assignable to return type "str"
        return to.count()


@attrs.frozen
class GetOther(Message[Counting, str]):
    # error: reportIncompatibleMethodOverride: override returns type "int"
    def deliver(self, to: Counting) -> int:
        return to.count()


@attrs.frozen
class GetUnawaited(Message[Counting, int]):
    async def deliver(self, to: Counting) -> int:
        # error: reportReturnType: Type "CoroutineType[Any, Any, int]" is not assignable to return type "int"
        return to.count_slowly()


async def use(ref: Ref[Counting]) -> None:
    # error: reportAssignmentType: Type "int" is not assignable to declared type "str"
    text: str = await ref.ask(GetCount())
    # error: reportAssignmentType: "CoroutineType[Any, Any, int]" is not assignable to "int"
    number: int = ref.ask(GetCount())
    assert text
    assert number
