"""The whole backend for the time of a block."""

import logging
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from random import Random

import attrs
import trio

from actors.alerts.actor import Alerts, AlertsActor, AlertsRecord
from actors.alerts.actor import load as load_alerts
from actors.alerts.actor import new_record as new_alerts
from actors.alerts.messages import AlertChanged
from actors.alerts.sentences import Sentences, english
from actors.alerts.tables import MIGRATIONS as ALERT_TABLES
from actors.deploy import rows as deployments
from actors.deploy.deploy import Deployments
from actors.deploy.messages import DeploymentChanged
from actors.deploying import open_deployments
from actors.logs.alerting import LogAlertsActor
from actors.logs.files.catalogue import Catalogue
from actors.logs.known import KnownLog
from actors.logs.logs import LOG_INDEX, Logs, open_logs
from actors.logs.records import Origin
from actors.logs.retention import MIGRATIONS as RETENTION_TABLE
from actors.logs.retention import CleanerActor, Retention
from actors.metrics import parts, tiers
from actors.metrics.actor import MetricsActor, MetricsRecord, new_record, watch_by
from actors.metrics.charts import Charts
from actors.metrics.messages import ConfigureMetrics, MetricsQuestions, Readings
from actors.metrics.rules import rules_of
from actors.metrics.top import Processes
from actors.runtime import (
    Backoff,
    Bus,
    Cell,
    ChildSpec,
    MessageTraced,
    Ref,
    Restart,
    RestartIntensity,
    Subscription,
    Supervisor,
    SupervisorSpec,
    TreeNode,
    open_supervisor,
)
from actors.runtime.groups import unwrapping
from actors.services import added, history_rows, schedule_times
from actors.services.directory import Services
from actors.services.history import History, open_history
from actors.services.keeper import Keeper, open_keeper
from actors.services.messages import ServiceEvent
from actors.services.monitors import Surroundings
from actors.services.monitors.feed import table as feeds
from actors.services.monitors.feed.messages import NewsPublished, NewsSummed
from actors.services.monitors.report import table as reports
from actors.services.monitors.zones import calendar_zone
from actors.services.news import News
from actors.services.probing.guarding import guarded_by
from actors.services.schedule import WallClock, utc_now
from actors.services.schedule_times import Timetable, load_times
from actors.settings import (
    LogsSettings,
    MetricsSettings,
    ServiceSettings,
    SystemSettings,
)
from actors.store import Migrations, Store, StoreError, open_store
from actors.webhooks import messages as webhooks
from actors.webhooks.outbox import Outbox, open_outbox
from actors.webhooks.router import Routing, open_router
from actors.webhooks.webhooks import Webhooks

log = logging.getLogger("actors.system")

DEFAULT_TRACE = 10_000
"""Records that a reader of a trace may be behind."""

ROOT_INTENSITY = RestartIntensity(restarts=20, period=60.0)
"""Never reached: of the domains only that of the services is started again, and `SERVICES_BACKOFF` allows fewer."""

EVENTS = 10_000
"""That may wait to be told to receivers."""
ADDED_SECONDS = 2.0
"""How long the start waits for the services that were added over the API."""

DOMAIN_INTENSITY = RestartIntensity(restarts=20, period=60.0)
"""A domain gives up after this many crashes; the backoff of a single actor hardly allows so many."""

SERVICES = 100
"""So many services are reckoned with at least: they may become more while it runs."""

SERVICES_BACKOFF = Backoff(initial=5.0, maximum=60.0, at_once=0, reset_after=600.0)
"""Before the domain of the services is started again that gave up: too seldom to wear out the root's intensity."""


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


@attrs.frozen
class Metrics:
    """The machine's figures."""

    readings: Cell[Readings]
    """The newest, always there."""
    ref: Ref[MetricsQuestions]
    """For `GetHistory`, `GetChart`, `ClearHistory` and `GetStability`."""
    charts: Charts
    """Charts of any time, also of what is no longer in memory."""
    processes: Processes
    """The processes that use most."""

    def configure(self, settings: MetricsSettings) -> None:
        """Sample by these settings from now on."""
        self.ref.tell(ConfigureMetrics(settings))
        self.charts.configure(settings)
        self.processes.configure(settings.interval)


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
            nursery.start_soon(_live, life, settings, chance, clock, sentences, name="system")
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


