"""The whole backend for the time of a block."""

from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from random import Random

import attrs
import trio

from actors.alerts.actor import Alerts
from actors.alerts.actor import load as load_alerts
from actors.alerts.actor import new_record as new_alerts
from actors.alerts.sentences import Sentences, english
from actors.alerts.tables import MIGRATIONS as ALERT_TABLES
from actors.deploy import rows as deployments
from actors.deploy.deploy import Deployments
from actors.deploying import open_deployments
from actors.domains import (
    Metrics,
    outside_logs,
    read_added,
    start_alerts,
    start_history,
    start_logs,
    start_metrics,
    start_services,
    start_webhooks,
    watch_logs,
)
from actors.logs.logs import Logs
from actors.logs.retention import MIGRATIONS as RETENTION_TABLE
from actors.logs.retention import Retention
from actors.metrics import parts, tiers
from actors.metrics.actor import MetricsRecord, watch_by
from actors.metrics.rules import rules_of
from actors.runtime import (
    Bus,
    Cell,
    MessageTraced,
    RestartIntensity,
    Subscription,
    Supervisor,
    TreeNode,
    open_supervisor,
)
from actors.runtime.groups import unwrapping
from actors.services import added, history_rows, schedule_times
from actors.services.directory import Services
from actors.services.history import History
from actors.services.keeper import Keeper, open_keeper
from actors.services.monitors import Surroundings
from actors.services.monitors.feed import table as feeds
from actors.services.monitors.report import table as reports
from actors.services.monitors.zones import calendar_zone
from actors.services.news import News
from actors.services.probing.guarding import guarded_by
from actors.services.schedule import WallClock, utc_now
from actors.services.schedule_times import Timetable, load_times
from actors.settings import (
    SystemSettings,
)
from actors.store import Migrations, Store, open_store
from actors.webhooks import messages as webhooks
from actors.webhooks.webhooks import Webhooks

DEFAULT_TRACE = 10_000
"""Records that a reader of a trace may be behind."""

ROOT_INTENSITY = RestartIntensity(restarts=20, period=60.0)
"""Never reached: of the domains only that of the services is started again, and `SERVICES_BACKOFF` allows fewer."""

MIGRATIONS: tuple[Migrations, ...] = (
    webhooks.MIGRATIONS,
    added.MIGRATIONS,
    history_rows.MIGRATIONS,
    tiers.MIGRATIONS,
    parts.MIGRATIONS,
    ALERT_TABLES,
    schedule_times.MIGRATIONS,
    feeds.MIGRATIONS,
    reports.MIGRATIONS,
    RETENTION_TABLE,
    deployments.MIGRATIONS,
)
"""The tables of every domain."""


class System:
    """A running backend: refs to ask and tell, cells to look at and follow, and the bus with every event."""

    def __init__(
        self,
        settings: SystemSettings,
        bus: Bus,
        root: Supervisor,
        keeper: Keeper,
        store: Store,
        services: Services,
        metrics: Metrics,
        alerts: Alerts,
        history: History,
        logs: Logs,
        retention: Retention,
        webhooks: Webhooks,
        deployments: Deployments,
        watched: MetricsRecord,
    ) -> None:
        self.settings = settings
        self.bus = bus
        self.store = store
        self.services = services
        self.metrics = metrics
        self.alerts = alerts
        self.history = history
        self.logs = logs
        self.retention = retention
        self.webhooks = webhooks
        self.deployments = deployments
        self.news = News(services, store)
        self._watched = watched
        self._root = root
        self._keeper = keeper
        self._stopping = False

    def configure(self, settings: SystemSettings) -> None:
        """Go by these settings from now on, without a restart of anything; services and the zone stay what they are."""
        self.alerts.configure(settings.alerts)
        watch_by(self._watched, rules_of(settings.alerts.rules))
        self.metrics.configure(settings.metrics)
        self.logs.configure(outside_logs(settings.logs), settings.logs.alerts)
        self.retention.configure(settings.logs.retention)
        self.webhooks.configure(settings.webhooks)
        self.deployments.configure(settings.posco)

    def tree(self) -> TreeNode:
        """Every supervisor and actor with its state and statistics, as of now."""
        return self._root.tree()

    def trace(self, *, capacity: int = DEFAULT_TRACE) -> AbstractContextManager[Subscription[MessageTraced]]:
        """A record of every message that any actor handles while the block runs."""
        return self._root.trace(capacity=capacity)

    @property
    def stopping(self) -> bool:
        """Whether services are being stopped because the system ends."""
        return self._stopping

    async def stop_services(self) -> None:
        """Stop all services in parallel, for good: at most the longest grace and some seconds.

        Leaving the block does it too; who has last words to say does it before. Metrics, events and questions go on.
        """
        self._stopping = True
        self.alerts.hold()
        await self.services.shut_down()

    def kill_services(self) -> None:
        """Kill everything that services run, at once. What is wanted is started again: stop the services first."""
        for run in tuple(self._keeper.runs.values()):
            run.kill()


