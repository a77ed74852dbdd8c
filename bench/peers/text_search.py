"""The programs that people search logs with: ripgrep and grep."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

from bench.question import Absent


def ripgrep() -> str:
    """The program, of the package from PyPI or of the machine.

    Raises:
        Absent: There is none.
    """
    beside = Path(sys.executable).with_name("rg")
    found = str(beside) if beside.exists() else shutil.which("rg")
    if found is None:
        raise Absent("ripgrep is not installed")
    return found


def grep() -> str:
    """The program.

    Raises:
        Absent: There is none.
    """
    found = shutil.which("grep")
    if found is None:
        raise Absent("grep is not installed")
    return found


def counted(program: str, *arguments: str, file: Path) -> tuple[float, int]:
    """Seconds, and the number that the program prints: lines that match."""
    begun = time.perf_counter()
    done = subprocess.run([program, *arguments, str(file)], capture_output=True, check=True, env={"LC_ALL": "C"})
    return time.perf_counter() - begun, int(done.stdout)
