"""The alert of a rolling restart that stopped, in the contract's keys."""

from collections.abc import Mapping

from actors.services import RollingEnded
from hamster.http import texts_ko
from hamster.http.masking import mask_text


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