@asynccontextmanager
async def open_system(
    settings: SystemSettings,
    *,
    random: Random | None = None,
    clock: WallClock = utc_now,
    sentences: Sentences = english,
    open_files: int | None = None,
) -> AsyncGenerator[System, None]:
    """A backend made of *settings*; leaving the block stops everything, in order, within a bound.

    Services are stopped in parallel within the longest of their graces, then the actors in reverse order, and last
    the keeper, with whatever might be left. That holds too when the block is left by an exception, which passes as
    it is, or by a cancellation. It installs no signal handlers, and several can be open at a time, each with its
    own data directory.

    Args:
        settings: What to run.
        random: For the jitter of delays; a seeded one makes them repeatable.
        clock: The time of day, by which schedules go.
        sentences: What people read of alerts in webhooks.
        open_files: Soft limit of open files that services get; None: ours.

    Raises:
        OSError: The data directory cannot be made.
        NewerSchema: A later version wrote the database.
    """
    await trio.to_thread.run_sync(_make_directories, settings.logs_dir)
    life = _Life()
    with unwrapping():
        async with trio.open_nursery() as nursery:
            # Not `nursery.start`: cancelled, it would leave a shielded task behind that nobody can reach any more.
            chance = random or Random()  # noqa: S311 - no secret
            nursery.start_soon(_live, life, settings, chance, clock, sentences, open_files, name="system")
            try:
                await life.open.wait()
                yield life.system
            finally:
                if life.open.is_set():
                    with trio.CancelScope(shield=True):  # bounded by the longest grace of a service
                        await life.system.stop_services()
                life.leave.set()


@attrs.define(eq=False)
class _Life:
    """Between the block of `open_system` and the task in which everything lives."""

    open: trio.Event = attrs.field(factory=trio.Event)
    leave: trio.Event = attrs.field(factory=trio.Event)
    made: System | None = None

    @property
    def system(self) -> System:
        assert self.made is not None  # noqa: S101 - set before `open` is
        return self.made


async def _live(
    life: _Life,
    settings: SystemSettings,
    random: Random,
    clock: WallClock,
    sentences: Sentences,
    open_files: int | None,
) -> None:
    """The resources and the tree of actors until the block is left.

    Shielded: a cancellation is for whoever uses the system. Were the actors cancelled together with the block, nobody
    would be there to stop the services properly. Opening waits for nothing but the start of our own actors, and
    leaving has deadlines of its own.
    """
    bus = Bus()
    with trio.CancelScope(shield=True):
        async with (
            open_store(settings.database, bus, MIGRATIONS) as store,
            open_keeper(open_files=open_files) as keeper,
            guarded_by(keeper),
            open_supervisor("system", intensity=ROOT_INTENSITY, bus=bus, random=random) as root,
        ):
            sending, deploying = Cell(True), Cell(True)
            added_services = added.fitting(settings.services, await read_added(store))
            parts = {"webhooks": sending, "deployment": deploying}
            services = Services((*settings.services, *added_services), bus, store, parts)
            history = History(store, bus, services.board)
            sent = await start_webhooks(root, settings, store, bus, sending, random, sentences)
            await start_history(root, history)
            logs, logs_domain = await start_logs(root, settings, services)
            kept = await load_alerts(store)
            record = new_alerts(settings.alerts, bus, kept, zone=settings.tzinfo, find=services.settings_of)
            alerts = await start_alerts(root, settings, record, services, store, bus, sentences)
            retention = await watch_logs(logs_domain, settings, logs, store, bus, alerts)
            metrics, watched = await start_metrics(root, settings, services, store, bus, record.active("metrics"))
            site = await open_deployments(root, settings.posco, store, bus, deploying, settings.logs_dir)
            timetable = Timetable(settings.zone, await load_times(store), clock)
            surroundings = Surroundings(random, store, calendar_zone(settings.zone), (str(settings.data_dir),))
            await start_services(root, settings, services, history, keeper, random, timetable, surroundings)
            life.made = System(
                settings,
                bus,
                root,
                keeper,
                store,
                services,
                metrics,
                alerts,
                history,
                logs,
                retention,
                sent,
                site,
                watched,
            )
            life.open.set()
            await life.leave.wait()
            history.end()  # the services are stopped; nothing more happens to them


def _make_directories(logs: Path) -> None:
    logs.mkdir(mode=0o700, parents=True, exist_ok=True)
