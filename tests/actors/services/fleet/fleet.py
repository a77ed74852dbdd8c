"""The fleet in reality: its settings, the steps carried out on it, and what is found in the process table."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import assert_never

import attrs
import trio

from actors import ServiceNotFound, ServiceSettings, State, System
from actors.services import Wanted
from tests.actors.metrics.children import until
from tests.actors.services.fleet.plan import (
    PROCESSES,
    SERVICES,
    Add,
    AtOnce,
    Change,
    Command,
    Expected,
    Kill,
    KillAll,
    KillHolder,
    KillKeeper,
    Model,
    Reload,
    Remove,
    Sort,
    Step,
    sort_of,
)
from tests.actors.services.yard import DEAF, SLEEP, TREE, Yard, kill_all, parent_of

SCRIPTS = {
    Sort.STEADY: SLEEP,
    Sort.TREE: ("sh", "-c", TREE),
    Sort.DEAF: ("sh", "-c", DEAF),
    Sort.JOB: ("true",),
}
REST = {State.RUNNING, State.STOPPED, State.EXITED, State.FATAL}


def name(number: int) -> str:
    return f"s{number:02}"


@attrs.define
class Version:
    """How a service is configured now: which process it needs, and how it is treated."""

    process: int = 0
    treatment: int = 0


@attrs.define
class Fleet:
    """Twenty services in one system, and the model beside them."""

    yard: Yard
    system: System
    model: Model = attrs.field(factory=Model)
    versions: list[Version] = attrs.field(factory=lambda: [Version() for _ in range(SERVICES)])
    before: dict[int, frozenset[int]] = attrs.field(factory=dict[int, frozenset[int]])

    async def begin(self) -> None:
        """Configure all of them, which starts them, and wait until they run."""
        for expected in self.model.services:
            expected.up, expected.kept = True, False
        await self._reload()
        await self._rest()
        self.check(Reload())

    async def take(self, step: Step) -> None:
        """Carry *step* out, wait until everything has come to rest, and check that it is as the model says."""
        self.before = {number: frozenset(pids) for number, pids in self._found().items()}
        self.model.apply(step)
        await self._carry_out(step)
        await self._rest()
        self.check(step)

    def check(self, step: Step) -> None:
        """Exactly the wanted processes live, none twice, none orphaned, each of the configuration it must have."""
        found = self._found()
        for number, expected in enumerate(self.model.services):
            pids = found.pop(number, [])
            where = f"{name(number)} ({sort_of(number).value}) after {step}: {pids}"
            assert self._as_expected(number, expected, pids), where
            for pid in pids:
                assert self._belongs_to_the_keeper(pid), f"{where}: {pid} is an orphan"
                assert f"VERSION={expected.version}" in _environment(pid), f"{where}: {pid} has another configuration"
            main = self._main(number)
            if expected.restarted and main is not None:
                assert main not in self.before.get(number, frozenset()), f"{where}: it was not replaced"
            if expected.kept:
                assert frozenset(pids) == self.before.get(number, frozenset()), f"{where}: it was touched"
        assert found == {}

    # -- steps

    async def _carry_out(self, step: Step) -> None:
        match step:
            case Command():
                await self._command(step)
            case AtOnce():
                async with trio.open_nursery() as nursery:
                    for command in step.commands:
                        nursery.start_soon(self._command, command)
            case Kill() | KillAll() | KillHolder() | KillKeeper():
                kill_all(self._victims(step))
            case Change() | Remove() | Add() | Reload():
                if isinstance(step, Change):
                    self._change(step)
                await self._reload()
            case _:
                assert_never(step)

    def _victims(self, step: Kill | KillAll | KillHolder | KillKeeper) -> Sequence[int]:
        if isinstance(step, KillKeeper):
            pid = self.system._keeper.pid  # pyright: ignore[reportPrivateUsage] - nobody else may know it
            return [] if pid is None else [pid]
        if isinstance(step, KillAll):
            return self._found().get(step.service, [])
        main = self._main(step.service)
        if main is None:
            return []
        if isinstance(step, Kill):
            return [main]
        with suppress(OSError):
            return [parent_of(main)]
        return []

    def _change(self, step: Change) -> None:
        version = self.versions[step.service]
        if step.process:
            version.process = self.model.services[step.service].version
        else:
            version.treatment += 1

    async def _command(self, command: Command) -> None:
        services = self.system.services
        actions = {"start": services.start, "stop": services.stop, "restart": services.restart}
        try:
            await actions[command.action](name(command.service))
        except ServiceNotFound:
            assert not self.model.services[command.service].configured

    async def _reload(self) -> None:
        await self.system.services.reconfigure(self.settings())

    def settings(self) -> Sequence[ServiceSettings]:
        """The configuration as the model has it."""
        return [self.service(n) for n, expected in enumerate(self.model.services) if expected.configured]

    def service(self, number: int) -> ServiceSettings:
        version, sort = self.versions[number], sort_of(number)
        return self.yard.service(
            name(number),
            *SCRIPTS[sort],
            autostart=True,
            restart="never" if sort is Sort.JOB else "always",
            start_seconds=0.02,
            stop_grace=(0.2 if sort is Sort.DEAF else 5.0) + version.treatment,
            backoff_initial=0.01,
            backoff_max=0.02,
            fatal_failures=10_000,
            env={"HAMSTER_MARK": self.yard.mark, "VERSION": str(version.process)},
        )

    # -- what there is

    async def _rest(self) -> None:
        """Wait until nothing is on its way any more, by what the system itself says and by the process table."""
        with trio.move_on_after(15):  # what is not at rest by then is said by the check
            await until(self._rests)

    def _rests(self) -> bool:
        board = self.system.services.board.value
        if any(view.state not in REST for view in board.values()):
            return False
        found = self._found()
        return all(self._as_expected(n, e, found.get(n, [])) for n, e in enumerate(self.model.services)) and all(
            self._caught_up(n, e) for n, e in enumerate(self.model.services)
        )

    def _caught_up(self, number: int, expected: Expected) -> bool:
        """Whether the last step is done with its process: a killed one is still shown as running for a moment."""
        main = self._main(number)
        return not expected.restarted or main is None or main not in self.before.get(number, frozenset())

    def _as_expected(self, number: int, expected: Expected, pids: Sequence[int]) -> bool:
        board = self.system.services.board.value
        if not expected.configured:
            return name(number) not in board and not pids
        view = board[name(number)]
        if expected.either:
            # The order in which they arrived decides, and the system knows it: it must be true to its own word.
            expected.up = view.wanted is Wanted.UP
        whole = PROCESSES[sort_of(number)] if expected.up else 0
        if view.wanted is not (Wanted.UP if expected.up else Wanted.DOWN):
            return False
        if sort_of(number) is Sort.JOB and expected.up:
            return view.state is State.EXITED and not pids
        return len(pids) == whole and view.state is (State.RUNNING if expected.up else State.STOPPED)

    def _main(self, number: int) -> int | None:
        view = self.system.services.board.value.get(name(number))
        return None if view is None else view.pid

    def _found(self) -> dict[int, list[int]]:
        """The living processes of this fleet, by service."""
        found: dict[int, list[int]] = {}
        for pid in self.yard.processes():
            for variable in _environment(pid):
                if variable.startswith("HAMSTER_SERVICE="):
                    found.setdefault(int(variable.removeprefix("HAMSTER_SERVICE=s")), []).append(pid)
        return found

    def _belongs_to_the_keeper(self, pid: int) -> bool:
        keeper = self.system._keeper.pid  # pyright: ignore[reportPrivateUsage] - nobody else may know it
        with suppress(OSError):
            while pid > 1:
                if pid == keeper:
                    return True
                pid = parent_of(pid)
        return False


def _environment(pid: int) -> list[str]:
    try:
        return (Path("/proc") / str(pid) / "environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []
