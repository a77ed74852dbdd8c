"""Services in the contract's JSON, and commands to them; over real sockets they are in `end_to_end`."""

from collections.abc import Mapping

import attrs
import msgspec
import pytest
import trio

from actors import ServiceSettings, State
from actors.metrics.messages import Readings
from actors.metrics.usage import Usage
from actors.services import Accepted, Failure, Services, Wanted
from actors.settings import HttpOptions
from hamster.http.problems import HttpProblem
from hamster.http.service_models import STATUS, service_model
from hamster.http.services import IN_PROGRESS, UNCHANGED, Action, Command, reach, run_batch, sentence
from hamster.http.times import stamper
from tests.hamster.http.showcase import SEOUL, process, shown, view
from tests.hamster.http.test_times import NOON

ONE = process("one", "serve", "--token", "hunter2", env={"PLAIN": "hunter2"})
STAMP = stamper(SEOUL)
CONTRACT = ["id", "name", "description", "status", "uptime", "last_error", "config"]


def model(readings: Readings | None = None, **values: object) -> dict[str, object]:
    """One service as it is sent."""
    encoded = msgspec.json.encode(service_model(view(ONE, **values), readings or Readings(), STAMP))
    assert b"hunter2" not in encoded
    return msgspec.json.decode(encoded, type=dict[str, object])


async def test_the_contracts_keys_come_first_and_in_its_order() -> None:
    assert list(model())[:7] == CONTRACT


@pytest.mark.parametrize("state", list(State))
async def test_every_state_has_a_status_of_the_contract(state: State) -> None:
    found = model(state=state, pid=7, running_since_clock=trio.current_time() - 5.0)
    assert found["status"] == STATUS[state]
    assert STATUS[state] in {"running", "stopped", "error", "starting", "stopping"}
    assert found["state"] == state.value
    assert found["uptime"] == (5 if state is State.RUNNING else None)


async def test_no_secret_of_command_environment_or_failure_is_shown() -> None:
    failure = Failure("spawn", "cannot start with token=hunter2", NOON)
    found = model(last_failure=failure, state=State.FATAL)
    assert found["last_error"] == "cannot start with token=***"
    config = found["config"]
    assert isinstance(config, dict)
    assert config["command"] == ["serve", "--token", "***"]
    assert config["env"] == {"PLAIN": "***"}
    assert (config["stop_grace"], config["autostart"]) == (10.0, True)


async def test_options_of_other_kinds_are_shown_without_their_secrets() -> None:
    options = HttpOptions(url="https://h/?token=hunter2", headers={"X-Api-Key": "hunter2"})
    settings = ServiceSettings(id="site", kind="http", autostart=False, monitor=options)
    found = service_model(view(settings), Readings(), STAMP)
    assert found.config["url"] == "https://h/?token=***"
    assert found.config["headers"] == {"X-Api-Key": "***"}


async def test_usage_is_that_of_the_process_that_runs() -> None:
    readings = Readings(usage={"one": Usage(12.34, 4096, 1)})
    assert (model(readings, pid=7)["cpu_percent"], model(readings, pid=7)["memory_bytes"]) == (12.3, 4096)
    assert (model(readings)["cpu_percent"], model(readings)["memory_bytes"]) == (None, None)
    fresh = Readings(usage={"one": Usage(None, 4096, 1)})
    assert model(fresh, pid=7)["cpu_percent"] is None


async def test_when_it_starts_again_is_a_timestamp() -> None:
    assert model(next_restart_at=NOON)["next_restart_at"] == "2024-01-01T21:00:00.000+09:00"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("start", "서비스 'posco_news' 시작 중..."),
        ("stop", "서비스 'posco_news' 중지 중..."),
        ("restart", "서비스 'posco_news' 재시작 중..."),
    ],
)
def test_a_command_is_answered_in_the_contracts_words(command: Command, message: str) -> None:
    assert sentence(command, "posco_news", Accepted(view(ONE), changed=True)) == message


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("command", list(IN_PROGRESS))
def test_a_command_that_changed_nothing_says_so_where_it_can(command: Command, state: State) -> None:
    said = sentence(command, "one", Accepted(view(ONE, state=state), changed=False))
    assert ("이미" in said) == ((command, state) in UNCHANGED)


@attrs.define
class Moving:
    """Services of which one is moved from state to state."""

    services: Services

    def to(self, **values: object) -> None:
        """The service is there now."""
        writer = self.services._roster.writer  # pyright: ignore[reportPrivateUsage] - in the place of the actors
        writer.put(attrs.evolve(self.services.view("one"), **values))


@pytest.fixture
def moving() -> Moving:
    return Moving(shown(ONE).services)


@pytest.mark.parametrize(
    ("command", "states", "reached"),
    [
        ("start", [State.STARTING, State.RUNNING], True),
        ("restart", [State.STOPPING, State.STARTING, State.RUNNING], True),
        ("stop", [State.STOPPING, State.STOPPED], True),
        ("start", [State.STARTING, State.EXITED], True),
        ("start", [State.STARTING, State.BACKOFF, State.FATAL], False),
        ("stop", [State.STOPPING], False),
    ],
)
async def test_waiting_ends_with_the_goal_or_says_where_it_stands(
    moving: Moving, command: Command, states: list[State], reached: bool
) -> None:
    async def move() -> None:
        for state in states[1:]:
            await trio.lowlevel.checkpoint()
            moving.to(state=state)

    moving.to(state=states[0])
    problem: HttpProblem | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(move)
        try:
            await reach(moving.services, command, "one", 0.2)
        except HttpProblem as raised:
            problem = raised
    assert (problem is None) == reached
    if problem is not None:
        assert problem.status == 409
        assert f"(현재: {states[-1].value})" in problem.detail


async def test_a_job_that_failed_was_not_started(moving: Moving) -> None:
    moving.to(state=State.EXITED, last_failure=Failure("exit", "exit code 3", NOON, exit_code=3))
    with pytest.raises(HttpProblem) as refused:
        await reach(moving.services, "start", "one", 0.2)
    assert refused.value.status == 409


async def test_a_batch_keeps_the_order_of_its_actions_and_of_the_services_within(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    services = shown(process("b"), process("a"), process("c")).services
    given: list[str] = []
    others = trio.Event()

    def taking(name: str) -> object:
        async def take(service_id: str) -> Accepted:
            if service_id == "b":
                await others.wait()  # for ever, if the services waited for each other
            await trio.lowlevel.checkpoint()
            given.append(f"{name} {service_id}")
            if len(given) == 3:
                others.set()
            return Accepted(view(ONE, wanted=Wanted.UP), changed=True)

        return take

    refs = services._roster.refs  # pyright: ignore[reportPrivateUsage] - in the place of the actors
    refs.update(dict.fromkeys(services.board.value))  # pyright: ignore[reportArgumentType, reportCallIssue] - never used
    for name in ("start", "stop"):
        monkeypatch.setattr(services, name, taking(name))
    with trio.fail_after(10):
        results = await run_batch(services, [Action("stop", "*"), Action("start", "no"), Action("start", "a")])
    assert [result.service_id for result in results] == ["b", "a", "c", "no", "a"]
    assert [result.success for result in results] == [True, True, True, False, True]
    assert given.index("stop a") < given.index("start a")


def test_the_messages_of_the_contract_have_every_command() -> None:
    commands: Mapping[Command, str] = IN_PROGRESS
    assert set(commands) == {"start", "stop", "restart"}
