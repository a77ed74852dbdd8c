"""What is open, and what would be better: a look at the configuration and at the files, without a server."""

import enum
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import attrs

from hamster.config import HamsterConfig
from hamster.defaults import ORIGINS
from hamster.runtime_file import runtime_path
from hamster.security.keys import ApiKey
from hamster.security.vault import Vault, VaultError
from hamster.server_settings import is_loopback

OTHERS = stat.S_IRWXG | stat.S_IRWXO
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
DAY = 86_400.0
OLD_DAYS = 365


class Weight(enum.Enum):
    """How much a finding counts."""

    OK = "ok"
    HINT = "hint"
    """It is open, or could be better, and may be meant so."""
    WRONG = "wrong"


@attrs.frozen
class Finding:
    """One thing that was looked at: what there is, and what to do."""

    weight: Weight
    what: str
    advice: str = ""


def examine(config: HamsterConfig, data_dir: Path, *, now: float) -> Iterator[Finding]:
    """Everything that can be said of *config* and of the files beneath *data_dir*; *now* is seconds since 1970."""
    yield from _listening(config)
    yield from _access(config, data_dir, now)
    yield from _origins(config)
    yield from _files(config, data_dir)
    yield from _webhooks(config)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        yield Finding(Weight.HINT, "this runs as root, and so does every service", "use an account of its own")


def _listening(config: HamsterConfig) -> Iterator[Finding]:
    server, security = config.server, config.security
    where = f"{server.host} port {server.port}"
    if is_loopback(server.host):
        yield Finding(Weight.OK, f"it listens on {where}: only this machine reaches it")
        if security is None:
            yield Finding(
                Weight.HINT,
                "security is off: whoever uses this machine may start and stop services, and read logs",
                "add a table [security] if others use this machine",
            )
        return
    if security is None:
        advice = "add a table [security], or set server.host to localhost; until then it does not start"
        yield Finding(Weight.WRONG, f"it is to listen on {where} with security off", advice)
        return
    proxies = ", ".join(security.trusted_proxies)
    if proxies:
        yield Finding(Weight.OK, f"it listens on {where}, behind proxies at {proxies}")
    else:
        advice = "put a proxy with TLS before it and name it in security.trusted_proxies"
        yield Finding(Weight.HINT, f"it listens on {where} without TLS: tokens can be read on their way", advice)


def _access(config: HamsterConfig, data_dir: Path, now: float) -> Iterator[Finding]:
    security, vault = config.security, Vault(data_dir)
    try:
        keys = list(vault.read().keys.values())
    except VaultError as error:
        yield Finding(Weight.WRONG, str(error), "see its permissions, or restore it")
        return
    if security is not None:
        yield Finding(Weight.OK, f"security is on: {len(security.users)} users, {len(keys)} API keys")
        if not security.users and not keys:
            advice = "make a key with `hamster token create`, or add a user"
            yield Finding(Weight.HINT, "nobody but this machine's user can come in", advice)
        if not security.audit:
            yield Finding(Weight.HINT, "nothing is noted of who does what", "set security.audit to true")
    for key in sorted(keys, key=lambda key: key.created_at):
        yield from _key(key, now)


def _key(key: ApiKey, now: float) -> Iterator[Finding]:
    name = f"the API key {key.id} ({key.name!r}, {key.scope})"
    revoke = f"`hamster token revoke {key.id}`"
    if key.expired(now):
        yield Finding(Weight.HINT, f"{name} has expired", revoke)
    elif key.expires_at is None and key.scope == "admin":
        yield Finding(Weight.HINT, f"{name} holds for ever", f"make one that expires, then {revoke}")
    elif now - key.created_at > OLD_DAYS * DAY:
        yield Finding(Weight.HINT, f"{name} is older than {OLD_DAYS} days", f"make another, then {revoke}")


def _origins(config: HamsterConfig) -> Iterator[Finding]:
    server = config.server
    insecure = [one for one in server.allowed_origins if one.startswith("http://") and one not in ORIGINS]
    for one in insecure:
        yield Finding(Weight.HINT, f"pages of {one} may use it, and come without TLS", "serve them over https")
    if config.security is not None and set(ORIGINS) <= set(server.allowed_origins):
        advice = "set server.allowed_origins to the pages that there are"
        yield Finding(Weight.HINT, "the development servers' origins are allowed", advice)


def _files(config: HamsterConfig, data_dir: Path) -> Iterator[Finding]:
    vault = Vault(data_dir)
    private = (data_dir, vault.directory, vault.path, vault.secret_path, runtime_path(data_dir))
    wide = [found for path in private if (found := _mode(path, OTHERS)) is not None]
    for path, mode in wide:
        only = "700" if path.is_dir() else "600"
        yield Finding(Weight.WRONG, f"{path} is open to others (mode {mode:o})", f"chmod {only} {path}")
    if not wide:
        yield Finding(
            Weight.OK, f"{data_dir} is this user's alone" if data_dir.exists() else f"{data_dir} is not there yet"
        )
    source = config.source
    if source is not None:
        # Whoever writes it has us run commands; to write the directory is to replace it.
        for path in (source, source.absolute().parent):
            found = _mode(path, OTHERS_WRITE)
            if found is not None and not (path.is_dir() and path.stat().st_mode & stat.S_ISVTX):
                yield Finding(
                    Weight.WRONG, f"{path} can be written by others (mode {found[1]:o})", f"chmod go-w {path}"
                )


def _mode(path: Path, bits: int) -> tuple[Path, int] | None:
    """It and its mode, if it has any of *bits*. Windows has none of them."""
    if os.name == "nt":
        return None
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None
    return (path, mode) if mode & bits else None


def _webhooks(config: HamsterConfig) -> Iterator[Finding]:
    webhooks = config.webhooks
    named = [(f"webhooks.addresses.{name}", url) for name, url in webhooks.addresses.items()]
    named += [(f"webhooks.routes.{name}", route.url) for name, route in webhooks.routes.items()]
    for where, url in named:
        if url.lower().startswith("http://"):
            yield Finding(Weight.HINT, f"{where} is sent without TLS, its token with it", "use https")
    if webhooks.allow_private:
        advice = "set webhooks.allow_private to false unless a receiver is in your own network"
        yield Finding(Weight.HINT, "webhooks may be sent to addresses of this machine and its network", advice)
