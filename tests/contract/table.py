"""The contract as a table: every endpoint of the API reference, its parameters, its defaults and its answers."""

from collections.abc import Mapping
from typing import Literal

import attrs

from tests.contract.shapes import ANY, Exactly, MapOf, Null, OneOf

Method = Literal["GET", "POST", "PUT", "DELETE", "WebSocket"]

STATUS = OneOf(("running", "stopped", "error", "starting", "stopping"))
LEVEL = OneOf(("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"))
TEXT, NUMBER, FLAG = "text", 1, True

SERVICE: Mapping[str, object] = {
    "id": TEXT,
    "name": TEXT,
    "description": TEXT,
    "status": STATUS,
    "uptime": Null(NUMBER),
    "last_error": Null(TEXT),
    "config": MapOf(ANY),
}
METRICS: Mapping[str, object] = {
    "cpu_percent": NUMBER,
    "memory_percent": NUMBER,
    "disk_usage": NUMBER,
    "network_status": OneOf(("connected", "disconnected", "unknown")),
    "uptime": NUMBER,
    "active_services": NUMBER,
    "timestamp": TEXT,
}
TEMPLATE: Mapping[str, object] = {
    "id": TEXT,
    "name": TEXT,
    "description": TEXT,
    "webhook_type": OneOf(("discord", "slack", "dooray", "generic")),
    "template": TEXT,
    "variables": [TEXT],
    "created_at": TEXT,
    "updated_at": TEXT,
}
SENT: Mapping[str, object] = {
    "id": TEXT,
    "url": TEXT,
    "message": TEXT,
    "webhook_type": TEXT,
    "status": OneOf(("pending", "success", "failed")),
    "response_code": Null(NUMBER),
    "error_message": Null(TEXT),
    "sent_at": TEXT,
}
ENTRY: Mapping[str, object] = {
    "timestamp": Null(TEXT),
    "level": LEVEL,
    "logger_name": Null(TEXT),
    "message": TEXT,
    "module": Null(TEXT),
    "line_number": Null(NUMBER),
    "thread_id": Null(TEXT),
}
ERROR: Mapping[str, object] = {"detail": TEXT, "status_code": NUMBER}
CARD_SENT: Mapping[str, object] = {"success": FLAG, "message": TEXT, "message_id": TEXT}


@attrs.frozen(kw_only=True)
class Row:
    """An endpoint of the reference.

    `path` is as there. `sample` is the path that is asked, with `{webhook}` for the id of a message that was sent, and
    `{hooks}` in a body for a receiver of webhooks. `parameters` are the query's, with their defaults; None is none.
    `valid` are values of them that are asked with, `wrong` ones that are answered with 400. `body` is sent.
    """

    method: Method
    path: str
    sample: str
    answer: object = ANY
    parameters: Mapping[str, str | None] = attrs.field(factory=dict[str, "str | None"])
    valid: Mapping[str, str] = attrs.field(factory=dict[str, str])
    wrong: Mapping[str, str] = attrs.field(factory=dict[str, str])
    body: object = None
    missing: str | None = None
    """A path of the same kind that names nothing: 404."""

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.method} {self.path}"


def command(action: str, words: str) -> Row:
    """A command to a service."""
    return Row(
        method="POST",
        path=f"/api/services/{{service_id}}/{action}",
        sample=f"/api/services/posco_news/{action}",
        answer={"message": Exactly(f"서비스 'posco_news' {words}")},
        missing=f"/api/services/nothing/{action}",
    )


def shortcut(path: str) -> Row:
    """One of the four with the data itself as body."""
    return Row(
        method="POST",
        path=f"/api/webhooks/enhanced/{path}",
        sample=f"/api/webhooks/enhanced/{path}",
        answer=CARD_SENT,
        body={"branch": "main", "webhook_url": "{hooks}"},
    )


