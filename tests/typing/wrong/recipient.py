"""A message to an actor that cannot handle it."""

from typing import Protocol

import attrs

from actors.runtime import Actor, Message, Ref


class Greeting(Protocol):
    def greet(self, name: str) -> str: ...


@attrs.frozen
class Greet(Message[Greeting, str]):
    name: str

    def deliver(self, to: Greeting) -> str:
        return to.greet(self.name)


class Doorman(Actor):
    def greet(self, name: str) -> str:
        return f"good evening, {name}"


class Postman(Actor):
    def deliver_letters(self) -> None: ...


async def call(doorman: Ref[Doorman], postman: Ref[Postman]) -> None:
    await doorman.ask(Greet("Ada"))
    # error: reportArgumentType: "Greet" is not assignable to "Message[Postman, str]"
    await postman.ask(Greet("Ada"))
    # error: reportArgumentType: "Greet" is not assignable to "Message[Postman, Any]"
    postman.tell(Greet("Ada"))
    # error: reportArgumentType: "Postman" is incompatible with protocol "Greeting"
    await postman.send(Greet("Ada"))
    greeting: Ref[Greeting] = doorman
    # error: reportAssignmentType: "greet" is not present
    greeting = postman
    # error: reportAssignmentType: "Greeting" is not assignable to "Doorman"
    narrowed: Ref[Doorman] = greeting
    assert narrowed
