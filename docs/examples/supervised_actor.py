"""A supervised actor from nothing; docs/tutorial/supervised-actor.md goes through it part by part."""

# region imports
from typing import Protocol

import attrs
import trio

from actors.runtime import (
    Actor,
    ActorCrashed,
    ActorFailed,
    ActorStarted,
    Bus,
    Cell,
    ChildSpec,
    Lagged,
    Message,
    Ref,
    Tick,
    open_supervisor,
)

# endregion


# region message
class NotForSaleError(Exception):
    """The price is not one."""


@attrs.frozen
class Receipt:
    number: int
    takings: int
    """All that was sold so far, in cents."""


class Selling(Protocol):
    def sell(self, cents: int) -> Receipt: ...

    def share(self, among: int) -> float: ...


@attrs.frozen
class Sell(Message[Selling, Receipt]):
    errors = (NotForSaleError,)
    cents: int

    def deliver(self, to: Selling) -> Receipt:
        return to.sell(self.cents)


@attrs.frozen
class Share(Message[Selling, float]):
    among: int

    def deliver(self, to: Selling) -> float:
        return to.share(self.among)


# endregion


# region events
@attrs.frozen
class CashedUp:
    cents: int


@attrs.frozen
class CashUp(Message["Till", None]):
    tick: Tick

    def deliver(self, to: "Till") -> None:
        to.cash_up()


# endregion


# region actor
class Till(Actor):
    def __init__(self, takings: Cell[int]) -> None:
        self._takings = takings
        self._receipts = 0

    async def on_start(self) -> None:
        self.context.every(0.05, CashUp)

    def sell(self, cents: int) -> Receipt:
        if cents <= 0:
            raise NotForSaleError(f"the price is {cents} cents; expected 1 or more")
        self._receipts += 1
        self._takings.update(lambda before: before + cents)
        return Receipt(self._receipts, self._takings.value)

    def share(self, among: int) -> float:
        return self._takings.value / among

    def cash_up(self) -> None:
        self.context.bus.publish(CashedUp(self._takings.value))


# endregion


# region ask
async def sell(till: Ref[Selling]) -> None:
    print(await till.ask(Sell(250)))
    try:
        await till.ask(Sell(-1))
    except NotForSaleError as error:
        print(f"refused: {error}")
    print(await till.ask(Sell(100)))


# endregion


# region crash
async def crash(till: Ref[Selling]) -> None:
    try:
        await till.ask(Share(among=0))
    except ActorCrashed as error:
        print(f"{error.path} crashed: {error.__cause__!r}")
    print(await till.ask(Sell(50)))


# endregion


# region subscriber
def describe(event: ActorStarted | ActorFailed | Lagged) -> str:
    match event:
        case ActorStarted(path, restarts):
            return f"{path} runs, restarted {restarts} times"
        case ActorFailed(path, error, restart_in):
            return f"{path} failed with {error}, again in {restart_in} s"
        case Lagged(missed):
            return f"{missed} events are missing here"


async def wait_for_cash_up(bus: Bus) -> None:
    with bus.subscribe(CashedUp) as reports:
        print(await reports.receive())


# endregion


# region supervisor
async def main() -> None:
    bus = Bus()
    takings = Cell(0)
    with bus.subscribe(ActorStarted, ActorFailed) as lives:
        async with open_supervisor("shop", bus=bus) as shop:
            till = await shop.start(ChildSpec("till", lambda: Till(takings)))
            await sell(till)
            await crash(till)
            await wait_for_cash_up(bus)
        for event in await lives.receive_batch():
            print(describe(event))


trio.run(main)
# endregion
