"""What a feed's settings come to: the documents to fetch, and the sources that are read out of them."""

import datetime as dt
import hashlib
from collections.abc import Mapping
from zoneinfo import ZoneInfo

import attrs

from actors.services.monitors.feed.business_days import days_of
from actors.services.monitors.feed.expectation import Expectation
from actors.settings import PRESETS, FeedOptions, JsonPaths, SourceOptions

WHOLE = "news"
"""The source that a feed without sources is."""


@attrs.frozen
class Endpoint:
    """A document that is fetched."""

    url: str | None
    file: str | None
    format: str
    paths: JsonPaths
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], hash=False)

    @property
    def id(self) -> str:
        """A name that stays the same as long as what is read there means the same. Holds no secret."""
        return _digest(self.url, self.file, self.format, *map(str, attrs.astuple(self.paths)))

    @property
    def place(self) -> str:
        """Where it is, for people; may hold a secret."""
        return self.url or self.file or ""


@attrs.frozen
class Source:
    """One kind of news in a document."""

    name: str
    endpoint: Endpoint
    title: str | None
    """The regular expression that its titles match."""
    zone: dt.tzinfo
    """Of times that say none."""
    expectation: Expectation | None

    @property
    def identity(self) -> str:
        """Changes when other items become its own: what it holds then is known and no news."""
        return _digest(self.endpoint.id, self.title)


def sources_of(options: FeedOptions, zone: dt.tzinfo) -> tuple[Source, ...]:
    """The sources of a feed that have an address, in their order. Reads calendars: blocks for a moment.

    Args:
        options: Of the feed.
        zone: The system's, for those that name none.
    """
    own = _endpoint(options, options)
    named = options.sources or {WHOLE: SourceOptions()}
    found: list[Source] = []
    for name, source in named.items():
        endpoint = _endpoint(source, options) or own
        if endpoint is not None:
            found.append(_source(name, source, endpoint, zone))
    return tuple(found)


def _source(name: str, options: SourceOptions, endpoint: Endpoint, zone: dt.tzinfo) -> Source:
    preset = PRESETS.get(name)
    zone_name = options.zone or (preset.zone if preset else None)
    own_zone = ZoneInfo(zone_name) if zone_name else zone
    at = options.expected or (preset.expected if preset else None)
    if at is None:
        return Source(name, endpoint, options.title, own_zone, None)
    days = options.days or (preset.days if preset else "daily")
    country = options.country or (preset.country if preset else None)
    expectation = Expectation(
        at=at,
        zone=own_zone,
        tolerance=options.tolerance,
        early=options.early,
        publishes=days_of(days, country, options.closed),
        check_times=options.check_times,
    )
    return Source(name, endpoint, options.title, own_zone, expectation)


def _endpoint(place: FeedOptions | SourceOptions, options: FeedOptions) -> Endpoint | None:
    if place.url is None and place.file is None:
        return None
    paths = place.json or options.json or JsonPaths()
    return Endpoint(place.url, place.file, place.format or options.format, paths, options.headers)


def _digest(*parts: str | None) -> str:
    whole = "\0".join("" if part is None else f"={part}" for part in parts)
    return hashlib.sha256(whole.encode()).hexdigest()[:32]