ROWS: tuple[Row, ...] = (
    Row(
        method="GET",
        path="/health",
        sample="/health",
        answer={
            "status": Exactly("healthy"),
            "service": Exactly("WatchHamster Backend"),
            "version": Exactly("1.0.0"),
        },
    ),
    Row(method="GET", path="/api/services/", sample="/api/services/", answer=[SERVICE]),
    Row(
        method="GET",
        path="/api/services/{service_id}",
        sample="/api/services/posco_news",
        answer=SERVICE,
        missing="/api/services/nothing",
    ),
    command("restart", "재시작 중..."),
    command("stop", "중지 중..."),
    command("start", "시작 중..."),
    Row(method="GET", path="/api/metrics/", sample="/api/metrics/", answer=METRICS),
    Row(
        method="GET",
        path="/api/metrics/performance",
        sample="/api/metrics/performance",
        answer={
            "cpu_usage": [NUMBER],
            "memory_usage": [NUMBER],
            "disk_io": {"read_bytes": NUMBER, "write_bytes": NUMBER},
            "network_io": {"bytes_sent": NUMBER, "bytes_recv": NUMBER},
            "timestamps": [TEXT],
        },
    ),
    Row(
        method="GET",
        path="/api/metrics/stability",
        sample="/api/metrics/stability",
        answer={
            "error_count": NUMBER,
            "recovery_count": NUMBER,
            "last_health_check": TEXT,
            "system_health": OneOf(("healthy", "warning", "critical")),
            "service_failures": [{"service_id": TEXT, "error": TEXT, "timestamp": TEXT, "resolved": FLAG}],
        },
    ),
    Row(
        method="GET",
        path="/api/metrics/history",
        sample="/api/metrics/history",
        answer={"metrics": [METRICS], "total_count": NUMBER, "returned_count": NUMBER},
        parameters={"limit": "50"},
        valid={"limit": "1"},
        wrong={"limit": "0"},
    ),
    Row(
        method="DELETE",
        path="/api/metrics/history",
        sample="/api/metrics/history",
        answer={"message": TEXT, "cleared_count": NUMBER},
    ),
    Row(
        method="POST",
        path="/api/webhooks/send",
        sample="/api/webhooks/send",
        answer={"message": Exactly("웹훅 전송이 시작되었습니다"), "webhook_id": TEXT},
        body={
            "url": "{hooks}",
            "message": "테스트 메시지",
            "webhook_type": "discord",
            "template_id": "posco_news_alert",
            "variables": {"title": "뉴스 제목", "url": "https://example.com", "timestamp": "2024-01-01 12:00:00"},
        },
    ),
    Row(method="GET", path="/api/webhooks/templates", sample="/api/webhooks/templates", answer=[TEMPLATE]),
    Row(
        method="GET",
        path="/api/webhooks/templates/{template_id}",
        sample="/api/webhooks/templates/posco_news_alert",
        answer={**TEMPLATE, "id": Exactly("posco_news_alert"), "variables": Exactly(["title", "url", "timestamp"])},
        missing="/api/webhooks/templates/nothing",
    ),
    Row(
        method="POST",
        path="/api/webhooks/templates",
        sample="/api/webhooks/templates",
        answer={**TEMPLATE, "id": Exactly("contract"), "variables": Exactly(["who"])},
        body={"id": "contract", "name": "계약", "description": "", "webhook_type": "slack", "template": "안녕 {who}"},
    ),
    Row(
        method="PUT",
        path="/api/webhooks/templates/{template_id}",
        sample="/api/webhooks/templates/contract",
        answer={**TEMPLATE, "template": Exactly("안녕 {{name}}"), "variables": Exactly(["name"])},
        body={"template": "안녕 {{name}}"},
        missing="/api/webhooks/templates/nothing",
    ),
    Row(
        method="DELETE",
        path="/api/webhooks/templates/{template_id}",
        sample="/api/webhooks/templates/contract",
        answer={"message": TEXT},
        missing="/api/webhooks/templates/nothing",
    ),
    Row(
        method="GET",
        path="/api/webhooks/history",
        sample="/api/webhooks/history",
        answer=[SENT],
        parameters={"limit": "50"},
        valid={"limit": "1"},
        wrong={"limit": "1001"},
    ),
    Row(
        method="GET",
        path="/api/webhooks/history/{webhook_id}",
        sample="/api/webhooks/history/{webhook}",
        answer=SENT,
        missing="/api/webhooks/history/webhook_999999",
    ),
    Row(
        method="POST",
        path="/api/webhooks/enhanced/send",
        sample="/api/webhooks/enhanced/send",
        answer=CARD_SENT,
        body={
            "message_type": "deployment_success",
            "data": {"branch": "main", "commit_hash": "abc123", "timestamp": "2024-01-01 12:00:00"},
            "webhook_url": "{hooks}",
        },
    ),
    shortcut("deployment/success"),
    shortcut("deployment/failure"),
    shortcut("system/status"),
    shortcut("error/alert"),
    Row(
        method="GET",
        path="/api/webhooks/enhanced/history",
        sample="/api/webhooks/enhanced/history",
        answer={
            "history": [
                {
                    "id": TEXT,
                    "message_type": TEXT,
                    "priority": TEXT,
                    "title": TEXT,
                    "body": TEXT,
                    "timestamp": TEXT,
                    "color": ANY,
                    "webhook_url": TEXT,
                    "sent": FLAG,
                    "sent_at": Null(TEXT),
                    "response_status": Null(NUMBER),
                    "error_message": Null(TEXT),
                }
            ]
        },
    ),
    Row(
        method="GET",
        path="/api/webhooks/enhanced/statistics",
        sample="/api/webhooks/enhanced/statistics",
        answer={
            "total_sent": NUMBER,
            "successful_sent": NUMBER,
            "failed_sent": NUMBER,
            "last_sent": Null(TEXT),
            "success_rate": NUMBER,
        },
    ),
    Row(
        method="POST",
        path="/api/webhooks/enhanced/test",
        sample="/api/webhooks/enhanced/test",
        answer={"success": Exactly(value=True), "message": TEXT, "response_status": NUMBER},
        body={"webhook_url": "{hooks}"},
    ),
    Row(
        method="PUT",
        path="/api/webhooks/enhanced/config",
        sample="/api/webhooks/enhanced/config",
        answer={"message": TEXT},
        body={"webhook_type": "posco", "webhook_url": "{hooks}"},
    ),
    Row(
        method="GET",
        path="/api/logs/files",
        sample="/api/logs/files",
        answer=[{"name": TEXT, "path": TEXT, "size": NUMBER, "modified_time": TEXT, "is_active": FLAG}],
    ),
    Row(
        method="GET",
        path="/api/logs/",
        sample="/api/logs/",
        answer=[ENTRY],
        parameters={
            "file_name": "watchhamster.log",
            "limit": "100",
            "offset": "0",
            "level": None,
            "search": None,
            "start_time": None,
            "end_time": None,
        },
        valid={
            "file_name": "flaky.log",
            "limit": "1000",
            "offset": "3",
            "level": "ERROR",
            "search": "hamster",
            "start_time": "2024-01-01T12:00:00",
            "end_time": "2034-01-01T12:00:00+09:00",
        },
        wrong={"limit": "1001", "offset": "-1", "level": "LOUD", "start_time": "yesterday", "end_time": "never"},
    ),
    Row(
        method="GET",
        path="/api/logs/stream",
        sample="/api/logs/stream",
        parameters={"file_name": None, "level": None},
        valid={"file_name": "flaky.log", "level": "INFO"},
        wrong={"level": "LOUD"},
    ),
    Row(
        method="WebSocket",
        path="/api/logs/ws",
        sample="/api/logs/ws",
        answer=ENTRY,
        parameters={"file_name": None, "level": None},
        valid={"file_name": "flaky.log", "level": "INFO"},
    ),
    Row(
        method="GET",
        path="/api/logs/download/{file_name}",
        sample="/api/logs/download/watchhamster.log",
        missing="/api/logs/download/nothing.log",
    ),
    Row(
        method="GET",
        path="/api/logs/search",
        sample="/api/logs/search?query=error",
        answer={
            "query": Exactly("error"),
            "file_name": Exactly("watchhamster.log"),
            "total_matches": NUMBER,
            "logs": [ENTRY],
        },
        parameters={"query": "error", "file_name": "watchhamster.log", "limit": "100", "case_sensitive": "false"},
        valid={"limit": "5", "case_sensitive": "true"},
        wrong={"limit": "0", "case_sensitive": "perhaps"},
    ),
    Row(
        method="GET",
        path="/api/logs/statistics",
        sample="/api/logs/statistics",
        answer={
            "total_logs": NUMBER,
            "level_counts": dict.fromkeys(LEVEL.words, NUMBER),
            "hourly_counts": MapOf(NUMBER),
            "top_loggers": MapOf(NUMBER),
            "error_messages": [{"timestamp": Null(TEXT), "level": LEVEL, "message": TEXT}],
        },
        parameters={"file_name": "watchhamster.log", "hours": "24"},
        valid={"file_name": "flaky.log", "hours": "168"},
        wrong={"hours": "169"},
    ),
    Row(
        method="DELETE",
        path="/api/logs/{file_name}",
        sample="/api/logs/flaky.log",
        answer={"message": TEXT},
        missing="/api/logs/nothing.log",
    ),
    Row(
        method="GET",
        path="/api/posco/status",
        sample="/api/posco/status",
        answer={
            "status": TEXT,
            "branch": TEXT,
            "last_deployment": Null(TEXT),
            "services": {"news_monitor": STATUS, "deployment": OneOf(("idle", "in_progress", "failed"))},
        },
    ),
    Row(
        method="POST",
        path="/api/posco/branch-switch",
        sample="/api/posco/branch-switch",
        answer={"message": TEXT, "current_branch": Exactly("redesign")},
        body={"branch": "redesign"},
    ),
    Row(
        method="POST",
        path="/api/posco/deploy",
        sample="/api/posco/deploy",
        answer={"message": TEXT, "deployment_id": TEXT},
        body={"target_branch": "main"},
    ),
    Row(
        method="WebSocket",
        path="/ws",
        sample="/ws",
        answer={
            "type": Exactly("status_update"),
            "data": {"service_id": TEXT, "status": STATUS, "timestamp": TEXT},
            "timestamp": TEXT,
        },
    ),
)
"""In an order in which each finds what it needs."""


