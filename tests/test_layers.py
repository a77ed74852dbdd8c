"""The packages point one way: the product uses the actors, the actors know nothing of it, nor of serving HTTP."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SERVING = {
    "hamster",
    "quart",
    "quart_trio",
    "hypercorn",
    "werkzeug",
    "flask",
    "h11",
    "h2",
    "wsproto",
    "trio_websocket",
    "click",
    "rich",
}
ONLY_TRIO = {"asyncio", "trio_asyncio", "anyio", "uvloop"}


def imports(package: str) -> dict[str, set[str]]:
    """The top-level names that each file of *package* imports, anywhere in it."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        names: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add((node.module or "").partition(".")[0])
        found[str(path.relative_to(ROOT))] = names
    return found


def test_the_actors_import_nothing_of_the_product_or_of_serving() -> None:
    found = imports("actors")
    assert len(found) > 10
    assert {path: names & SERVING for path, names in found.items() if names & SERVING} == {}


@pytest.mark.parametrize("package", ["actors", "hamster"])
def test_there_is_no_other_event_loop_than_trio(package: str) -> None:
    found = imports(package)
    assert {path: names & ONLY_TRIO for path, names in found.items() if names & ONLY_TRIO} == {}


def test_a_domain_imports_another_domains_messages_only() -> None:
    domains = {path.name for path in (ROOT / "actors").iterdir() if path.is_dir()} - {"runtime", "settings"}
    offences: list[str] = []
    for domain in domains & {"alerts", "services", "metrics", "webhooks", "logs", "deploy"}:
        for path in sorted((ROOT / "actors" / domain).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("actors."):
                    parts = node.module.split(".")
                    if parts[1] in domains - {domain} and parts[-1] != "messages":
                        offences.append(f"{path.relative_to(ROOT)} imports {node.module}")
    assert offences == []


def test_every_import_of_the_actors_is_the_standard_library_or_declared() -> None:
    declared = {"actors", "attrs", "trio", "outcome", "psutil", "httpcore", "httpx", "msgspec"}
    declared |= {"cronsim", "dotenv", "feedparser", "holidays", "jsonpath", "numpy", "re2", "stringzilla", "watchfiles"}
    for path, names in imports("actors").items():
        assert names - declared - set(sys.stdlib_module_names) - {"__future__"} == set(), path


def test_the_server_does_not_load_what_only_its_helpers_need() -> None:
    """NumPy starts threads as it is loaded, which would take the signals that the server holds back."""
    program = "import sys, hamster.product, hamster.cli.serve; print([m for m in sys.argv[1:] if m in sys.modules])"
    ended = subprocess.run(
        [sys.executable, "-c", program, "numpy", "feedparser", "httpx", "prometheus_client", "re2", "stringzilla"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ended.stdout == "[]\n"
