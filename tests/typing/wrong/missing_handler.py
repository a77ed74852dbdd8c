"""An actor, or a message, that lacks its handler."""

from typing import Protocol

import attrs

from actors.runtime import Actor, ChildSpec, Message, Ref, Tick, open_supervisor


class Lamp(Protocol):
    def switch(self, on: bool) -> bool: ...


@attrs.frozen
class Switch(Message[Lamp, bool]):
    on: bool

    def deliver(self, to: Lamp) -> bool:
        return to.switch(self.on)


@attrs.frozen
class Dim(Message[Lamp, int]):
    def deliver(self, to: Lamp) -> int:
        # error: reportUnknownMemberType: Type of "dim" is unknown
        # error: reportUnknownVariableType: Return type is unknown
        # error: reportAttributeAccessIssue: Cannot access attribute "dim" for class "Lamp"
        return to.dim()


@attrs.frozen
class Forgotten(Message[Lamp, int]):
    pass


@attrs.frozen
class Blink(Message[Lamp, int]):
    tick: Tick

    def deliver(self, to: Lamp) -> int:
        return int(to.switch(on=True))


class Candle(Actor):
    def light(self) -> None: ...


class Torch(Actor):
    def switch(self, on: str) -> bool:
        return on == "on"

    async def on_start(self) -> None:
        # error: reportArgumentType: covariant, but "int" is not a subtype of "None"
        self.context.every(1.0, Blink)


async def run() -> None:
    async with open_supervisor() as root:
        # error: reportAssignmentType: "switch" is not present
        candle: Ref[Lamp] = await root.start(ChildSpec("candle", Candle))
        # error: reportAssignmentType: Type "(on: str) -> bool" is not assignable to type "(on: bool) -> bool"
        torch: Ref[Lamp] = await root.start(ChildSpec("torch", Torch))
        candle.tell(Switch(on=True))
        # error: reportAbstractUsage: "Message.deliver" is not implemented
        torch.tell(Forgotten())
        # error: reportUnknownArgumentType: Argument type is "ChildSpec[Unknown]"
        # error: reportArgumentType: "Switch" is not assignable to "Actor"
        await root.start(ChildSpec("no-actor", Switch))
