"""The alerts of what was configured or rolled out and did not come about, in the contract's keys."""

from collections.abc import Mapping

from actors.services import RollingEnded
from actors.setting_rules import dotted
from hamster.config import Problem
from hamster.http import texts_ko
from hamster.http.masking import mask_text
from hamster.reloading import ConfigurationRefused

SHOWN = 5
"""Places of mistakes that fit an alert; all of them are in its metadata and in the log."""
MOST = 100


def refused_alert(event: ConfigurationRefused) -> Mapping[str, object]:
    """A configuration file that cannot be used. Says where, not what: values of keys may be secrets."""
    places = [_place(problem) for problem in event.problems[:MOST]]
    shown = ", ".join(places[:SHOWN]) + (", ..." if len(event.problems) > SHOWN else "")
    return {
        "level": "warning",
        "title": texts_ko.CONFIG_REFUSED_TITLE,
        "message": texts_ko.CONFIG_REFUSED.format(count=len(event.problems), places=shown),
        "category": "configuration",
        "source": str(event.source),
        "metadata": {"count": len(event.problems), "places": places},
    }


def _place(problem: Problem) -> str:
    where = problem.file.name if problem.line is None else f"{problem.file.name}:{problem.line}"
    return where if problem.setting is None else f"{where} {dotted(problem.setting.path)}"


def rolling_alert(event: RollingEnded) -> Mapping[str, object]:
    """A rolling restart that stopped at a service that did not come back."""
    rolling = event.rolling
    why = mask_text(rolling.why)
    return {
        "level": "warning",
        "title": texts_ko.ROLLING_FAILED_TITLE,
        "message": texts_ko.ROLLING_FAILED.format(target=rolling.target, service=rolling.failed or "-", why=why),
        "category": "services",
        "source": rolling.failed or rolling.target,
        "metadata": {"target": rolling.target, "service_ids": rolling.ids, "done": rolling.done, "why": why},
    }
