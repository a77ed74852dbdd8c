"""`python -m tests.hamster.http.openapi SCHEMATHESIS`: have it ask a demo for everything its document says."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import cast

import httpx

from tests.end_to_end.hamsters import hamster

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
LEFT_OUT = (
    "/api/logs/stream",  # it has no end
)
OUTSIDE = "https://discord.com/api/webhooks/..."
"""The address of the examples; the demo's own newsroom takes what is sent instead."""
Table = dict[str, object]
BUDGET, LIMIT = 540, 600
"""Seconds: what it may ask for, and what all of it may take."""


def main(program: str, examples: str = "50", phases: str = "examples,fuzzing", *more: str) -> int:
    """The exit code: 1 if an answer is a 5xx, or not as described."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        directory = Path(name)
        with hamster("demo", "--port", "0", "--data-dir", str(directory / "data"), directory=directory) as demo:
            demo.wait_for("newsroom", status="running")
            document = directory / "openapi.json"
            config = httpx.get(f"{demo.url}/api/services/posco_news", trust_env=False).json()["config"]
            hooks = str(config["url"]).replace("/feed.xml", "/hooks/openapi")
            text = httpx.get(f"{demo.url}/openapi.json", trust_env=False, timeout=30).text
            document.write_text(json.dumps(harmless(text, hooks)))
            left_out = [part for path in LEFT_OUT for part in ("--exclude-path", path)]
            command = [program, "run", str(document), "--url", demo.url, "--checks", CHECKS, "--max-examples", examples,
                       "--phases", phases, "--continue-on-failure", "--seed", "1",
                       "--max-time", str(BUDGET), "--request-timeout", "30",
                       "--workers", "4", *left_out, *more]  # fmt: skip
            try:
                return subprocess.run(command, cwd=directory, timeout=LIMIT, check=False).returncode
            except subprocess.TimeoutExpired:
                print(f"schemathesis did not end within {LIMIT} s", file=sys.stderr)
                return 1


def harmless(text: str, hooks: str) -> object:
    """The document, so that nothing leaves this machine and nobody waits for minutes.

    Args:
        hooks: The only address to which anything may be sent; `ftp` is one that cannot be used.
    """
    document = cast("Table", json.loads(text.replace(OUTSIDE, hooks)))
    _tame(document, {"type": "string", "enum": [hooks, "ftp://localhost/"]})
    return document


def _tame(node: object, addresses: Table, *, body: bool = False) -> None:
    if isinstance(node, list):
        for one in cast("list[object]", node):
            _tame(one, addresses, body=body)
    if not isinstance(node, dict):
        return
    table = cast("Table", node)
    schema = table.get("schema")
    if table.get("name") == "wait" and isinstance(schema, dict):
        waits = cast("Table", schema)
        waits |= {"maximum": 0.5} if waits["type"] == "number" else {"enum": [False]}
    elif table.get("name") == "webhook_url":
        table["schema"] = addresses
    properties = table.get("properties")
    if isinstance(properties, dict):
        own = cast("Table", properties)
        own |= {key: addresses for key in ("url", "webhook_url") if key in own}
    elif body and table.get("type") == "object" and "additionalProperties" in table:
        table["properties"] = {"webhook_url": addresses}  # a body that may hold anything
    for key, inner in list(table.items()):
        if key != "responses":  # those are held against what is described
            _tame(inner, addresses, body=body or key == "requestBody")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
