"""What the metrics actor can be asked, what it always shows, and the events it tells."""

from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime
from typing import Protocol

import attrs

from actors.metrics.history import HistorySettingRefused
from actors.metrics.records import NaiveInstant, Point, Sample
from actors.metrics.rules import Health, RuleState
from actors.metrics.stability import StabilityView
from actors.metrics.usage import Usage
from actors.runtime import Message
from actors.settings import MetricsSettings
from actors.store import StoreError


@attrs.frozen
class Readings:
    """The newest figures, as one consistent whole."""

    sample: Sample | None = None
    """None until the first one, a moment after the start."""
    usage: Mapping[str, Usage] = attrs.field(factory=dict[str, Usage])
    """Of the running services, by id."""
    rules: tuple[RuleState, ...] = ()
    health: Health = "warning"
    """`warning` until there is data: what nobody has seen is not well."""
    judged_at: datetime = attrs.field(factory=lambda: datetime.now(UTC))
    """When `rules` and `health` were worked out."""


@attrs.frozen
class SampleTaken:
    """The machine was sampled."""

    readings: Readings


@attrs.frozen
class HistoryPage:
    """The newest samples."""

    samples: tuple[Sample, ...]
    """Newest last."""
    total: int
    """How many there are in all."""


class MetricsQuestions(Protocol):
    """What the metrics actor handles."""

    def history(self, limit: int, skip: int) -> HistoryPage: ...

    def chart(self, start: datetime, end: datetime, step: float | None) -> list[Point]: ...

    def clear(self) -> Awaitable[int]: ...

    def stability(self, now: datetime) -> StabilityView: ...

    def configure(self, settings: MetricsSettings) -> None: ...


@attrs.frozen
class GetHistory(Message[MetricsQuestions, HistoryPage]):
    """The newest *limit* samples but for the newest *skip*; below 0 either is a `HistorySettingRefused`."""

    errors = (HistorySettingRefused,)
    limit: int
    skip: int = 0

    def deliver(self, to: MetricsQuestions) -> HistoryPage:
        return to.history(self.limit, self.skip)


@attrs.frozen
class GetChart(Message[MetricsQuestions, list[Point]]):
    """Points from *start* to *end* (aware), one per *step* seconds or as many as fit; see `History.between`.

    Of what is in memory; `Charts.draw` also of what is not.
    """

    errors = (HistorySettingRefused, NaiveInstant)
    start: datetime
    end: datetime
    step: float | None = None

    def deliver(self, to: MetricsQuestions) -> list[Point]:
        return to.chart(self.start, self.end, self.step)


@attrs.frozen
class ClearHistory(Message[MetricsQuestions, int]):
    """Forget all samples, and all that is made of them; answers how many there were."""

    errors = (StoreError,)

    def deliver(self, to: MetricsQuestions) -> Awaitable[int]:
        return to.clear()


@attrs.frozen
class GetStability(Message[MetricsQuestions, StabilityView]):
    """Failures and recoveries of the 24 hours before *now* (aware)."""

    errors = (NaiveInstant,)
    now: datetime

    def deliver(self, to: MetricsQuestions) -> StabilityView:
        return to.stability(self.now)


@attrs.frozen
class ConfigureMetrics(Message[MetricsQuestions, None]):
    """Sample by these settings from now on."""

    settings: MetricsSettings

    def deliver(self, to: MetricsQuestions) -> None:
        to.configure(self.settings)
