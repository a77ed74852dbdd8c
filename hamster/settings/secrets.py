"""Secrets among the settings: addresses of webhooks. Shown masked, and kept where a mask comes back."""

from collections.abc import Mapping
from typing import cast

from actors.masking import MASK, mask_addresses
from hamster.settings.overlay import Table, dotted, table_in


def masked(value: object) -> object:
    """*value* as it may be shown."""
    if isinstance(value, Mapping):
        return {key: masked(inner) for key, inner in cast("Table", value).items()}
    return mask_addresses(value) if isinstance(value, str) and "://" in value else value


def kept_secrets(change: Table, now: Table, *at: str) -> tuple[dict[str, object], list[str]]:
    """*change*, with a mask in it replaced by what is there now, and the keys where that was so.

    Args:
        change: Wanted; may come from what was shown.
        now: What holds.
        at: Where both stand.
    """
    found: dict[str, object] = {}
    keys: list[str] = []
    for key, value in change.items():
        before = now.get(key)
        if isinstance(value, Mapping):
            found[key], more = kept_secrets(cast("Table", value), table_in(now, key), *at, key)
            keys += more
        elif isinstance(value, str) and MASK in value and "://" in value:
            keys.append(dotted((*at, key)))
            if before is not None:
                found[key] = before
        else:
            found[key] = value
    return found, keys
