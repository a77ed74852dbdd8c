"""One document read within limits: the process's whole life."""

from __future__ import annotations

import json
import os
import resource
import sys
from typing import cast

from .document import Unreadable, read
from .wire import Answer, Request

NICE = 10
"""News can wait for everything else."""


def main() -> int:
    """Read a request from the input, a line of JSON and the document, and answer with JSON.

    The limits hold from before the first byte of the document is looked at. Beyond them there is no answer: the
    process ends, by a signal or without memory.
    """
    header = json.loads(sys.stdin.buffer.readline())
    request = cast("Request", header)
    confine(request["memory"], request["cpu"])
    body = sys.stdin.buffer.read()
    try:
        answer: Answer = read(request, body)
    except Unreadable as error:
        answer = {"error": str(error)}
    except MemoryError:
        answer = {"error": "reading it takes more memory than a feed may"}
    except RecursionError:
        answer = {"error": "it is nested too deeply"}
    sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=True).encode())
    return 0


def confine(memory: int, cpu: int) -> None:
    """No more than *memory* bytes and *cpu* seconds, no file written, no process made, and after all others."""
    os.nice(NICE)
    sys.dont_write_bytecode = True  # which would be files
    for what, limit in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        most = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(what, (most, most))
