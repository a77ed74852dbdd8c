"""Alerts from logs: so many records that match, within so many minutes."""

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import attrs
import trio

from actors.alerts.messages import Alert, AlertCleared, AlertRaised
from actors.expressions import Expression
from actors.logs.following.state import Told
from actors.logs.logs import Logs
from actors.logs.records import LEVELS, LogRecord
from actors.masking import mask_secrets
from actors.runtime import Actor, Bus, Lagged
from actors.settings import LogAlert

log = logging.getLogger("actors.logs")

SOURCE = "logs"
"""Of the alerts."""
CAPACITY = 20_000
"""Records that may wait to be looked at: the look is cheap, and a burst must be counted."""
BATCH = 500
TICK_SECONDS = 5.0
SHOWN = 200
"""Characters of a record in the alert."""
OURS = ("actors.webhooks", "actors.alerts", "actors.logs")
"""Loggers whose records raise nothing: a delivery that fails would be told by another that fails."""


@attrs.define(eq=False)
class _Watch:
    """One rule at one log."""

    name: str
    rule: LogAlert
    log: str
    times: deque[float] = attrs.field(factory=deque[float])
    """When the last records were found that count, on Trio's clock."""
    raised: bool = False
    quiet_at: float = 0.0
    """When it is over, if nothing more is found."""

    @property
    def key(self) -> str:
        return f"{self.name}/{self.log}"


class Watching:
    """What was found by each rule at each log; pure but for its clock."""

    def __init__(
        self,
        rules: Mapping[str, LogAlert],
        publish: Callable[[AlertRaised | AlertCleared], None],
        active: Sequence[Alert],
    ) -> None:
        """Watch by *rules*. Of *active* alerts those that these have raised before last on."""
        self._publish = publish
        self._watches: dict[tuple[str, str], _Watch] = {}
        self._rules: dict[str, tuple[LogAlert, Expression | None, int]] = {}
        self._before = [alert.key for alert in active if alert.source == SOURCE and alert.code == "log_match"]
        self.configure(rules)

    def configure(self, rules: Mapping[str, LogAlert]) -> None:
        """Watch by these rules from now on; what others have raised is over."""
        self._rules = {
            name: (rule, None if rule.pattern is None else Expression(rule.pattern), LEVELS.index(rule.level))
            for name, rule in rules.items()
            if rule.enabled
        }
        now = trio.current_time()
        for key in self._before:
            name, _, of = key.partition("/")
            if name in self._rules and (name, of) not in self._watches:
                rule = self._rules[name][0]
                watch = _Watch(name, rule, of, raised=True, quiet_at=now + rule.clear_minutes * 60)
                self._watches[name, of] = watch
            elif name not in self._rules:
                self._publish(AlertCleared(source=SOURCE, key=key, detail="its rule is gone"))
        self._before = []
        for place, watch in list(self._watches.items()):
            known = self._rules.get(watch.name)
            if known is None or not known[0].is_about(watch.log):
                del self._watches[place]
                if watch.raised:
                    self._publish(AlertCleared(source=SOURCE, key=watch.key, detail="its rule is gone"))
            else:
                watch.rule = known[0]

    @property
    def is_idle(self) -> bool:
        """Whether there are no rules."""
        return not self._rules

    def look(self, name: str, record: LogRecord, service: str | None) -> None:
        """Look at a record of the log *name*."""
        if record.logger is not None and record.logger.startswith(OURS):
            return
        rank = LEVELS.index(record.level)
        for rule_name, (rule, expression, least) in self._rules.items():
            if rank >= least and rule.is_about(name) and (expression is None or expression.found_in(record.text)):
                self._found(rule_name, rule, name, record, service)

    def tick(self) -> None:
        """End what has been quiet for long enough."""
        now = trio.current_time()
        for place, watch in list(self._watches.items()):
            if watch.raised and now >= watch.quiet_at:
                self._publish(
                    AlertCleared(
                        source=SOURCE,
                        key=watch.key,
                        detail=f"{watch.log}: nothing more was found for {watch.rule.clear_minutes:g} min",
                    )
                )
                del self._watches[place]

    def _found(self, name: str, rule: LogAlert, of: str, record: LogRecord, service: str | None) -> None:
        now = trio.current_time()
        watch = self._watches.setdefault((name, of), _Watch(name, rule, of))
        watch.quiet_at = now + rule.clear_minutes * 60
        times = watch.times
        times.append(now)
        while times[0] < now - rule.minutes * 60 or len(times) > rule.count:
            times.popleft()
        if watch.raised or len(times) < rule.count:
            return
        watch.raised = True
        said = mask_secrets(record.message.partition("\n")[0])[:SHOWN]
        self._publish(
            AlertRaised(
                source=SOURCE,
                key=watch.key,
                level=rule.severity,
                code="log_match",
                detail=f"{of}: found {rule.count} times within {rule.minutes:g} min: {said}",
                values={
                    "name": name,
                    "file": of,
                    "count": rule.count,
                    "minutes": rule.minutes,
                    "text": said,
                    **({} if rule.message is None else {"message": rule.message}),
                },
                service_id=service,
            )
        )


class LogAlertsActor(Actor):
    """Looks at every record of every log."""

    def __init__(
        self, logs: Logs, bus: Bus, rules: Callable[[], Mapping[str, LogAlert]], active: Callable[[], Sequence[Alert]]
    ) -> None:
        self._logs = logs
        self._bus = bus
        self._rules = rules
        self._active = active

    async def on_start(self) -> None:
        self.context.start_soon(self._work)

    async def _work(self) -> None:
        watching = Watching(self._rules(), self._bus.publish, self._active())
        rules = self._rules()
        while True:
            if watching.is_idle:
                await trio.sleep(TICK_SECONDS)
            else:
                await self._listen(watching, rules)
            if self._rules() is not rules:
                rules = self._rules()
                watching.configure(rules)
            watching.tick()

    async def _listen(self, watching: Watching, rules: Mapping[str, LogAlert]) -> None:
        with self._logs.feed(None, capacity=CAPACITY) as feed:
            while self._rules() is rules:
                batch: Sequence[Told | Lagged] = ()
                with trio.move_on_after(TICK_SECONDS):
                    batch = await feed.receive_batch(BATCH)
                for told in batch:
                    if isinstance(told, Lagged):
                        log.warning("logs.alerts_missed records=%d why=too_many_at_once", told.missed)
                    elif not told.record.continued:
                        watching.look(told.log.name, told.record, self._service_of(told))
                watching.tick()
                await trio.lowlevel.checkpoint()

    def _service_of(self, told: Told) -> str | None:
        # Our own log and those from outside are of no service.
        log_of = told.log
        return log_of.service if log_of.service is not None and log_of.service != "watchhamster" else None
