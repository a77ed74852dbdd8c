"""Who may do what: credentials, scopes, rates, and a log of it. Knows nothing of how requests are served."""

from hamster.security.audit import Audit
from hamster.security.guard import Allowed, Decision, Denial, Denied, Guard
from hamster.security.identity import CLIENT, CURRENT, Identity, may
from hamster.security.login import LoginRefused, RefreshRefused, TooManyLogins
from hamster.security.opening import Security, open_security
from hamster.security.scopes import Scope
from hamster.security.vault import VaultError

__all__ = [
    "CLIENT",
    "CURRENT",
    "Allowed",
    "Audit",
    "Decision",
    "Denial",
    "Denied",
    "Guard",
    "Identity",
    "LoginRefused",
    "RefreshRefused",
    "Scope",
    "Security",
    "TooManyLogins",
    "VaultError",
    "may",
    "open_security",
]
