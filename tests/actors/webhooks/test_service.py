"""The service `webhook_system`: running, notices go out; stopped, they wait."""

from pathlib import Path

import trio

from actors import ServiceChanged, ServiceSettings, State, SystemSettings, open_system
from actors.services import Wanted
from actors.system import System
from actors.webhooks.messages import Notice, NoticesAdded, NoticeSent, put_notice
from hamster.defaults import contract_services
from tests.actors.services.yard import Story, Yard
from tests.actors.webhooks.receiver import PATIENCE, a_receiver


async def put(system: System, url: str, text: str) -> None:
    await system.store.write(lambda connection: put_notice(connection, Notice(text, url, "generic", message=text)))
    system.bus.publish(NoticesAdded())


def webhooks(*, autostart: bool) -> ServiceSettings:
    return ServiceSettings(id="webhook_system", kind="webhooks", autostart=autostart)


async def test_the_parts_of_the_system_itself_start_by_themselves_in_the_default_configuration() -> None:
    assert [service.id for service in contract_services() if service.autostart] == ["deployment", "webhook_system"]


async def test_without_such_a_service_notices_go_out(yard: Yard) -> None:
    async with a_receiver() as receiver, open_system(yard.settings()) as system:
        with system.bus.subscribe(NoticeSent) as sent, trio.fail_after(PATIENCE):
            await put(system, receiver.url(), "one")
            await sent.receive()


async def test_stopped_it_queues_and_started_it_sends(yard: Yard) -> None:
    async with a_receiver() as receiver, open_system(yard.settings(webhooks(autostart=False))) as system:
        assert system.services.view("webhook_system").available
        story, sent = Story.of(system.bus), system.bus.subscribe(NoticeSent)
        await put(system, receiver.url(), "one")
        with trio.move_on_after(0.1):
            await sent.receive()
        assert receiver.arrived == []
        accepted = await system.services.start("webhook_system")
        assert (accepted.changed, accepted.view.state, accepted.view.wanted) == (True, State.RUNNING, Wanted.UP)
        assert accepted.view.running_since is not None
        assert not (await system.services.start("webhook_system")).changed
        with trio.fail_after(PATIENCE):
            await sent.receive()
        accepted = await system.services.stop("webhook_system")
        assert (accepted.changed, accepted.view.state, accepted.view.wanted) == (True, State.STOPPED, Wanted.DOWN)
        assert accepted.view.running_since is None
        await put(system, receiver.url(), "two")
        with trio.move_on_after(0.1):
            await sent.receive()
        assert [arrival.text for arrival in receiver.arrived] == ["one"]
        assert story.so_far() == ["started", "stopped"]


async def test_when_everything_stops_it_is_stopped_and_last_words_still_go_out(yard: Yard) -> None:
    async with a_receiver() as receiver, open_system(yard.settings(webhooks(autostart=True))) as system:
        await system.services.wait_for("webhook_system", State.RUNNING)
        with system.bus.subscribe(ServiceChanged) as changes:
            await system.stop_services()
            changed = await changes.receive()
            assert isinstance(changed, ServiceChanged)
            assert (changed.new.state, changed.new.wanted) == (State.STOPPED, Wanted.UP)
        with system.bus.subscribe(NoticeSent) as sent, trio.fail_after(PATIENCE):
            await put(system, receiver.url(), "goodbye")
            await sent.receive()


async def test_the_tables_are_part_of_every_system(tmp_path: Path) -> None:
    async with open_system(SystemSettings(data_dir=tmp_path)) as system:
        query = "SELECT id FROM webhook_templates"
        found = await system.store.read(lambda connection: connection.execute(query).fetchall())
        assert {("posco_news_alert",), ("system_error_alert",), ("deployment_success",)} <= set(found)