async def _live(life: _Life, settings: SystemSettings, random: Random, clock: WallClock, sentences: Sentences) -> None:
    """The resources and the tree of actors until the block is left.

    Shielded: a cancellation is for whoever uses the system. Were the actors cancelled together with the block, nobody
    would be there to stop the services properly. Opening waits for nothing but the start of our own actors, and
    leaving has deadlines of its own.
    """
    bus = Bus()
    with trio.CancelScope(shield=True):
        async with (
            open_store(settings.database, bus, MIGRATIONS) as store,
            open_keeper() as keeper,
            guarded_by(keeper),
            open_supervisor("system", intensity=ROOT_INTENSITY, bus=bus, random=random) as root,
        ):
            sending, deploying = Cell(True), Cell(True)
            added_services = added.fitting(settings.services, await _read_added(store))
            parts = {"webhooks": sending, "deployment": deploying}
            services = Services((*settings.services, *added_services), bus, store, parts)
            history = History(store, bus, services.board)
            sent = await _open_webhooks(root, settings, store, bus, sending, random, sentences)
            await _open_history(root, history)
            logs, logs_domain = await _open_logs(root, settings, services)
            kept = await load_alerts(store)
            record = new_alerts(settings.alerts, bus, kept, zone=settings.tzinfo, find=services.settings_of)
            alerts = await _open_alerts(root, settings, record, services, store, bus, sentences)
            retention = await _watch_logs(logs_domain, settings, logs, store, bus, alerts)
            metrics, watched = await _open_metrics(root, settings, services, store, bus, record.active("metrics"))
            site = await open_deployments(root, settings.posco, store, bus, deploying, settings.logs_dir)
            timetable = Timetable(settings.zone, await load_times(store), clock)
            surroundings = Surroundings(random, store, calendar_zone(settings.zone), (str(settings.data_dir),))
            await _open_services(root, settings, services, history, keeper, random, timetable, surroundings)
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


async def _open_webhooks(
    root: Supervisor,
    settings: SystemSettings,
    store: Store,
    bus: Bus,
    sending: Cell[bool],
    random: Random,
    sentences: Sentences,
) -> Webhooks:
    # The first to start and the last to stop: what the others have to say goes out. Never down for good, either.
    spec = SupervisorSpec("webhooks", intensity=DOMAIN_INTENSITY, backoff=SERVICES_BACKOFF)
    outbox = Outbox(store, bus, sending, random, await root.start_supervisor(spec))
    told = bus.subscribe(ServiceEvent, AlertChanged, NewsPublished, NewsSummed, DeploymentChanged, capacity=EVENTS)
    routing = Routing(store, bus, told, sentences, settings.tzinfo)
    sent = Webhooks(outbox, routing, settings.webhooks)
    await open_outbox(outbox)
    await open_router(routing, outbox.supervisor)
    return sent


async def _open_history(root: Supervisor, history: History) -> None:
    spec = SupervisorSpec("history", intensity=DOMAIN_INTENSITY, backoff=SERVICES_BACKOFF)
    await open_history(history, await root.start_supervisor(spec))


async def _open_logs(root: Supervisor, settings: SystemSettings, services: Services) -> tuple[Logs, Supervisor]:
    def captures(service_id: str) -> bool:
        found = services.settings_of(service_id)
        return found is None or found.kind == "process"

    # Temporary: without it nobody sees logs, told as `ActorFailed`; services write theirs all the same.
    intensity = RestartIntensity(DOMAIN_INTENSITY.restarts * SERVICES, DOMAIN_INTENSITY.period)
    domain = await root.start_supervisor(SupervisorSpec("logs", intensity=intensity, restart=Restart.TEMPORARY))
    catalogue = Catalogue(settings.logs_dir, captures, outside_logs(settings.logs))
    # Times without an offset are the machine's: so are those of the processes that write them.
    logs = Logs(catalogue, settings.data_dir / LOG_INDEX, None)
    logs.alert_rules = settings.logs.alerts
    await open_logs(logs, domain)
    return logs, domain


