"""`python -m tests.hamster.http.openapi SCHEMATHESIS`: have it ask a demo for everything its document says."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import httpx

from tests.end_to_end.hamsters import hamster

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
LEFT_OUT = (
    "/api/logs/stream",  # it has no end
)
NOWHERE = ("https://discord.com/", "http://127.0.0.1:9/")
"""Nothing is sent to the address of the examples."""
LIMIT = 600
"""Seconds for all of it."""


def main(program: str, examples: str = "50", phases: str = "examples,coverage,fuzzing", *more: str) -> int:
    """The exit code: 1 if an answer is a 5xx, or not as described."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        directory = Path(name)
        with hamster("demo", "--port", "0", "--data-dir", str(directory / "data"), directory=directory) as demo:
            demo.wait_for("newsroom", status="running")
            document = directory / "openapi.json"
            document.write_text(json.dumps(harmless(httpx.get(f"{demo.url}/openapi.json", trust_env=False).text)))
            left_out = [part for path in LEFT_OUT for part in ("--exclude-path", path)]
            command = [program, "run", str(document), "--url", demo.url, "--checks", CHECKS, "--max-examples", examples,
                       "--phases", phases, "--continue-on-failure", "--seed", "1",
                       "--request-timeout", "30", "--workers", "2", *left_out, *more]  # fmt: skip
            try:
                return subprocess.run(command, cwd=directory, timeout=LIMIT, check=False).returncode
            except subprocess.TimeoutExpired:
                print(f"schemathesis did not end within {LIMIT} s", file=sys.stderr)
                return 1


def harmless(text: str) -> object:
    """The document, so that nothing leaves this machine and nobody waits for minutes."""
    document = cast("Mapping[str, Mapping[str, object]]", json.loads(text.replace(*NOWHERE)))
    for item in document["paths"].values():
        for operation in cast("Mapping[str, Mapping[str, list[Mapping[str, object]]]]", item).values():
            for parameter in operation["parameters"]:
                if parameter["name"] == "wait":
                    schema = cast("dict[str, object]", parameter["schema"])
                    schema |= {"maximum": 0.5} if schema["type"] == "number" else {"enum": [False]}
    return document


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