def deployment() -> Mapping[str, object]:
    """A deployment of the site."""
    return {
        "session_id": TEXT,
        "status": OneOf(
            ("preparing", "switching_branch", "building", "deploying", "success", "failed", "rolling_back")
        ),
        "current_branch": TEXT,
        "target_branch": TEXT,
        "start_time": TEXT,
        "end_time": Null(TEXT),
        "steps_completed": [TEXT],
        "current_step": TEXT,
        "progress_percentage": NUMBER,
        "error_message": Null(TEXT),
    }


PAGES: Mapping[str, object] = {
    "is_accessible": FLAG,
    "last_check": TEXT,
    "response_time": Null(NUMBER),
    "status_code": Null(NUMBER),
    "error_message": Null(TEXT),
}
GIT: Mapping[str, object] = {
    "current_branch": TEXT,
    "last_commit": TEXT,
    "commit_hash": TEXT,
    "commit_message": TEXT,
    "commit_author": TEXT,
    "commit_date": TEXT,
    "has_uncommitted_changes": FLAG,
    "has_conflicts": FLAG,
    "remote_status": OneOf(("up-to-date", "ahead", "behind", "diverged", "unknown")),
    "ahead_count": NUMBER,
    "behind_count": NUMBER,
}
NEWS: Mapping[str, object] = {
    "type": TEXT,
    "status": OneOf(("latest", "delayed", "outdated", "error", "unknown")),
    "last_update": TEXT,
    "expected_time": Null(TEXT),
    "delay_minutes": Null(NUMBER),
    "data": ANY,
    "error_message": Null(TEXT),
}
VALIDATION: Mapping[str, object] = {"valid": FLAG, "errors": [ANY], "warnings": [ANY]}
MESSAGE: Mapping[str, object] = {"message": TEXT}


