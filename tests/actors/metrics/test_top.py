"""The processes that use most: measured over a moment, cached for as long as a sample is fresh."""

import attrs

from actors.metrics.top import MAX_ROWS, OLD_S, WINDOW_S, Top
from actors.metrics.usage import ProcessRow
from tests.actors.metrics.test_sampler import Clock


def row(pid: int, cpu: float, memory: int = 0, parent: int = 1) -> ProcessRow:
    return ProcessRow(
        pid=2**22 + pid, parent=2**22 + parent, session=0, started=1.0, own_cpu=cpu, reaped_cpu=0.0, memory_bytes=memory
    )


@attrs.define
class Looks:
    """A process table that is another one at each look, and a clock that its sleep moves."""

    tables: list[list[ProcessRow]]
    clock: Clock = attrs.field(factory=Clock)
    looks: int = 0
    slept: float = 0.0

    def table(self) -> list[ProcessRow]:
        self.looks += 1
        return self.tables[min(self.looks, len(self.tables)) - 1]

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.clock.now += seconds

    def top(self) -> Top:
        return Top(table=self.table, clock=self.clock, sleep=self.sleep)


def test_the_first_look_measures_for_a_moment() -> None:
    looks = Looks([[row(5, 10.0), row(6, 3.0, 50)], [row(5, 10.0 + WINDOW_S / 2), row(6, 3.0, 50)]])
    found = looks.top().biggest({}, sort="cpu", limit=10, fresh_for=2.0)
    assert [(view.pid - 2**22, view.cpu_percent) for view in found] == [(5, 50.0), (6, 0.0)]
    assert looks.slept == WINDOW_S


def test_within_a_sampling_interval_nobody_looks_again() -> None:
    looks = Looks([[row(5, 0.0, 10), row(6, 0.0, 50)]])
    top = looks.top()
    top.biggest({}, sort="cpu", limit=10, fresh_for=2.0)
    seen = looks.looks
    looks.clock.now += 1.9
    found = top.biggest({}, sort="memory", limit=1, fresh_for=2.0)
    assert (looks.looks, [view.memory_bytes for view in found]) == (seen, [50])
    looks.clock.now += 1.0
    top.biggest({}, sort="cpu", limit=10, fresh_for=2.0)
    assert (looks.looks, looks.slept) == (seen + 1, WINDOW_S), "it compares with the look before, without waiting"


def test_after_long_it_measures_anew() -> None:
    looks = Looks([[row(5, 0.0)]])
    top = looks.top()
    top.biggest({}, sort="cpu", limit=10, fresh_for=2.0)
    looks.clock.now += OLD_S + 1
    top.biggest({}, sort="cpu", limit=10, fresh_for=2.0)
    assert looks.slept == 2 * WINDOW_S


def test_processes_of_a_service_and_all_it_started_are_said_to_be_its_own() -> None:
    looks = Looks([[row(5, 0.0), row(6, 0.0, parent=5), row(7, 0.0, parent=6), row(8, 0.0)]])
    found = looks.top().biggest({"web": 2**22 + 5}, sort="cpu", limit=MAX_ROWS, fresh_for=2.0)
    assert {view.pid - 2**22: view.service_id for view in found} == {5: "web", 6: "web", 7: "web", 8: None}
    assert {view.name for view in found} == {"?"}, "they have ended meanwhile, and are listed all the same"
