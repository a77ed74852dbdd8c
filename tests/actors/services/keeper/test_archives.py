"""The archives of a log, when others touch them, too."""

import os
from pathlib import Path

from actors.services.keeper.archives import Archives


def test_an_archive_that_somebody_took_away_ends_no_rotation(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    for number in (1, 2, 3):
        (tmp_path / f"a.log.{number}").write_text(f"{number}", "utf-8")
    log.write_text("live", "utf-8")
    archives = Archives(os.fsencode(log), 5, compress=False)
    (tmp_path / "a.log.2").unlink()
    archives.take_in()
    left = {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()}
    assert left == {"a.log.1": "live", "a.log.2": "1", "a.log.4": "3"}
    log.write_text("next", "utf-8")
    archives.take_in()
    left = {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()}
    assert left == {"a.log.1": "next", "a.log.2": "live", "a.log.3": "1", "a.log.4": "3"}
