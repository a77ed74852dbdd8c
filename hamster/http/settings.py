"""`/api/settings`: what can be set while it runs, its backups, and taking it elsewhere."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, cast

import msgspec
import trio
from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.datastructures import FileStorage

from actors.setting_rules import dotted
from hamster.http import errors_ko, texts_ko
from hamster.http.app import json_body, json_response
from hamster.http.local_token import LocalToken
from hamster.http.problems import FieldProblem, HttpProblem, InvalidRequest
from hamster.http.service_changes import field_problems
from hamster.http.times import Stamp
from hamster.settings.exports import Exports, UnreadableDocument, decoded
from hamster.settings.files import Backup
from hamster.settings.overlay import SECTIONS
from hamster.settings.run_time import Changed, RunTimeSettings
from hamster.settings.secrets import masked

Section = Literal["metrics", "alerts", "logs", "webhooks"]
ATTACHMENT = 'attachment; filename="{name}"'


class ChangeBody(msgspec.Struct):
    """What is to be set."""

    settings: dict[str, object]
    reason: str = ""
    validate_only: bool = False


class ResetBody(msgspec.Struct):
    """What is to be as the configuration has it."""

    sections: list[Section] | None = None
    confirm: bool = False


class ExportBody(msgspec.Struct):
    """What is to be carried elsewhere."""

    sections: list[Section] | None = None
    include_sensitive: bool = False
    format: Literal["json", "yaml"] = "json"


class CleanBody(msgspec.Struct):
    """Which backups are to stay."""

    max_backups: int = 50
    max_age_days: float = 90.0


def register(app: QuartTrio, run_time: RunTimeSettings, stamp: Stamp, token: LocalToken) -> None:
    """Add the routes to *app*."""
    _register_settings(app, run_time, stamp)
    _register_backups(app, run_time, stamp)
    _register_carrying(app, run_time, stamp, token)


def _register_settings(app: QuartTrio, run_time: RunTimeSettings, stamp: Stamp) -> None:
    async def get() -> Response:
        return json_response(await settings_model(run_time, stamp))

    async def put() -> Response:
        body = await json_body(ChangeBody)
        changed = await run_time.change(body.settings, reason=body.reason, validate_only=body.validate_only)
        if changed.problems and not body.validate_only:
            raise refusal(changed)
        return json_response(
            {
                "settings": masked(await run_time.document()),
                "validation_result": validation_model(changed),
                "applied_changes": [] if body.validate_only else changes_model(changed),
                "restart_required": False,
                "version": run_time.version,
                "backup_id": changed.backup,
                "validate_only": body.validate_only,
                "planned_changes": changes_model(changed) if body.validate_only else [],
            }
        )

    async def info() -> Response:
        size, modified = await trio.to_thread.run_sync(_status, run_time.path)
        backups = await run_time.backups()
        return json_response(
            {
                "settings_file": str(run_time.path),
                "exists": size is not None,
                "size": size or 0,
                "last_modified": None if modified is None else stamp(modified),
                "backup_count": len(backups),
                "is_valid": run_time.is_valid,
                "version": run_time.version,
            }
        )

    async def validate() -> Response:
        return json_response(validation_model(await run_time.validate()))

    async def reset() -> Response:
        body = await json_body(ResetBody)
        if not body.confirm:
            raise InvalidRequest.of("confirm", errors_ko.SETTINGS_CONFIRM)
        sections = tuple(body.sections or SECTIONS)
        changed = await run_time.reset(sections)
        if changed.problems:
            raise refusal(changed)
        return json_response({"reset_sections": sections, "backup_id": changed.backup, "restart_required": False})

    base = "/api/settings"
    app.add_url_rule(base, "settings.get", get, methods=["GET"])
    app.add_url_rule(base, "settings.put", put, methods=["PUT"])
    app.add_url_rule(f"{base}/info", "settings.info", info, methods=["GET"])
    app.add_url_rule(f"{base}/validate", "settings.validate", validate, methods=["GET"])
    app.add_url_rule(f"{base}/reset", "settings.reset", reset, methods=["POST"])


def _register_backups(app: QuartTrio, run_time: RunTimeSettings, stamp: Stamp) -> None:
    async def backups() -> Response:
        found = await run_time.backups()
        return json_response({"backups": [backup_model(one, stamp) for one in found], "total_count": len(found)})

    async def backup(name: str) -> Response:
        saved = await run_time.backup(name)
        return json_response(
            {
                "filename": name,
                "settings": masked(saved.settings),
                "version": saved.version,
                "reason": saved.reason,
                "type": saved.kind,
                "created_at": None if saved.updated_at is None else stamp(saved.updated_at),
            }
        )

    async def restore(name: str) -> Response:
        changed = await run_time.restore(name)
        if changed.problems:
            raise refusal(changed)
        message = texts_ko.SETTINGS_RESTORED.format(name=name)
        return json_response({"message": message, "backup_filename": name, "applied_changes": changes_model(changed)})

    async def cleanup() -> Response:
        body = await json_body(CleanBody) if await request.get_data() else CleanBody()
        problems = [
            FieldProblem(name, errors_ko.FIELD_NUMBER.format(got=got, low=0, high=high))
            for name, got, high in (
                ("max_backups", body.max_backups, 10_000),
                ("max_age_days", body.max_age_days, 3_650),
            )
            if not 0 <= got <= high
        ]
        if problems:
            raise InvalidRequest(problems)
        count = await run_time.clean_backups(most=body.max_backups, days=body.max_age_days)
        return json_response(
            {
                "message": texts_ko.SETTINGS_CLEANED.format(count=count),
                "max_backups": body.max_backups,
                "max_age_days": body.max_age_days,
                "deleted_count": count,
            }
        )

    base = "/api/settings"
    app.add_url_rule(f"{base}/backups", "settings.backups", backups, methods=["GET"])
    app.add_url_rule(f"{base}/backups/<name>", "settings.backup", backup, methods=["GET"])
    app.add_url_rule(f"{base}/backups/<name>/restore", "settings.restore", restore, methods=["POST"])
    app.add_url_rule(f"{base}/cleanup", "settings.cleanup", cleanup, methods=["POST"])


def _register_carrying(app: QuartTrio, run_time: RunTimeSettings, stamp: Stamp, token: LocalToken) -> None:
    exports = Exports()

    async def export() -> Response:
        body = await json_body(ExportBody) if await request.get_data() else ExportBody()
        if body.include_sensitive:
            token.require()  # the addresses of webhooks are secrets
        found = await run_time.document()
        table: dict[str, object] = {key: found[key] for key in body.sections or SECTIONS}
        shown = table if body.include_sensitive else cast("dict[str, object]", masked(table))
        document = {"version": run_time.version, "settings": shown}
        made = await trio.to_thread.run_sync(exports.add, document, body.format)
        return json_response(
            {
                "export_data": document if body.format == "json" else made.content.decode(),
                "download_url": f"/api/settings/download/{made.name}",
                "expires_at": stamp(made.expires_at),
            }
        )

    async def download(name: str) -> Response:
        found = exports.find(name)
        if found is None:
            raise HttpProblem(404, errors_ko.SETTINGS_DOWNLOAD.format(name=name))
        headers = {"Content-Disposition": ATTACHMENT.format(name=name), "Cache-Control": "no-store"}
        return Response(found.content, headers=headers, content_type=found.content_type)

    async def bring() -> Response:
        files = cast("Mapping[str, FileStorage]", await request.files)
        file = files.get("file")
        if file is None:
            raise InvalidRequest.of("file", errors_ko.SETTINGS_FILE)
        content: bytes = file.read()
        try:
            table = await trio.to_thread.run_sync(decoded, content)
        except UnreadableDocument as error:
            raise InvalidRequest.of("file", errors_ko.SETTINGS_UNREADABLE.format(why=error)) from None
        changed = await run_time.change(table, reason="import", kind="import")
        if changed.problems:
            raise refusal(changed)
        text = texts_ko.SETTINGS_IMPORTED if changed.changes else texts_ko.SETTINGS_IMPORTED_NOTHING
        result: dict[str, object] = {
            "success": True,
            "message": text,
            "applied_changes": changes_model(changed),
            "warnings": warnings_model(changed),
            "backup_id": changed.backup,
        }
        return json_response({"result": result, "restart_required": False})

    base = "/api/settings"
    app.add_url_rule(f"{base}/export", "settings.export", export, methods=["POST"])
    app.add_url_rule(f"{base}/download/<name>", "settings.download", download, methods=["GET"])
    app.add_url_rule(f"{base}/import", "settings.import", bring, methods=["POST"])


# -- models


async def settings_model(run_time: RunTimeSettings, stamp: Stamp) -> Mapping[str, object]:
    """All that can be set, without secrets."""
    at = run_time.updated_at
    return {
        "settings": masked(await run_time.document()),
        "last_updated": None if at is None else stamp(at),
        "version": run_time.version,
        "changed": masked(await run_time.overlay()),
    }


def refusal(changed: Changed) -> InvalidRequest:
    """400 with everything that is wrong."""
    return InvalidRequest(field_problems(changed.problems))


def validation_model(changed: Changed) -> Mapping[str, object]:
    """Whether it may be set."""
    errors = [{"field": dotted(problem.path), "message": str(problem)} for problem in changed.problems]
    return {"valid": not errors, "errors": errors, "warnings": warnings_model(changed)}


def warnings_model(changed: Changed) -> Sequence[str]:
    """What was left as it is."""
    return [texts_ko.SETTINGS_MASKED.format(key=warning.partition(" ")[0]) for warning in changed.warnings]


def changes_model(changed: Changed) -> Sequence[Mapping[str, object]]:
    """What became another value, without secrets."""
    return [{"key": one.key, "old": masked(one.old), "new": masked(one.new)} for one in changed.changes]


def backup_model(backup: Backup, stamp: Stamp) -> Mapping[str, object]:
    """A backup on the disk."""
    return {
        "filename": backup.name,
        "path": str(backup.path),
        "type": backup.kind,
        "size": backup.size,
        "created_at": stamp(backup.created_at),
        "modified_at": stamp(backup.modified_at),
    }


def _status(path: Path) -> tuple[int | None, datetime | None]:
    """How large a file is and when it was written."""
    try:
        status = path.stat()
    except OSError:
        return None, None
    return status.st_size, datetime.fromtimestamp(status.st_mtime, UTC)
