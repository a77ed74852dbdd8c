"""`/api/logs`."""

from collections.abc import Sequence

import attrs

from actors.logs import LEVELS
from actors.logs.files.exporting import FORMATS
from actors.settings import RetentionOptions
from hamster.http.log_files import ExportBody
from hamster.http.log_models import EntryModel, FrontendEntry
from hamster.http.logs import FRONTEND_MOST, LEVEL_NAMES, MOST, MOST_OFFSET
from hamster.http.openapi.operations import (
    Each,
    Maybe,
    Of,
    Operation,
    Parameter,
    Table,
    boolean,
    choice,
    instant,
    integer,
    text,
)
from hamster.http.openapi.schemas import TIME

ENTRY = Of(
    EntryModel,
    {
        "timestamp": TIME,
        "level": "INFO",
        "logger_name": "watchhamster",
        "message": "서비스 시작됨",
        "module": "main.py",
        "line_number": 123,
        "thread_id": "MainThread",
        "id": "1:0",
        "service": "watchhamster",
    },
)
FRONTEND = Of(FrontendEntry, {"id": "watchhamster.log:1:0", "message": "서비스 시작됨"})
_FILE = text("file_name", "로그 파일명, 쉼표 목록, 또는 모두(*)", "watchhamster.log")
_LEVEL = choice("level", "로그 레벨 필터", list(LEVEL_NAMES), "INFO", "list")
_SPAN = (instant("start_time", "시작 시간"), instant("end_time", "종료 시간"))
_PAGING: Sequence[Parameter] = (
    integer("limit", "조회할 로그 수", default=100, low=1, high=MOST),
    integer("offset", "건너뛸 로그 수", default=0, low=0, high=MOST_OFFSET),
    text("cursor", "X-Next-Cursor로 받은 위치", "1:0", limit=64),
)
_NAME = {"file_name": "watchhamster.log"}
_POLICY = {
    **attrs.asdict(RetentionOptions(max_days=30.0, max_size_mb=1024.0)),
    "level_based_retention": Each({"DEBUG": 7.0}),
    "owner": "api",
}

TABLE: Table = {
    "logs.entries": Operation(
        summary="로그 조회 (페이지네이션 지원)",
        answer=[ENTRY],
        query=(_FILE, *_PAGING, _LEVEL, text("search", "검색어", "시작"), *_SPAN),
        errors=(404,),
    ),
    "logs.page": Operation(
        summary="모든 서비스의 로그 (프런트엔드)",
        answer={"logs": [FRONTEND], "total": 1, "hasMore": False},
        query=(
            integer("page", "쪽", default=1, low=1, high=MOST_OFFSET),
            integer("limit", "조회할 로그 수", default=100, low=1, high=FRONTEND_MOST),
            choice("levels", "로그 레벨 필터", list(LEVEL_NAMES), "INFO", "list"),
            text("sources", "서비스 ID의 쉼표 목록", "watchhamster"),
            text("search", "검색어", "시작"),
            *_SPAN,
        ),
    ),
    "logs.search": Operation(
        summary="로그 검색",
        answer={"query": "error", "file_name": "watchhamster.log", "total_matches": 5, "logs": [ENTRY]},
        query=(
            text("query", "검색어", "error", required=True),
            _FILE,
            *_PAGING,
            boolean("case_sensitive", "대소문자 구분 여부"),
            boolean("regex", "검색어가 RE2 정규식"),
            _LEVEL,
            *_SPAN,
        ),
        errors=(404,),
    ),
    "logs.statistics": Operation(
        summary="로그 통계 조회",
        answer={
            "total_logs": 1000,
            "level_counts": dict(zip(LEVELS, (100, 700, 150, 45, 5), strict=True)),
            "hourly_counts": Each({"2024-01-01 12:00": 50, "2024-01-01 13:00": 45}),
            "top_loggers": Each({"watchhamster": 500, "api": 300}),
            "error_messages": [{"timestamp": Maybe(TIME), "level": "ERROR", "message": "연결 실패..."}],
        },
        query=(
            text("file_name", "로그 파일명", "watchhamster.log"),
            integer("hours", "통계 기간(시간)", default=24, low=1, high=168),
        ),
        errors=(404,),
    ),
    "logs.files": Operation(
        summary="사용 가능한 로그 파일 목록 조회",
        answer=[
            {
                "name": "watchhamster.log",
                "path": "logs/watchhamster.log",
                "size": 1024000,
                "modified_time": TIME,
                "is_active": True,
                "service": Maybe("watchhamster"),
                "log": Maybe("watchhamster.log"),
            }
        ],
    ),
    "logs.download": Operation(
        summary="로그 파일 다운로드",
        answer=b"",
        media=("text/plain", "application/gzip"),
        statuses=(200, 206),
        errors=(416,),
        path=_NAME,
        description="Range 요청을 지원합니다",
    ),
    "logs.export": Operation(
        summary="로그 내보내기",
        body=Of(ExportBody, {"logs": [{"message": "서비스 시작됨"}], "format": "json"}),
        answer=b"",
        media=("text/plain", "application/json", "text/csv"),
    ),
    "logs.export_formats": Operation(
        summary="내보내기 형식",
        answer={"formats": [{"id": f, "name": f.upper(), "extension": f".{f}", "description": f} for f in FORMATS]},
    ),
    "logs.truncate": Operation(
        summary="로그 파일 내용 삭제", answer={"message": "로그 비움"}, errors=(409,), path=_NAME
    ),
    "logs.policy": Operation(summary="로그 보관 정책", answer=_POLICY),
    "logs.set_policy": Operation(
        summary="로그 보관 정책 변경",
        body=Of(dict[str, object], {"max_days": 30}),
        answer={"message": "저장했습니다", **_POLICY},
        errors=(409,),
        description="아는 키는 GET의 것과 같습니다. 없는 키는 그대로 남습니다",
    ),
    "logs.cleanup": Operation(
        summary="로그 정리",
        body=Of(dict[str, object], {"dry_run": True}),
        body_required=False,
        answer={
            "deleted_files": 1,
            "compressed_files": 1,
            "total_space_freed": 1024,
            "total_space_freed_mb": 0.01,
            "message": "정리했습니다",
            "dry_run": True,
            "deleted": [{"name": "old.log", "reason": "age"}],
            "compressed": ["new.log"],
            "removed_records": Each({"watchhamster.log": 1}),
            "failed": Each({"old.log": "Permission denied"}),
        },
        query=(boolean("dry_run", "지우지 않고 무엇을 지울지만"),),
        errors=(409,),
    ),
    "logs.stream": Operation(
        summary="로그 스트리밍 (Server-Sent Events)",
        answer='id: 1:120\ndata: {"level": "INFO", "message": "서비스 시작됨"}\n\n',
        media=("text/event-stream",),
        query=(
            _FILE,
            _LEVEL,
            integer("lines", "먼저 보낼 지난 줄 수", default=0, low=0, high=1000),
            text("last_event_id", "Last-Event-ID 헤더 대신", "1:0", limit=8000),
        ),
        errors=(404,),
        description="끝나지 않는 응답입니다. data는 로그 항목 하나의 JSON이고, 15초마다 주석이 옵니다",
    ),
}
