"""Looking at things from outside: over HTTP, at a port, by a command; and what many looks amount to."""

from actors.services.look import Figures, Look
from actors.services.probing.asking import judge_of, look
from actors.services.probing.command import look_exec
from actors.services.probing.http import look_http
from actors.services.probing.looks import LookFailed
from actors.services.probing.standing import Judge, Standing, Told, notice
from actors.services.probing.tcp import look_tcp

__all__ = [
    "Figures",
    "Judge",
    "Look",
    "LookFailed",
    "Standing",
    "Told",
    "judge_of",
    "look",
    "look_exec",
    "look_http",
    "look_tcp",
    "notice",
]
