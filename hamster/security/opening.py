"""All of it, for the time of a block."""

import logging
import time
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import attrs
import trio

from actors.runtime.groups import unwrapping
from hamster.security.access_tokens import AccessTokens
from hamster.security.audit import Audit, open_audit
from hamster.security.guard import Guard
from hamster.security.login import Logins
from hamster.security.sessions import RefreshTokens
from hamster.security.settings import SecuritySettings
from hamster.security.vault import Mark, Vault, VaultError

LOOK_SECONDS = 0.5
"""How often it is looked whether `hamster token` changed something: what it revokes is revoked within a second."""

log = logging.getLogger(__name__)


@attrs.frozen
class Security:
    """What stands before the answers, and what lets in."""

    settings: SecuritySettings
    guard: Guard
    logins: Logins
    audit: Audit
    vault: Vault


@asynccontextmanager
async def open_security(
    settings: SecuritySettings, *, data_dir: Path, logs_dir: Path, local_token: str
) -> AsyncGenerator[Security, None]:
    """Security by *settings*, with keys and sessions of *data_dir*; looks for what other programs change there.

    Raises:
        VaultError: What is kept cannot be used.
        OSError: The audit log cannot be written.
    """
    vault = Vault(data_dir)
    secret = await trio.to_thread.run_sync(vault.secret)
    mark = await trio.to_thread.run_sync(vault.mark)
    books = await trio.to_thread.run_sync(vault.read)
    access = AccessTokens(secret)
    guard = Guard(settings, books, access, local_token=local_token)
    logins = Logins(
        settings,
        vault,
        guard,
        access=access,
        refresh=RefreshTokens(secret),
        wall=time.time,
        clock=time.monotonic,
    )
    if not settings.users and not books.keys:
        log.warning(
            "security.nobody users=0 keys=0; only this machine's user gets in; make a key: hamster token create"
        )
    with ExitStack() as stack:
        audit = (
            await trio.to_thread.run_sync(stack.enter_context, open_audit(logs_dir)) if settings.audit else Audit(None)
        )
        security = Security(settings, guard, logins, audit, vault)
        audit.note("security.on", users=len(settings.users), keys=len(books.keys), sessions=len(books.sessions))
        with unwrapping():  # what the block raises leaves it as it is
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_look, security, mark)
                try:
                    yield security
                finally:
                    nursery.cancel_scope.cancel()
                    audit.note("security.off")


async def _look(security: Security, mark: Mark) -> None:
    """Have the guard know what is in the file, and end what lasts and is revoked or expired. For ever."""
    told: str | None = None
    while True:
        await trio.sleep(LOOK_SECONDS)
        try:
            found = await trio.to_thread.run_sync(security.vault.mark)
            if found != mark:
                await security.logins.look_again()
                mark = found
            told = None
        except VaultError as error:
            if str(error) != told:
                told = str(error)
                log.error("security.unreadable error=%r next=decide_by_what_was_known", told)
                security.audit.note("security.unreadable", error=told)
        ended = security.guard.end_revoked()
        if ended:
            security.audit.note("connections.ended", count=ended)
