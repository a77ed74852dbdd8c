"""`hamster reload ID` against a server that runs."""

from pathlib import Path

import pytest

from tests.end_to_end.hamsters import run, service, serving, until

HUPPED = "trap 'echo again' HUP; echo up; while :; do sleep 0.01; done"


@pytest.mark.slow
def test_services_are_told_to_read_their_own_configuration_again(tmp_path: Path) -> None:
    toml = service("web", HUPPED, reload_signal="SIGHUP")
    toml += service("odd", "exec sleep 1000", reload_command=["sh", "-c", "exit 3"])
    with serving(tmp_path, toml) as running:
        running.wait_for("web", status="running")
        running.wait_for("odd", status="running")
        log = running.data_dir / "logs" / "web.log"
        until(lambda: log.read_text() == "up\n", "web to be up")
        told = run("reload", "web", data_dir=running.data_dir)
        assert (told.returncode, told.stdout) == (0, "서비스 'web'이(가) 설정을 다시 읽었습니다\n")
        until(lambda: log.read_text() == "up\nagain\n", "web to hear it")
        refused = run("reload", "odd", data_dir=running.data_dir)
        assert refused.returncode == 1
        assert "its command failed: exit code 3; see odd.reload.log" in refused.stderr
