"""`/api/settings` over HTTP: set, checked, kept, taken back and carried elsewhere."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import httpx
import pytest
import trio

from actors.settings import SystemSettings
from hamster.config import HamsterConfig, load_config
from hamster.product import open_product
from hamster.server import bind_sockets
from hamster.server_settings import ServerSettings
from tests.actors.webhooks.receiver import PATIENCE
from tests.hamster.http.asking import Asking, asking

SECRET = "https://discord.com/api/webhooks/12345/very-secret-token"  # noqa: S105 - made up
SHOWN = "https://discord.com/api/webhooks/12345/***"


def plain(directory: Path) -> SystemSettings:
    return SystemSettings(data_dir=directory / "data", zone="Asia/Seoul")


@asynccontextmanager
async def configured(directory: Path, toml: str) -> AsyncGenerator[Asking, None]:
    """A WatchHamster of a configuration file."""
    path = directory / "hamster.toml"
    path.write_text(toml, encoding="utf-8")
    config: HamsterConfig = load_config(path)
    system, sockets = config.system(directory / "data"), await bind_sockets("127.0.0.1", 0)
    with trio.fail_after(3 * PATIENCE):
        async with (
            open_product(system, ServerSettings(), sockets=sockets, config=config) as hamster,
            httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http,
        ):
            yield Asking(hamster, http)


async def put(server: Asking, settings: object, **more: object) -> dict[str, object]:
    return await server.got("PUT", "/api/settings", {"settings": settings, **more})


def at(found: object, *path: str) -> object:
    for key in path:
        found = cast("dict[str, object]", found)[key]
    return found


async def test_a_change_holds_at_once_and_over_a_restart(tmp_path: Path) -> None:
    async with asking(plain(tmp_path)) as server:
        first = await server.got("GET", "/api/settings")
        assert list(first)[:3] == ["settings", "last_updated", "version"]
        assert (first["version"], first["last_updated"]) == (0, None)
        wanted = {"metrics": {"interval": 0.2}, "alerts": {"rules": {"cpu_high": {"above": 70.0, "clear": 60.0}}}}
        changed = await put(server, wanted, reason="a try")
        assert list(changed)[:4] == ["settings", "validation_result", "applied_changes", "restart_required"]
        assert changed["validation_result"] == {"valid": True, "errors": [], "warnings": []}
        assert {str(at(one, "key")) for one in cast("list[object]", changed["applied_changes"])} == {
            "metrics.interval", "alerts.rules.cpu_high.above", "alerts.rules.cpu_high.clear",
        }  # fmt: skip
        assert changed["restart_required"] is False
        readings = server.hamster.system.metrics.readings
        with trio.fail_after(PATIENCE):
            while not any(one.rule.above == 70.0 for one in readings.value.rules):  # noqa: ASYNC110
                await trio.sleep(0.02)
        with readings.subscribe().changes as seen, trio.fail_after(PATIENCE):
            for _ in range(4):  # every two seconds before
                await seen.receive()
        assert (tmp_path / "data/settings.json").stat().st_mode & 0o777 == 0o600
    async with asking(plain(tmp_path)) as server:
        again = await server.got("GET", "/api/settings")
        assert at(again, "settings", "metrics", "interval") == 0.2
        assert again["version"] == 1
        assert str(again["last_updated"]).endswith("+09:00")
        back = await put(server, {"metrics": {"interval": None}})
        assert at(back, "settings", "metrics", "interval") == 2.0


async def test_what_cannot_be_is_refused_as_a_whole_and_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    async with asking(plain(tmp_path)) as server:
        before = await server.got("GET", "/api/settings")
        wrong = {"metrics": {"interval": -1}, "alerts": {"rules": {"cpu_high": {"above": 150}}}}
        error = await server.refused("PUT", "/api/settings", {"settings": wrong}, status=400)
        fields = [at(one, "field") for one in cast("list[object]", error["errors"])]
        assert fields == ["metrics.interval", "alerts.rules.cpu_high.above"]
        tried = await put(server, wrong, validate_only=True)
        assert at(tried, "validation_result", "valid") is False
        assert len(cast("list[object]", at(tried, "validation_result", "errors"))) == 2
        planned = await put(server, {"metrics": {"interval": 5}}, validate_only=True)
        assert (planned["applied_changes"], len(cast("list[object]", planned["planned_changes"]))) == ([], 1)
        assert await server.got("GET", "/api/settings") == before
        assert (await server.got("GET", "/api/settings/backups"))["total_count"] == 0
        bodies: tuple[object, ...] = ({}, {"settings": []}, {"settings": {"server": {"port": 1}}})
        for body in bodies:
            await server.refused("PUT", "/api/settings", body, status=400)
        assert await server.got("GET", "/api/settings/validate") == {"valid": True, "errors": [], "warnings": []}


async def test_what_the_file_sets_is_the_files_also_after_it_is_read_again(tmp_path: Path) -> None:
    toml = "[metrics]\ninterval = 3.0\n[alerts.rules.cpu_high]\nabove = 80.0\n"
    async with configured(tmp_path, toml) as server:
        error = await server.refused("PUT", "/api/settings", {"settings": {"metrics": {"interval": 1.0}}}, status=409)
        assert "metrics.interval" in str(error["detail"])
        assert "hamster.toml" in str(error["detail"])
        await put(server, {"metrics": {"history_seconds": 600.0}, "alerts": {"rules": {"cpu_high": {"for": 5.0}}}})
        (tmp_path / "hamster.toml").write_text("[metrics]\nhistory_seconds = 900.0\n", encoding="utf-8")
        await server.hamster.reloader.reload("a test")
        found = await server.got("GET", "/api/settings")
        assert at(found, "settings", "metrics") == {"interval": 2.0, "history_seconds": 900.0}
        assert at(found, "settings", "alerts", "rules", "cpu_high", "for") == 5.0, "what the file does not set stays"
        assert at(found, "settings", "alerts", "rules", "cpu_high", "above") == 90.0


async def test_every_change_leaves_a_backup_that_brings_everything_back(tmp_path: Path) -> None:
    async with asking(plain(tmp_path)) as server:
        await put(server, {"webhooks": {"addresses": {"default": SECRET}}, "logs": {"retention": {"max_days": 9}}})
        assert at(await server.got("GET", "/api/logs/retention-policy"), "max_days") == 9
        await put(server, {"metrics": {"interval": 4.0}})
        await server.got("POST", "/api/logs/retention-policy", {"max_days": 20})
        found = await server.got("GET", "/api/settings/backups")
        names = [str(at(one, "filename")) for one in cast("list[object]", found["backups"])]
        assert found["total_count"] == len(names) == 3
        keys = set(cast("dict[str, object]", cast("list[object]", found["backups"])[0]))
        assert keys == {"filename", "path", "type", "size", "created_at", "modified_at"}
        one = await server.got("GET", f"/api/settings/backups/{names[1]}")
        assert at(one, "settings", "webhooks", "addresses", "default") == SHOWN
        back = await server.got("POST", f"/api/settings/backups/{names[1]}/restore")
        assert back["backup_filename"] == names[1]
        now = await server.got("GET", "/api/settings")
        assert at(now, "settings", "metrics", "interval") == 2.0
        assert at(now, "settings", "logs", "retention", "max_days") == 9
        assert await server.hamster.system.webhooks.addresses() == {"default": SECRET}
        reset = await server.got("POST", "/api/settings/reset", {"confirm": True, "sections": ["webhooks", "logs"]})
        assert reset["reset_sections"] == ["webhooks", "logs"]
        assert await server.hamster.system.webhooks.addresses() == {}
        assert at(await server.got("GET", "/api/logs/retention-policy"), "max_days") == 30
        await server.refused("POST", "/api/settings/reset", {"confirm": False}, status=400)
        await server.refused("POST", "/api/settings/reset", {"confirm": True, "sections": ["x"]}, status=400)
        info = await server.got("GET", "/api/settings/info")
        assert (info["exists"], info["is_valid"], info["backup_count"]) == (True, True, 5)
        cleaned = await server.got("POST", "/api/settings/cleanup", {"max_backups": 2, "max_age_days": 30})
        assert (cleaned["max_backups"], cleaned["max_age_days"], cleaned["deleted_count"]) == (2, 30, 3)
        await server.refused("POST", "/api/settings/cleanup", {"max_backups": -1}, status=400)


@pytest.mark.parametrize(
    "name", ["nothing", "..%2fsettings.json", "settings-20260101T000000-0001.json", "%2e%2e", "settings-1.json%00"]
)
async def test_no_name_of_a_backup_leads_anywhere_else(tmp_path: Path, name: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/backups").mkdir()
    (tmp_path / "data/secret.json").write_text("{}")
    (tmp_path / "data/backups/settings-20260101T000000-0002.json").symlink_to("../secret.json")
    async with asking(plain(tmp_path)) as server:
        for path in (f"backups/{name}", "backups/settings-20260101T000000-0002.json"):
            status, _ = await server.ask("GET", f"/api/settings/{path}")
            assert status in (400, 404)
        status, _ = await server.ask("POST", f"/api/settings/backups/{name}/restore")
        assert status in (400, 404)


async def test_settings_are_carried_elsewhere_without_secrets_unless_an_owner_asks(tmp_path: Path) -> None:
    async with asking(plain(tmp_path / "one")) as server:
        await put(server, {"webhooks": {"addresses": {"default": SECRET}}, "metrics": {"interval": 4.0}})
        shown = await server.got("POST", "/api/settings/export", {"format": "yaml"})
        assert SHOWN in str(shown["export_data"])
        assert "very-secret" not in json.dumps(await server.got("GET", "/api/settings"))
        fetched = await server.http.get(server.hamster.url + str(shown["download_url"]))
        assert fetched.text == shown["export_data"]
        assert "attachment" in fetched.headers["content-disposition"]
        body = {"include_sensitive": True, "sections": ["webhooks", "metrics"]}
        await server.refused("POST", "/api/settings/export", body, status=401)
        headers = {"authorization": f"Bearer {server.hamster.token.value}"}
        status, whole = await server.ask("POST", "/api/settings/export", body, headers=headers)
        assert status == 200
        assert at(whole, "export_data", "settings", "webhooks", "addresses", "default") == SECRET
        # A masked one brought back leaves the secret that is there.
        brought = await bring(server, shown["export_data"])
        assert await server.hamster.system.webhooks.addresses() == {"default": SECRET}
        assert "webhooks.addresses.default" in json.dumps(at(brought, "result", "warnings"), ensure_ascii=False)
        await server.refused("GET", "/api/settings/download/settings-x.json", status=404)
    async with asking(plain(tmp_path / "two")) as server:
        brought = await bring(server, json.dumps(at(whole, "export_data")))
        assert (at(brought, "result", "success"), brought["restart_required"]) == (True, False)
        assert await server.hamster.system.webhooks.addresses() == {"default": SECRET}
        assert at(await server.got("GET", "/api/settings"), "settings", "metrics", "interval") == 4.0
        for content in ("[]", "a: b: c", json.dumps({"metrics": {"interval": "x"}})):
            answer = await upload(server, content)
            assert answer.status_code == 400, content
        nothing = await server.http.post(f"{server.hamster.url}/api/settings/import", files={"other": b"{}"})
        assert nothing.status_code == 400


async def upload(server: Asking, content: object) -> httpx.Response:
    files = {"file": ("settings.yaml", str(content).encode())}
    return await server.http.post(f"{server.hamster.url}/api/settings/import", files=files)


async def bring(server: Asking, content: object) -> dict[str, object]:
    answer = await upload(server, content)
    assert answer.status_code == 200, answer.text
    return cast("dict[str, object]", answer.json())


async def test_a_broken_file_is_put_aside_and_said_and_stops_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "settings.json").write_text('{"version": 3, "settings": {"metrics"')
    async with asking(plain(tmp_path)) as server:
        info = await server.got("GET", "/api/settings/info")
        assert (info["is_valid"], info["exists"]) == (False, False)
        assert [path.name for path in data.glob("settings.json.broken-*")]
        with trio.fail_after(PATIENCE):
            while True:
                found = await server.got("GET", "/api/alerts")
                if "settings" in json.dumps(found):
                    break
                await trio.sleep(0.02)
        await put(server, {"metrics": {"interval": 4.0}})
        assert (await server.got("GET", "/api/settings/info"))["is_valid"] is True


async def test_an_address_of_a_webhook_that_is_too_long_is_refused_wherever_it_comes_in(tmp_path: Path) -> None:
    fits = "https://example.com/" + "x" * 2_028
    said = "웹훅 주소는 2048자를 넘을 수 없습니다 (현재 2049자)"
    async with asking(plain(tmp_path)) as server:
        made = await server.got("POST", "/api/webhooks/receivers", {"name": "a", "url": fits})
        receiver = f"/api/webhooks/receivers/{made['id']}"
        await put(server, {"webhooks": {"addresses": {"posco": fits}}})
        long = f"{fits}x"
        for method, path, body in (
            ("POST", "/api/webhooks/send", {"url": long, "message": "hello"}),
            ("POST", "/api/webhook/test", {"url": long}),
            ("POST", "/api/webhooks/receivers", {"name": "b", "url": long}),
            ("PUT", receiver, {"url": long}),
        ):
            assert (await server.refused(method, path, body, status=400))["detail"] == said, path
        wanted = {"settings": {"webhooks": {"addresses": {"posco": long}}}}
        told = json.dumps(await server.refused("PUT", "/api/settings", wanted, status=400))
        assert "at most 2,048 characters" in told
        assert long not in told
        assert at(await server.got("GET", "/api/settings"), "settings", "webhooks", "addresses", "posco") == fits
