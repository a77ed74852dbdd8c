"""Programs of commands to twenty services, as data, and the model that says what must come of them."""

import enum
from collections.abc import Sequence
from typing import TypeAlias, assert_never

import attrs
from hypothesis import strategies as st

SERVICES = 20


class Sort(enum.Enum):
    """How a service of the fleet behaves; its number decides (see `sort_of`)."""

    STEADY = "steady"
    """One process that runs until it is stopped."""
    TREE = "tree"
    """Five processes, some in sessions of their own."""
    DEAF = "deaf"
    """Ignores TERM, and is killed after a short grace."""
    JOB = "job"
    """Ends by itself, as expected, and is not started again."""


PROCESSES: dict[Sort, int] = {Sort.STEADY: 1, Sort.TREE: 5, Sort.DEAF: 2, Sort.JOB: 0}
"""How many processes one has once it has come to rest, while it is up."""


def sort_of(number: int) -> Sort:
    """Of every ten services six are steady, two are trees, one is deaf and one a job."""
    match number % 10:
        case 7 | 8:
            return Sort.TREE
        case 6:
            return Sort.DEAF
        case 9:
            return Sort.JOB
        case _:
            return Sort.STEADY


@attrs.frozen
class Command:
    """`start`, `stop` or `restart` of one service."""

    action: str
    service: int


@attrs.frozen
class Kill:
    """SIGKILL to the main process of one service, if it has one."""

    service: int


@attrs.frozen
class KillAll:
    """SIGKILL to every process of one service at once, wherever they hid."""

    service: int


@attrs.frozen
class KillHolder:
    """SIGKILL to the process of ours that watches over one service."""

    service: int


@attrs.frozen
class KillKeeper:
    """SIGKILL to the process that owns them all."""


@attrs.frozen
class Change:
    """Another configuration for one service: of its process (a new one is needed) or only of how it is treated."""

    service: int
    process: bool


@attrs.frozen
class Remove:
    """One service is no longer configured."""

    service: int


@attrs.frozen
class Add:
    """One service is configured again, and starts by itself."""

    service: int


@attrs.frozen
class Reload:
    """The same configuration once more: nothing may happen."""


@attrs.frozen
class AtOnce:
    """Commands given at the same time, to different services or to the same one."""

    commands: tuple[Command, ...]


Step: TypeAlias = Command | Kill | KillAll | KillHolder | KillKeeper | Change | Remove | Add | Reload | AtOnce

_service = st.integers(0, SERVICES - 1)
_command = st.builds(Command, st.sampled_from(["start", "stop", "restart"]), _service)

steps: st.SearchStrategy[Step] = st.one_of(
    _command,
    _command,
    st.builds(Kill, _service),
    st.builds(KillAll, _service),
    st.builds(KillHolder, _service),
    st.builds(KillKeeper),
    st.builds(Change, _service, st.booleans()),
    st.builds(Remove, _service),
    st.builds(Add, _service),
    st.builds(Reload),
    st.builds(AtOnce, st.lists(_command, min_size=2, max_size=12).map(tuple)),
)

programs: st.SearchStrategy[list[Step]] = st.lists(steps, min_size=1, max_size=15)


@attrs.define
class Expected:
    """What must hold of one service once it has come to rest."""

    configured: bool = True
    up: bool = False
    """Wanted up. A job that is wanted up has run, and is no longer there."""
    either: bool = False
    """Commands that contradict each other were given at the same time: the last one to arrive decides."""
    version: int = 0
    """Of the configuration that its process must have."""
    restarted: bool = False
    """The last step must have given it a new process."""
    kept: bool = True
    """The last step must not have touched its process."""


@attrs.define
class Model:
    """What must hold of all services, step by step."""

    services: list[Expected] = attrs.field(factory=lambda: [Expected() for _ in range(SERVICES)])

    def apply(self, step: Step) -> None:
        """Take *step*."""
        for expected in self.services:
            expected.restarted, expected.kept, expected.either = False, True, False
        match step:
            case Command():
                self._command(step)
            case Kill() | KillAll() | KillHolder():
                self._touch(self.services[step.service])
            case KillKeeper():
                for expected in self.services:
                    self._touch(expected)
            case Change():
                self._change(self.services[step.service], step.process)
            case Remove():
                removed = self.services[step.service]
                removed.configured, removed.kept = False, False
            case Add():
                self._add(self.services[step.service])
            case Reload():
                pass
            case AtOnce():
                self._at_once(step.commands)
            case _:
                assert_never(step)

    def _command(self, command: Command) -> None:
        expected = self.services[command.service]
        if not expected.configured:
            return
        if command.action == "restart" and expected.up:
            self._touch(expected)
        if command.action == "stop":
            self._touch(expected)
        elif not expected.up:
            expected.kept = False  # it gets a process
        expected.up = command.action != "stop"

    def _touch(self, expected: Expected) -> None:
        """Its process, if it has one, is replaced by another one, or ends."""
        expected.kept = False
        expected.restarted = expected.configured and expected.up

    def _change(self, expected: Expected, process: bool) -> None:
        if not expected.configured:
            return
        if process:
            expected.version += 1
            self._touch(expected)

    def _add(self, expected: Expected) -> None:
        if not expected.configured:
            expected.configured, expected.up, expected.kept = True, True, False

    def _at_once(self, commands: Sequence[Command]) -> None:
        for command in commands:
            self._command(command)
        for number, expected in enumerate(self.services):
            own = [command.action for command in commands if command.service == number]
            if len(own) > 1:
                # Whichever came last counts, and whether a start came before or after a restart cannot be seen.
                expected.kept, expected.restarted = False, False
                expected.either = "stop" in own and own != ["stop"] * len(own)
