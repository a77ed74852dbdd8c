"""A system that only shows: its cells and bus are real, and no actor runs."""

from collections.abc import Mapping
from typing import cast

from actors import ProcessOptions, ServiceSettings, System, SystemSettings
from actors.alerts.actor import Alerts, new_record
from actors.alerts.messages import AlertCommands
from actors.deploy.deploy import Deployments
from actors.logs import Logs
from actors.logs.retention import Retention
from actors.metrics.actor import MetricsRecord
from actors.metrics.charts import Charts
from actors.metrics.messages import MetricsQuestions, Readings
from actors.metrics.top import Processes
from actors.runtime import Bus, Cell, Ref, Supervisor
from actors.services import Services, ServiceView
from actors.services.history import History
from actors.services.keeper import Keeper
from actors.store import Store
from actors.system import Metrics
from actors.webhooks.webhooks import Webhooks
from hamster.http.frames import FrameMaker
from hamster.http.live import Hub
from hamster.http.times import stamper, zone_of

SEOUL = zone_of("Asia/Seoul")


def process(service_id: str, *command: str, env: Mapping[str, str] | None = None) -> ServiceSettings:
    """A process service."""
    settings = ProcessOptions(command=command or ("sleep", "1000"), env=env or {})
    return ServiceSettings(id=service_id, name=f"이름 {service_id}", process=settings)


def shown(*services: ServiceSettings, tmp: str = "unused") -> System:
    """A system with *services*, all stopped, and no sample yet."""
    settings = SystemSettings(data_dir=tmp, services=services)
    bus = Bus()
    nobody = cast("Supervisor", None), cast("Keeper", None), cast("Store", None)
    board = Services(services, bus)
    charts, processes = cast("Charts", None), Processes(board.board, 2.0)
    metrics = Metrics(Cell(Readings()), cast("Ref[MetricsQuestions]", None), charts, processes)
    record = new_record(settings.alerts, bus, None, zone=SEOUL, find=board.settings_of)
    alerts = Alerts(record, cast("Ref[AlertCommands]", None), nobody[2])
    return System(
        settings,
        bus,
        *nobody,
        board,
        metrics,
        alerts,
        cast("History", None),
        cast("Logs", None),
        cast("Retention", None),
        cast("Webhooks", None),
        cast("Deployments", None),
        cast("MetricsRecord", None),
    )


def hub_of(system: System) -> Hub:
    """A hub for *system*; times are Seoul's."""
    return Hub(system, FrameMaker(system, stamper(SEOUL)))


def view(service: ServiceSettings, **values: object) -> ServiceView:
    """A view of *service*."""
    return ServiceView(service, **values)  # pyright: ignore[reportArgumentType] - passed on