def plain(method: Method, path: str, answer: object, body: object = None) -> Row:
    """A call without parameters."""
    return Row(method=method, path=path, sample=path, answer=answer, body=body)


FRONTEND_ROWS: tuple[Row, ...] = (
    plain("GET", "/api/ping", {"status": Exactly("ok"), "version": TEXT}),
    plain("GET", "/api/info", {"version": TEXT, "uptime": NUMBER, "environment": TEXT, "features": [TEXT]}),
    plain(
        "GET",
        "/api/system/status",
        {
            "overall_status": TEXT,
            "services_running": NUMBER,
            "services_total": NUMBER,
            "uptime": NUMBER,
            "last_check": TEXT,
            "components": MapOf(ANY),
            "metrics": METRICS,
        },
    ),
    plain(
        "POST",
        "/api/services/batch",
        {"results": [{"service_id": TEXT, "success": FLAG, "message": TEXT}]},
        {"actions": [{"action": "start", "service_id": "newsroom"}]},
    ),
    Row(
        method="GET",
        path="/api/news/status",
        sample="/api/news/status",
        answer=[NEWS],
        parameters={"news_type": None},
        valid={"news_type": "kospi-close"},
        wrong={"news_type": "gossip"},
    ),
    plain("POST", "/api/news/refresh", {"message": TEXT, "news_types": [TEXT], "force": FLAG}, {"force": True}),
    Row(
        method="GET",
        path="/api/news/history",
        sample="/api/news/history",
        answer={"items": [ANY], "total_count": NUMBER, "offset": NUMBER, "limit": NUMBER, "has_more": FLAG},
        valid={"limit": "1", "offset": "1"},
        wrong={"limit": "0", "offset": "-1"},
    ),
    plain(
        "GET",
        "/api/news/summary",
        {
            "overall_status": TEXT,
            "total_news_types": NUMBER,
            "latest_count": NUMBER,
            "delayed_count": NUMBER,
            "error_count": NUMBER,
            "most_recent_update": Null(TEXT),
            "history_count": NUMBER,
        },
    ),
    plain("DELETE", "/api/news/history", {"message": TEXT, "deleted_count": NUMBER}),
    plain("GET", "/api/settings", {"settings": MapOf(ANY), "last_updated": Null(TEXT), "version": ANY}),
    plain(
        "PUT",
        "/api/settings",
        {
            "settings": MapOf(ANY),
            "validation_result": VALIDATION,
            "applied_changes": [ANY],
            "restart_required": FLAG,
        },
        {"settings": {"alerts": {"rules": {"cpu_high": {"for": 90.0}}}}, "reason": "contract", "validate_only": False},
    ),
    plain(
        "GET",
        "/api/settings/info",
        {
            "settings_file": TEXT,
            "exists": FLAG,
            "size": NUMBER,
            "last_modified": Null(TEXT),
            "backup_count": NUMBER,
            "is_valid": FLAG,
        },
    ),
    plain(
        "GET",
        "/api/settings/backups",
        {
            "backups": [
                {"filename": TEXT, "path": TEXT, "type": TEXT, "size": NUMBER, "created_at": TEXT, "modified_at": TEXT}
            ],
            "total_count": NUMBER,
        },
    ),
    plain("GET", "/api/settings/validate", VALIDATION),
    plain(
        "POST",
        "/api/settings/export",
        {"export_data": ANY, "download_url": TEXT, "expires_at": TEXT},
        {"include_sensitive": False, "format": "json"},
    ),
    plain(
        "POST",
        "/api/settings/cleanup",
        {"message": TEXT, "max_backups": NUMBER, "max_age_days": NUMBER},
        {"max_backups": 10, "max_age_days": 30},
    ),
    plain(
        "POST",
        "/api/settings/reset",
        {"reset_sections": [TEXT], "backup_id": Null(TEXT), "restart_required": FLAG},
        {"sections": ["alerts"], "confirm": True},
    ),
    plain("POST", "/api/webhook/test", {"success": FLAG, "message": TEXT}, {"url": "{hooks}", "message": "시험"}),
    plain("GET", "/api/webhook/templates", [TEMPLATE]),
    Row(
        method="GET",
        path="/api/logs",
        sample="/api/logs?page=1",
        answer={
            "logs": [
                {"id": TEXT, "timestamp": TEXT, "level": TEXT, "service": TEXT, "message": TEXT, "details": MapOf(ANY)}
            ],
            "total": NUMBER,
            "hasMore": FLAG,
        },
        valid={"limit": "5000", "levels": "ERROR", "sources": "watchhamster", "search": "x"},
        wrong={"limit": "5001", "page": "0"},
    ),
    plain(
        "GET",
        "/api/logs/export-formats",
        {"formats": [{"id": TEXT, "name": TEXT, "extension": TEXT, "description": TEXT}]},
    ),
    plain(
        "GET",
        "/api/logs/retention-policy",
        {
            "max_days": Null(NUMBER),
            "max_size_mb": Null(NUMBER),
            "max_files": Null(NUMBER),
            "compression_enabled": FLAG,
            "auto_cleanup": FLAG,
            "cleanup_schedule": TEXT,
            "level_based_retention": MapOf(ANY),
        },
    ),
    plain(
        "POST",
        "/api/logs/cleanup",
        {
            "deleted_files": NUMBER,
            "compressed_files": NUMBER,
            "total_space_freed": NUMBER,
            "total_space_freed_mb": NUMBER,
        },
    ),
    Row(
        method="GET",
        path="/api/posco/status (in full)",
        sample="/api/posco/status",
        answer={
            "current_branch": TEXT,
            "branch_switch_status": OneOf(("idle", "checking", "switching", "verifying", "completed", "failed")),
            "deployment_history": [deployment()],
            "current_deployment": Null(deployment()),
            "github_pages_status": PAGES,
            "git_status": GIT,
        },
    ),
    plain("GET", "/api/posco/deployment/status", {"current_deployment": Null(deployment())}),
    plain("GET", "/api/posco/deployment/history", {"deployment_history": [deployment()]}),
    plain("GET", "/api/posco/branch/current", {"current_branch": TEXT}),
    plain("GET", "/api/posco/github-pages/status", PAGES),
    plain("POST", "/api/posco/deployment/stop", MESSAGE),
    plain("POST", "/api/posco/monitoring/start", MESSAGE),
    plain("POST", "/api/posco/monitoring/stop", MESSAGE),
    plain("POST", "/api/system/restart", {"message": TEXT, "status": TEXT}),
    plain("POST", "/api/system/stop", {"message": TEXT, "status": TEXT}),
    plain("POST", "/api/system/start", {"message": TEXT, "status": TEXT}),
)
"""What the frontend calls beside the reference's endpoints; after those, for the last ones stop everything."""