def outside_logs(settings: LogsSettings) -> Mapping[str, KnownLog]:
    """The logs of others that were configured, by name."""
    return {
        name: KnownLog(
            name=name,
            path=Path(log.path),
            origin=Origin.OUTSIDE,
            pattern=log.pattern,
            encoding=log.encoding,
            zone=log.zone,
        )
        for name, log in settings.files.items()
    }


async def _watch_logs(
    domain: Supervisor, settings: SystemSettings, logs: Logs, store: Store, bus: Bus, alerts: Alerts
) -> Retention:
    """Have logs kept for as long as they are to be, and alerts raised from them."""
    retention = Retention(logs, store, settings.logs.retention, settings.tzinfo)
    await retention.load()
    await domain.start(ChildSpec("cleaner", lambda: CleanerActor(retention, settings.tzinfo)))
    await domain.start(
        ChildSpec(
            "alerts", lambda: LogAlertsActor(logs, bus, lambda: logs.alert_rules, lambda: alerts.board.value.active)
        )
    )
    return retention


async def _read_added(store: Store) -> Sequence[ServiceSettings]:
    """The services that were added over the API; none where the store cannot say: the others must run all the same."""
    with trio.move_on_after(ADDED_SECONDS):
        try:
            return await added.read_added(store)
        except StoreError as error:
            log.error("services.added_not_read error=%s next=run_without_them", error)
            return ()
    log.error("services.added_not_read error=no_answer_in_time seconds=%g next=run_without_them", ADDED_SECONDS)
    return ()


async def _open_alerts(
    root: Supervisor,
    settings: SystemSettings,
    record: AlertsRecord,
    services: Services,
    store: Store,
    bus: Bus,
    sentences: Sentences,
) -> Alerts:
    spec = SupervisorSpec("alerts", intensity=DOMAIN_INTENSITY, backoff=SERVICES_BACKOFF)
    domain = await root.start_supervisor(spec)

    def make() -> AlertsActor:
        return AlertsActor(record, services.board, store, bus, sentences, settings.tzinfo)

    return Alerts(record, await domain.start(ChildSpec("book", make)), store)


async def _open_metrics(
    root: Supervisor, settings: SystemSettings, services: Services, store: Store, bus: Bus, active: Collection[str]
) -> tuple[Metrics, MetricsRecord]:
    # Temporary: if it gives up it stays down, told as `ActorFailed`; it never takes another domain with it.
    spec = SupervisorSpec("metrics", intensity=DOMAIN_INTENSITY, restart=Restart.TEMPORARY)
    domain = await root.start_supervisor(spec)
    samples = await tiers.load_newest(store, settings.metrics.samples)
    record = new_record(settings.metrics, bus, rules_of(settings.alerts.rules), active=active, samples=samples)

    def make() -> MetricsActor:
        return MetricsActor(record, settings.data_dir, services.board, bus, store=store)

    ref = await domain.start(ChildSpec("sampler", make))
    processes = Processes(services.board, settings.metrics.interval)
    return Metrics(record.readings, ref, Charts(ref, store, settings.metrics), processes), record


async def _open_services(
    root: Supervisor,
    settings: SystemSettings,
    services: Services,
    history: History,
    keeper: Keeper,
    random: Random,
    timetable: Timetable,
    surroundings: Surroundings,
) -> None:
    # So many crashes for each service, for all of them may crash for one reason. And never down for good: what runs
    # would run on unwatched.
    crashes = DOMAIN_INTENSITY.restarts * max(SERVICES, len(services.board.value))
    intensity = RestartIntensity(crashes, DOMAIN_INTENSITY.period)
    domain = await root.start_supervisor(SupervisorSpec("services", intensity=intensity, backoff=SERVICES_BACKOFF))
    await services.open(
        domain,
        keeper,
        settings.logs_dir,
        random,
        await history.wanted(),
        history.remember,
        timetable=timetable,
        surroundings=surroundings,
    )


def _make_directories(logs: Path) -> None:
    logs.mkdir(mode=0o700, parents=True, exist_ok=True)
