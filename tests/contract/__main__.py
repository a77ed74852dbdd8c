"""`python -m tests.contract`: check a demo against the contract, endpoint by endpoint, and print what was found."""

import sys
import tempfile
from pathlib import Path

from tests.contract.checking import Checker, lines
from tests.contract.table import FRONTEND_ROWS, ROWS
from tests.end_to_end.hamsters import hamster


def main() -> int:
    """The exit code: 1 if something is not as the contract has it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        directory = Path(name)
        with hamster("demo", "--port", "0", "--data-dir", str(directory / "data"), directory=directory) as demo:
            for service in ("newsroom", "flaky", "posco_news", "github_pages"):
                demo.wait_for(service, status="running")
            checker = Checker(demo)
            checked = [checker.check(row) for row in (*ROWS, *FRONTEND_ROWS)]
    for line in lines(checked):
        print(line)
    return int(any(one.wrong for one in checked))


if __name__ == "__main__":
    sys.exit(main())
