"""`/api/logs`: the files themselves, to be taken away and emptied."""

import os
import re
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import quote

import attrs
from quart import Response, request
from quart_trio import QuartTrio

from actors.logs import open_log
from actors.logs.files.exporting import FORMATS, Format, exported
from actors.logs.files.ranges import ByteRange, NotSatisfiable, byte_range
from actors.system import System
from hamster.http import errors_ko, texts_ko
from hamster.http.app import json_body, json_response
from hamster.http.file_slices import OpenFile, nothing, slices
from hamster.http.problems import FieldProblem, HttpProblem, InvalidRequest
from hamster.http.times import Stamp

NAME_CHARACTERS = 100
BY_NAME: Mapping[str, Format] = {form: form for form in FORMATS}
MEDIA: Mapping[Format, str] = {
    "txt": "text/plain; charset=utf-8",
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
}


@attrs.define
class ExportBody:
    """What is to be exported; the logs are as the frontend shows them."""

    logs: Sequence[Mapping[str, object]]
    format: str = "txt"
    include_metadata: bool = True
    custom_filename: str | None = None


def register(app: QuartTrio, system: System, stamp: Stamp) -> None:
    """Add the routes of the files to *app*."""
    logs = system.logs

    async def download(file_name: str) -> Response:
        found = await logs.find(file_name)
        file, size, etag = await logs.threads.run(_opened, found.path)
        try:
            unchanged = request.headers.get("if-range", etag) == etag
            wanted = byte_range(request.headers.get("range") if unchanged else None, size)
        except NotSatisfiable:
            raise HttpProblem(416, headers={"Content-Range": f"bytes */{size}"}) from None
        part = wanted or ByteRange(0, size)
        headers = {
            "Content-Disposition": attachment(found.path.name),
            "Content-Length": str(part.end - part.start),
            "Accept-Ranges": "bytes",
            "ETag": etag,
        }
        if wanted is not None:
            headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{size}"
        kind = "application/gzip" if found.path.suffix == ".gz" else "text/plain; charset=utf-8"
        status = 200 if wanted is None else 206
        body = nothing() if request.method == "HEAD" else slices(file, part, partial(logs.threads.run, os.pread))
        return Response(body, status, headers, content_type=kind)

    async def truncate(file_name: str) -> Response:
        found = await logs.find(file_name)
        if found.path.parent == logs.catalogue.directory and not logs.catalogue.is_log(found.path.name):
            raise HttpProblem(409, errors_ko.LOG_ARCHIVE.format(name=file_name))
        await logs.truncate(file_name)
        return json_response({"message": texts_ko.LOG_TRUNCATED.format(name=file_name)})

    async def export() -> Response:
        body = await json_body(ExportBody)
        form = BY_NAME.get(body.format.strip().lower())
        if form is None:
            message = errors_ko.FIELD_CHOICE.format(got=repr(body.format[:60]), choices=", ".join(FORMATS))
            raise InvalidRequest([FieldProblem("format", message)])
        now = datetime.now(UTC)
        about = {"exported_at": stamp(now), "total": len(body.logs), "format": form} if body.include_metadata else None
        name = f"{safe_stem(body.custom_filename) or f'watchhamster-logs-{now:%Y%m%d-%H%M%S}'}.{form}"
        data = await logs.threads.run(exported, body.logs, form, about)
        return Response(data, 200, {"Content-Disposition": attachment(name)}, content_type=MEDIA[form])

    async def export_formats() -> Response:
        found = [
            {"id": form, "name": form.upper(), "extension": f".{form}", "description": texts_ko.EXPORT_FORMATS[form]}
            for form in FORMATS
        ]
        return json_response({"formats": found})

    app.add_url_rule("/api/logs/download/<file_name>", "logs.download", download, methods=["GET"])
    app.add_url_rule("/api/logs/export", "logs.export", export, methods=["POST"])
    app.add_url_rule("/api/logs/export-formats", "logs.export_formats", export_formats, methods=["GET"])
    app.add_url_rule("/api/logs/<file_name>", "logs.truncate", truncate, methods=["DELETE"])


def attachment(name: str) -> str:
    """A Content-Disposition by which *name* is saved, in any language."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def safe_stem(name: str | None) -> str:
    """What of *name* can be a file's name without its extension."""
    kept = re.sub(r"[^\w.-]+", "_", (name or "").strip()).strip("._")
    stem = kept.rpartition(".")[0] if kept.endswith(tuple(f".{form}" for form in FORMATS)) else kept
    return stem[:NAME_CHARACTERS]


def _opened(path: Path) -> tuple[OpenFile, int, str]:
    """The open file, the size as of now, and a tag that stays the same while the file only grows."""
    file = OpenFile(open_log(path))
    found = os.fstat(file.fd)
    beginning = os.pread(file.fd, 256, 0)
    return file, found.st_size, f'"{found.st_ino:x}-{zlib.crc32(beginning):x}"'
