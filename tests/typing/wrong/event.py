"""An event, a cell's value or a spec that is taken for another one."""

from actors.runtime import ActorEnded, ActorStarted, Bus, Cell, ChildSpec, RestartIntensity


async def listen(bus: Bus) -> None:
    with bus.subscribe(ActorStarted, ActorEnded) as events:
        event = await events.receive()
        # error: reportUnknownMemberType: Type of "path" is partially unknown
        # error: reportAttributeAccessIssue: Cannot access attribute "path" for class "Lagged"
        assert event.path
        # error: reportAssignmentType: "ActorEnded" is not assignable to "ActorStarted"
        started: ActorStarted = await events.receive()
        assert started


def keep(cell: Cell[int]) -> None:
    # error: reportArgumentType: "Literal['one']" is not assignable to "int"
    cell.set("one")
    # error: reportAttributeAccessIssue: Cannot assign to attribute "value" for class "Cell[int]"
    cell.value = 1


# error: reportInvalidTypeArguments: "int" is not assignable to "Actor"
def describe(spec: ChildSpec[int]) -> None:
    # error: reportAttributeAccessIssue: Attribute "name" is read-only
    spec.name = "another"
    # error: reportArgumentType: "Literal['five']" is not assignable to "int"
    RestartIntensity(restarts="five")
