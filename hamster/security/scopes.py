"""What somebody may do: each scope holds those before it."""

import enum
from typing import Literal, TypeAlias, get_args

ScopeName: TypeAlias = Literal["read", "control", "admin"]
SCOPE_NAMES: tuple[ScopeName, ...] = get_args(ScopeName)


class Scope(enum.IntEnum):
    """Ordered: `Scope.ADMIN >= Scope.READ`."""

    READ = 1
    """Look, and listen on sockets and streams."""
    CONTROL = 2
    """Start, stop and restart what is there; send webhooks; acknowledge and silence alerts."""
    ADMIN = 3
    """Change what is there: settings, services, deployments, logs; write to a service's stdin; give out keys."""

    @property
    def word(self) -> ScopeName:
        """As it is written in configurations and answers."""
        return SCOPE_NAMES[self - 1]

    @classmethod
    def of(cls, word: str) -> "Scope":
        """The scope of that name.

        Raises:
            ValueError: There is none.
        """
        if word not in SCOPE_NAMES:
            raise ValueError(f"scope is {word!r}; expected {', '.join(SCOPE_NAMES)}")
        return cls[word.upper()]
