"""What people read of an alert: a title and a message in Korean, over the WebSocket and in webhooks alike."""

from datetime import timedelta

from actors.alerts.messages import Alert, AlertChanged, Value
from actors.alerts.sentences import own_message, shown
from hamster.http import texts_ko
from hamster.http.masking import mask_text

_KILO = 1024
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")


def korean(change: AlertChanged) -> tuple[str, str]:
    """The title and the message of *change*."""
    title, message = _of_figure(change) if change.alert.code in ("figure", "no_data") else _of_part(change)
    own = own_message(change.alert) if change.what == "fired" and change.alert.code == "figure" else None
    return mask_text(title), mask_text(own or message)


def what_of(change: AlertChanged) -> str:
    """`fired` and `cleared`; `lost` and `found` for figures that do not come."""
    if change.alert.code == "no_data":
        return "lost" if change.what == "fired" else "found"
    return change.what


def lasted(duration: timedelta | None) -> str:
    """A duration in its two largest units."""
    left = round(0.0 if duration is None else duration.total_seconds())
    parts: list[str] = []
    for unit, seconds in texts_ko.DURATION_UNITS:
        count, left = divmod(left, seconds)
        if count or (seconds == 1 and not parts):
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])


def figure_text(figure: str, value: Value) -> str:
    """A value of a figure with its unit."""
    if not isinstance(value, int | float):
        return "-"
    if figure.endswith("percent") or figure == "network_usage":
        return f"{shown(float(value))}%"
    if figure.endswith("_per_second"):
        return _size(value) + texts_ko.PER_SECOND
    if figure == "memory_bytes":
        return _size(value)
    return f"{shown(round(float(value), 1))}{texts_ko.UNITS.get(figure, '')}"


def _of_figure(change: AlertChanged) -> tuple[str, str]:
    alert, what = change.alert, what_of(change)
    values = alert.values
    figure, side = str(values.get("figure")), str(values.get("side"))
    named = texts_ko.FIGURES.get(figure, figure)
    about = values.get("service") or values.get("part")
    if about is not None:
        named = f"{named}({about})"
    seconds = values.get("seconds")
    filled = {
        "figure": named,
        "service": values.get("service"),
        "value": figure_text(figure, values.get("value")),
        "threshold": figure_text(figure, values.get("threshold")),
        "clear": figure_text(figure, values.get("clear")),
        "side": texts_ko.SIDES.get(side, ""),
        "back": texts_ko.BACK.get(side, ""),
        "seconds": seconds if isinstance(seconds, int | float) else 0.0,
        "duration": lasted(alert.duration),
    }
    percent = figure.endswith("percent") or figure == "network_usage"
    usual = (texts_ko.PERCENT_MESSAGES if percent else texts_ko.FIGURE_MESSAGES)[what]
    message = texts_ko.YES_NO_MESSAGES.get((figure, what), usual)
    return texts_ko.ALERT_TITLES[what].format_map(filled), message.format_map(filled)


def _of_part(change: AlertChanged) -> tuple[str, str]:
    alert = change.alert
    title, message = texts_ko.ALERTS.get(alert.code, (texts_ko.ALERT_OTHER_TITLE, "{detail}"))
    filled = _Filled(alert)
    title, message = title.format_map(filled), message.format_map(filled)
    if change.what != "cleared":
        return title, message
    over = texts_ko.ALERT_OVER.format(title=title, duration=lasted(alert.duration))
    return texts_ko.ALERT_OVER_TITLE.format(title=title), over


class _Filled(dict[str, str]):
    """The values of an alert; a dash for one that its part did not give."""

    def __init__(self, alert: Alert) -> None:
        super().__init__({name: shown(value) for name, value in alert.values.items()})
        self["key"], self["detail"] = alert.key, alert.detail

    def __missing__(self, key: str) -> str:
        return "-"


def _size(value: float) -> str:
    for unit in _SIZES:
        if abs(value) < _KILO or unit == _SIZES[-1]:
            return f"{shown(round(float(value), 1))} {unit}"
        value /= _KILO
    raise AssertionError("the last unit takes everything")
