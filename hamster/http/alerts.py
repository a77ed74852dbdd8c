"""`/api/alerts`: what is wrong, what was, and what people do about it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo

import attrs
from quart import Response, request
from quart_trio import QuartTrio

from actors.alerts.maintenance import is_open
from actors.alerts.messages import (
    AcknowledgeAlert,
    Alert,
    AlertNotFound,
    CloseWindow,
    Done,
    OpenWindow,
    Silence,
    SilenceAlert,
    SilenceRule,
    WindowNotFound,
)
from actors.metrics.rules import RuleState
from actors.setting_rules import SettingsError
from actors.settings import LEVELS, Level, MaintenanceWindow
from actors.system import System
from hamster.http import errors_ko, texts_ko
from hamster.http.alert_models import alert_model, rule_model, window_model
from hamster.http.app import json_body, json_response
from hamster.http.parameters import reading
from hamster.http.problems import FieldProblem, InvalidRequest
from hamster.http.times import Stamp

BASE = "/api/alerts"
MAX_SILENCE = timedelta(days=366)
LEVEL_NAMES: Mapping[str, Level] = {level: level for level in LEVELS}
MAX_TEXT = 500
"""Characters of a name and of a comment."""


@attrs.frozen
class Acknowledgement:
    """The body of `acknowledge`; all of it may be left away."""

    by: str | None = None
    comment: str | None = None


@attrs.frozen
class Until:
    """The body of `silence`: for so many seconds, or until then."""

    seconds: float | None = None
    until: str | None = None
    by: str | None = None
    comment: str | None = None


@attrs.frozen
class Window:
    """The body of a maintenance window: `start` and `end`, or `cron` and `duration`."""

    name: str = ""
    start: str | None = None
    end: str | None = None
    cron: str | None = None
    duration: float | None = None
    zone: str | None = None
    services: list[str] = attrs.field(factory=list[str])
    rules: list[str] = attrs.field(factory=list[str])


def register(app: QuartTrio, system: System, stamp: Stamp, zone: tzinfo | None) -> None:
    """Add the routes of `/api/alerts` to *app*."""
    _register_rules(app, system, stamp, zone)
    _register_windows(app, system, stamp, zone)
    _register_alerts(app, system, stamp, zone)


def _register_alerts(app: QuartTrio, system: System, stamp: Stamp, zone: tzinfo | None) -> None:
    alerts = system.alerts

    async def list_alerts() -> Response:
        with reading(request.args) as query:
            every = query.choice("state", {"active": False, "all": True}, default=False)
            levels = query.choices("level", LEVEL_NAMES)
            limit = query.integer("limit", default=100, low=1, high=1_000)
            page = query.integer("page", default=1, low=1, high=1_000_000)
        if every:
            found = await alerts.page(limit=limit, skip=limit * (page - 1), levels=levels)
            return _page(found.alerts, found.total, page, limit, stamp)
        active = [alert for alert in reversed(alerts.board.value.active) if not levels or alert.level in levels]
        return _page(active[limit * (page - 1) :][:limit], len(active), page, limit, stamp)

    async def get_alert(alert_id: str) -> Response:
        alert = await alerts.find(number_of("alert_", alert_id))
        if alert is None:
            raise AlertNotFound(alert_id)
        return json_response(alert_model(alert, stamp))

    async def acknowledge(alert_id: str) -> Response:
        body = await _optional(Acknowledgement)
        _short(by=body.by, comment=body.comment)
        done = await alerts.ref.ask(AcknowledgeAlert(number_of("alert_", alert_id), body.by, body.comment))
        return _done(done, texts_ko.ALERT_ACKNOWLEDGED.format(id=alert_id), stamp)

    async def silence(alert_id: str) -> Response:
        until = until_of(await json_body(Until), zone)
        done = await alerts.ref.ask(SilenceAlert(number_of("alert_", alert_id), until))
        return _done(done, texts_ko.ALERT_SILENCED.format(id=alert_id, until=stamp(until)), stamp)

    async def unsilence(alert_id: str) -> Response:
        done = await alerts.ref.ask(SilenceAlert(number_of("alert_", alert_id), None))
        return _done(done, texts_ko.ALERT_UNSILENCED.format(id=alert_id), stamp)

    app.add_url_rule(f"{BASE}/", "alerts.list", list_alerts, methods=["GET"])
    app.add_url_rule(f"{BASE}/<alert_id>", "alerts.get", get_alert, methods=["GET"])
    app.add_url_rule(f"{BASE}/<alert_id>/acknowledge", "alerts.acknowledge", acknowledge, methods=["POST"])
    app.add_url_rule(f"{BASE}/<alert_id>/silence", "alerts.silence", silence, methods=["POST"])
    app.add_url_rule(f"{BASE}/<alert_id>/silence", "alerts.unsilence", unsilence, methods=["DELETE"])


def _register_rules(app: QuartTrio, system: System, stamp: Stamp, zone: tzinfo | None) -> None:
    alerts = system.alerts

    async def rules() -> Response:
        states: defaultdict[str, list[RuleState]] = defaultdict(list)
        for state in system.metrics.readings.value.rules:
            states[state.rule.id].append(state)
        silences = alerts.board.value.silences
        rows = [rule_model(name, rule, states[name], silences, stamp) for name, rule in alerts.settings.rules.items()]
        return json_response({"rules": rows})

    async def silence_rule(name: str) -> Response:
        body = await json_body(Until)
        _short(name=name, by=body.by, comment=body.comment)
        until = until_of(body, zone)
        silenced = Silence(pattern=name, until=until, by=body.by, comment=body.comment)
        done = await alerts.ref.ask(SilenceRule(silenced))
        return _done(done, texts_ko.RULE_SILENCED.format(name=name, until=stamp(until)), stamp)

    async def unsilence_rule(name: str) -> Response:
        _short(name=name)
        done = await alerts.ref.ask(SilenceRule(Silence(pattern=name, until=datetime.now(UTC))))
        return _done(done, texts_ko.RULE_UNSILENCED.format(name=name), stamp)

    app.add_url_rule(f"{BASE}/rules", "alerts.rules", rules, methods=["GET"])
    app.add_url_rule(f"{BASE}/rules/<name>/silence", "alerts.silence_rule", silence_rule, methods=["POST"])
    app.add_url_rule(f"{BASE}/rules/<name>/silence", "alerts.unsilence_rule", unsilence_rule, methods=["DELETE"])


def _register_windows(app: QuartTrio, system: System, stamp: Stamp, zone: tzinfo | None) -> None:
    alerts = system.alerts

    async def windows() -> Response:
        now = datetime.now(UTC)
        listed = [(window, None) for window in alerts.settings.maintenance]
        rows = [
            window_model(window, standing, active=is_open(window, now, zone), stamp=stamp)
            for window, standing in [*listed, *((each.window, each) for each in alerts.board.value.windows)]
        ]
        return json_response({"maintenance": rows})

    async def open_window() -> Response:
        window = window_of(await json_body(Window))
        done = await alerts.ref.ask(OpenWindow(window))
        return json_response({"message": texts_ko.WINDOW_OPENED, "id": f"maintenance_{done.number}", "kept": done.kept})

    async def close_window(window_id: str) -> Response:
        try:
            number = number_of("maintenance_", window_id)
        except AlertNotFound:
            raise WindowNotFound(0) from None
        done = await alerts.ref.ask(CloseWindow(number))
        return json_response({"message": texts_ko.WINDOW_CLOSED, "id": window_id, "kept": done.kept})

    app.add_url_rule(f"{BASE}/maintenance", "alerts.windows", windows, methods=["GET"])
    app.add_url_rule(f"{BASE}/maintenance", "alerts.open_window", open_window, methods=["POST"])
    app.add_url_rule(f"{BASE}/maintenance/<window_id>", "alerts.close_window", close_window, methods=["DELETE"])


def number_of(prefix: str, name: str) -> int:
    """The number in an id.

    Raises:
        AlertNotFound: It is no id.
    """
    digits = name.removeprefix(prefix)
    if not name.startswith(prefix) or not digits.isascii() or not digits.isdigit() or len(digits) > 18:
        raise AlertNotFound(name[:MAX_TEXT])
    return int(digits)


def until_of(body: Until, zone: tzinfo | None) -> datetime:
    """Until when a silence lasts.

    Raises:
        InvalidRequest: Neither or both are given, or it is no time within a year from now.
    """
    now = datetime.now(UTC)
    _short(by=body.by, comment=body.comment)
    if (body.seconds is None) is (body.until is None):
        raise InvalidRequest.of("seconds", errors_ko.SILENCE_EITHER)
    if body.seconds is not None:
        if not 0 < body.seconds <= MAX_SILENCE.total_seconds():
            raise InvalidRequest.of("seconds", errors_ko.SILENCE_RANGE)
        return now + timedelta(seconds=body.seconds)
    until = _instant("until", body.until or "")
    until = until.replace(tzinfo=zone) if until.tzinfo is None and zone is not None else until.astimezone()
    if not now < until <= now + MAX_SILENCE:
        raise InvalidRequest.of("until", errors_ko.SILENCE_RANGE)
    return until


def window_of(body: Window) -> MaintenanceWindow:
    """The maintenance window in *body*.

    Raises:
        InvalidRequest: It is none.
    """
    start, end = (
        None if text is None else _instant(name, text) for name, text in (("start", body.start), ("end", body.end))
    )
    try:
        return MaintenanceWindow(
            name=body.name,
            start=start,
            end=end,
            cron=body.cron,
            duration=body.duration,
            zone=body.zone,
            services=body.services,
            rules=body.rules,
        )
    except SettingsError as error:
        problems = [
            FieldProblem(".".join(problem.path) or "body", errors_ko.FIELD_OF_BODY.format(problem=problem))
            for problem in error.problems
        ]
        raise InvalidRequest(problems) from None


def _instant(field: str, text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequest.of(field, errors_ko.FIELD_DATETIME.format(got=repr(text[:60]))) from None


async def _optional(kind: type[Acknowledgement]) -> Acknowledgement:
    if not await request.get_data(cache=True, as_text=False, parse_form_data=False):
        return kind()
    return await json_body(kind)


def _short(**texts: str | None) -> None:
    for field, text in texts.items():
        if text is not None and len(text) > MAX_TEXT:
            raise InvalidRequest.of(field, errors_ko.FIELD_TOO_LONG.format(length=len(text), limit=MAX_TEXT))


def _done(done: Done, message: str, stamp: Stamp) -> Response:
    alert = None if done.alert is None else alert_model(done.alert, stamp)
    return json_response({"message": message, "alert": alert, "kept": done.kept})


def _page(alerts: Sequence[Alert], total: int, page: int, limit: int, stamp: Stamp) -> Response:
    rows = [alert_model(alert, stamp) for alert in alerts]
    return json_response({"alerts": rows, "total": total, "page": page, "size": limit, "pages": -(-total // limit)})
