"""`/api/metrics`: the machine's figures, now and before."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo

import attrs
import trio
from quart import Response, request
from quart_trio import QuartTrio

from actors.metrics.messages import ClearHistory, GetHistory, GetStability, Readings
from actors.metrics.parts import KINDS, Part, PartKind
from actors.metrics.records import Point, Sample
from actors.metrics.top import MAX_ROWS, Sort
from actors.runtime import Cell
from actors.system import System
from hamster.http import errors_ko, texts_ko
from hamster.http.app import json_response
from hamster.http.metrics_models import (
    details_model,
    metrics_model,
    part_history_model,
    part_model,
    performance_model,
    process_model,
    stability_model,
)
from hamster.http.parameters import Query, reading
from hamster.http.problems import HttpProblem
from hamster.http.times import Stamp, local_zone

FIRST_SAMPLE_SECONDS = 3.0
"""How long a request waits for the very first sample, which comes a moment after the start."""
DEFAULT_RANGE = timedelta(minutes=10)
RANGES: Mapping[str, timedelta] = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "1y": timedelta(days=365),
}
PART_KINDS: Mapping[str, PartKind] = {kind: kind for kind in KINDS}
SORTS: Mapping[str, Sort] = {"cpu": "cpu", "memory": "memory"}
DEFAULT_SORT: Sort = "cpu"
MAX_STEP = 366 * 86_400.0


@attrs.frozen
class Span:
    """What a chart covers."""

    start: datetime
    end: datetime
    step: float | None


def register(app: QuartTrio, system: System, stamp: Stamp, zone: tzinfo | None) -> None:
    """Add the routes of `/api/metrics` to *app*."""
    metrics = system.metrics

    async def current() -> Response:
        readings = await first_readings(metrics.readings)
        return json_response(metrics_model(sample_of(readings), stamp))

    async def performance() -> Response:
        with reading(request.args) as query:
            span = read_span(query, local_zone(zone), datetime.now(UTC))
        readings = await first_readings(metrics.readings)
        points: Sequence[Point] = await metrics.charts.draw(span.start, span.end, span.step)
        return json_response(performance_model(points, sample_of(readings), stamp))

    async def details() -> Response:
        readings = await first_readings(metrics.readings)
        return json_response(details_model(sample_of(readings), stamp))

    async def parts() -> Response:
        found = await metrics.charts.parts()
        return json_response({"parts": [part_model(part) for part in found]})

    async def part() -> Response:
        with reading(request.args) as query:
            kind: PartKind = query.choice("kind", PART_KINDS, default="service")
            name = query.text("name")
            if not name:
                query.problem("name", errors_ko.FIELD_MISSING)
            span = read_span(query, local_zone(zone), datetime.now(UTC))
        asked = Part(kind, name)
        width, points = await metrics.charts.draw_part(asked, span.start, span.end, span.step)
        if not points and asked not in await metrics.charts.parts():
            raise HttpProblem(404, errors_ko.NO_PART.format(kind=kind, name=name))
        return json_response(part_history_model(asked, width, points, stamp))

    async def processes() -> Response:
        with reading(request.args) as query:
            sort: Sort = query.choice("sort", SORTS, default=DEFAULT_SORT)
            limit = query.integer("limit", default=20, low=1, high=MAX_ROWS)
        found = await metrics.processes.biggest(sort=sort, limit=limit)
        return json_response({"processes": [process_model(view) for view in found], "sort": sort})

    async def stability() -> Response:
        readings = await first_readings(metrics.readings)
        view = await metrics.ref.ask(GetStability(datetime.now(UTC)))
        return json_response(stability_model(view, readings, stamp))

    async def history() -> Response:
        with reading(request.args) as query:
            limit = query.integer("limit", default=50, low=1, high=1_000)
            page = query.integer("page", default=1, low=1, high=1_000_000)
        found = await metrics.ref.ask(GetHistory(limit, limit * (page - 1)))
        rows = [metrics_model(sample, stamp) for sample in found.samples]
        return json_response(
            {
                "metrics": rows,
                "total_count": found.total,
                "returned_count": len(rows),
                "items": rows,
                "total": found.total,
                "page": page,
                "size": limit,
                "pages": -(-found.total // limit),
            }
        )

    async def clear() -> Response:
        count = await metrics.ref.ask(ClearHistory())
        return json_response({"message": texts_ko.HISTORY_CLEARED.format(count=count), "cleared_count": count})

    base = "/api/metrics"
    app.add_url_rule(f"{base}/", "metrics.current", current, methods=["GET"])
    app.add_url_rule(f"{base}/performance", "metrics.performance", performance, methods=["GET"])
    app.add_url_rule(f"{base}/details", "metrics.details", details, methods=["GET"])
    app.add_url_rule(f"{base}/parts", "metrics.parts", parts, methods=["GET"])
    app.add_url_rule(f"{base}/parts/history", "metrics.part", part, methods=["GET"])
    app.add_url_rule(f"{base}/processes", "metrics.processes", processes, methods=["GET"])
    app.add_url_rule(f"{base}/stability", "metrics.stability", stability, methods=["GET"])
    app.add_url_rule(f"{base}/history", "metrics.history", history, methods=["GET"])
    app.add_url_rule(f"{base}/history", "metrics.clear", clear, methods=["DELETE"])


async def first_readings(cell: Cell[Readings]) -> Readings:
    """The newest readings; right after the start, the first ones, for which this waits a moment."""
    if cell.value.sample is not None:
        return cell.value
    watch = cell.subscribe()
    with watch.changes, trio.move_on_after(FIRST_SAMPLE_SECONDS):
        while cell.value.sample is None:
            await watch.changes.receive()
    return cell.value


def sample_of(readings: Readings) -> Sample:
    """The newest sample.

    Raises:
        HttpProblem: 503, there is none: a disk hangs, or the sampler was given up.
    """
    if readings.sample is None:
        raise HttpProblem(503, errors_ko.NO_SAMPLE, headers={"Retry-After": "2"})
    return readings.sample


def read_span(query: Query, zone: tzinfo, now: datetime) -> Span:
    """`time_range`, or `from`, `to` and `step`; the last ten minutes without any of them."""
    length = query.choice("time_range", RANGES, default=DEFAULT_RANGE)
    end = query.instant("to", zone=zone) or now
    start = query.instant("from", zone=zone) or _before(end, length)
    step = query.number("step", default=0.0, low=0.0, high=MAX_STEP)
    if start > end:
        query.problem("from", errors_ko.FROM_AFTER_TO)
    return Span(start, end, step or None)


def _before(end: datetime, length: timedelta) -> datetime:
    try:
        return end - length
    except OverflowError:  # an end in the year 1
        return end
