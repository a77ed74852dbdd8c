"""The domains of a system, each opened under a supervisor of its own: a bulkhead."""

import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from random import Random

import attrs
import trio

from actors.alerts.actor import Alerts, AlertsActor, AlertsRecord
from actors.alerts.messages import AlertChanged
from actors.alerts.sentences import Sentences
from actors.deploy.messages import DeploymentChanged
from actors.logs.alerting import LogAlertsActor
from actors.logs.files.catalogue import Catalogue
from actors.logs.known import KnownLog
from actors.logs.logs import LOG_INDEX, Logs, open_logs
from actors.logs.records import Origin
from actors.logs.retention import CleanerActor, Retention
from actors.metrics import tiers
from actors.metrics.actor import MetricsActor, MetricsRecord, new_record
from actors.metrics.charts import Charts
from actors.metrics.messages import ConfigureMetrics, MetricsQuestions, Readings
from actors.metrics.rules import rules_of
from actors.metrics.top import Processes
from actors.runtime import (
    Backoff,
    Bus,
    Cell,
    ChildSpec,
    Ref,
    Restart,
    RestartIntensity,
    Supervisor,
    SupervisorSpec,
)
from actors.services import added
from actors.services.directory import Services
from actors.services.history import History, open_history
from actors.services.keeper import Keeper
from actors.services.messages import ServiceEvent
from actors.services.monitors import Surroundings
from actors.services.monitors.feed.messages import NewsPublished, NewsSummed
from actors.services.schedule_times import Timetable
from actors.settings import (
    LogsSettings,
    MetricsSettings,
    ServiceSettings,
    SystemSettings,
)
from actors.store import Store, StoreError
from actors.webhooks.outbox import Outbox, open_outbox
from actors.webhooks.router import Routing, open_router
from actors.webhooks.webhooks import Webhooks

log = logging.getLogger("actors.system")

EVENTS = 10_000
"""That may wait to be told to receivers."""

ADDED_SECONDS = 2.0
"""How long the start waits for the services that were added over the API."""

DOMAIN_INTENSITY = RestartIntensity(restarts=20, period=60.0)
"""A domain gives up after this many crashes; the backoff of a single actor hardly allows so many."""

SERVICES_BACKOFF = Backoff(initial=5.0, maximum=60.0, at_once=0, reset_after=600.0)
"""Before the domain of the services is started again that gave up: too seldom to wear out the root's intensity."""

SERVICES = 100
"""So many services are reckoned with at least: they may become more while it runs."""


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


async def start_webhooks(
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


async def start_history(root: Supervisor, history: History) -> None:
    spec = SupervisorSpec("history", intensity=DOMAIN_INTENSITY, backoff=SERVICES_BACKOFF)
    await open_history(history, await root.start_supervisor(spec))


async def start_logs(root: Supervisor, settings: SystemSettings, services: Services) -> tuple[Logs, Supervisor]:
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


async def watch_logs(
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


async def read_added(store: Store) -> Sequence[ServiceSettings]:
    """The services that were added over the API; none where the store cannot say: the others must run all the same."""
    with trio.move_on_after(ADDED_SECONDS):
        try:
            return await added.read_added(store)
        except StoreError as error:
            log.error("services.added_not_read error=%s next=run_without_them", error)
            return ()
    log.error("services.added_not_read error=no_answer_in_time seconds=%g next=run_without_them", ADDED_SECONDS)
    return ()


async def start_alerts(
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


async def start_metrics(
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


async def start_services(
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
