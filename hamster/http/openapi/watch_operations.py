"""`/api/metrics`, `/api/alerts` and `/api/news`."""

from actors.metrics.parts import KINDS
from actors.metrics.top import MAX_ROWS
from actors.settings import LEVELS
from hamster.http.alert_models import AlertModel, RuleModel, WindowModel
from hamster.http.alerts import Acknowledgement, Until, Window
from hamster.http.metrics import MAX_STEP, RANGES, SORTS
from hamster.http.metrics_models import MetricsModel, PerformanceModel, SeriesModel, StabilityModel
from hamster.http.news import MOST, MOST_OFFSET, RefreshBody
from hamster.http.openapi.operations import Each, Maybe, Of, Operation, Table, choice, instant, integer, number, text
from hamster.http.openapi.schemas import TIME

METRICS = {
    "cpu_percent": 45.2,
    "memory_percent": 67.8,
    "disk_usage": 23.4,
    "network_status": "connected",
    "uptime": 86400,
    "active_services": 6,
    "timestamp": TIME,
}
PERFORMANCE = {
    "cpu_usage": [45.2, 46.1],
    "memory_usage": [67.8, 68.2],
    "disk_io": {"read_bytes": 1024000, "write_bytes": 512000},
    "network_io": {"bytes_sent": 2048000, "bytes_recv": 4096000},
    "timestamps": [TIME, "2024-01-01T12:01:00+09:00"],
}
_RANGE = (
    choice("time_range", "기간 (기본값: 최근 10분)", list(RANGES), "1h", "one"),
    instant("from", "시작 시간"),
    instant("to", "끝 시간"),
    number("step", "점 사이의 초 (0: 알아서)", default=0.0, low=0.0, high=MAX_STEP),
)
_PAGE = integer("page", "쪽", default=1, low=1, high=1_000_000)
_DISK = {
    "read_bytes": 1024000,
    "write_bytes": 512000,
    "read_bytes_per_second": Maybe(10.5),
    "write_bytes_per_second": Maybe(5.5),
}
_NET = {
    "recv_bytes": 4096000,
    "sent_bytes": 2048000,
    "recv_bytes_per_second": Maybe(10.5),
    "sent_bytes_per_second": Maybe(5.5),
}
_PART = {"kind": "service", "name": "posco_news", "figures": ["cpu_percent"]}
_ALERT = Of(AlertModel, {"id": "alert_1", "state": "firing", "level": "warning"})
_DONE = {"message": "경보 alert_1 처리됨", "alert": Maybe(_ALERT), "kept": True}
_ALERT_ID, _RULE, _WINDOW = {"alert_id": "alert_1"}, {"name": "cpu"}, {"window_id": "maintenance_1"}
_NEWS_TYPE = text("news_type", "뉴스 종류: exchange-rate, newyork-market-watch, kospi-close 등", "exchange-rate")

TABLE: Table = {
    "metrics.current": Operation(summary="현재 시스템 메트릭 조회", answer=Of(MetricsModel, METRICS)),
    "metrics.performance": Operation(
        summary="성능 메트릭 조회 (히스토리 포함)", answer=Of(PerformanceModel, PERFORMANCE), query=_RANGE
    ),
    "metrics.details": Operation(
        summary="장치별 현재 수치",
        answer={
            **METRICS,
            "network_usage": Maybe(1.5),
            "network_speed_mbps": Maybe(12.5),
            **{key: Maybe(1.5) for key in ("swap_percent", "load_1", "load_5", "load_15", "temperature")},
            "open_files": Maybe(1000),
            "open_files_percent": Maybe(0.5),
            "processes": Maybe(100),
            "disks": Each({"sda": _DISK}),
            "interfaces": Each({"eth0": _NET}),
            "mounts": Each({"/": Each({})}),
            "temperatures": Each({"coretemp": 42.5}),
        },
    ),
    "metrics.parts": Operation(summary="히스토리가 있는 장치와 서비스", answer={"parts": [_PART]}),
    "metrics.part": Operation(
        summary="장치나 서비스 하나의 히스토리",
        answer={
            **_PART,
            "step": 2,
            "timestamps": [TIME],
            "samples": [1],
            "after_gap": [False],
            "series": Each({"cpu_percent": Of(SeriesModel, {"avg": [1.5], "min": [1.0], "max": [2.0]})}),
        },
        query=(
            choice("kind", "종류", KINDS, "service", "one"),
            text("name", "이름", "posco_news", required=True),
            *_RANGE,
        ),
        errors=(404,),
    ),
    "metrics.processes": Operation(
        summary="자원을 가장 많이 쓰는 프로세스",
        answer={
            "processes": [
                {
                    "pid": 4711,
                    "parent_pid": Maybe(1),
                    "name": "python3",
                    "command": "python3 -m http.server",
                    "user": Maybe("posco"),
                    "cpu_percent": 1.5,
                    "memory_bytes": 1024000,
                    "service_id": Maybe("posco_news"),
                }
            ],
            "sort": "cpu",
        },
        query=(
            choice("sort", "정렬 (기본값: cpu)", list(SORTS), "cpu", "one"),
            integer("limit", "조회할 수", default=20, low=1, high=MAX_ROWS),
        ),
    ),
    "metrics.stability": Operation(
        summary="안정성 메트릭 조회",
        answer=Of(
            StabilityModel,
            {"error_count": 2, "recovery_count": 1, "last_health_check": TIME, "system_health": "healthy"},
        ),
    ),
    "metrics.history": Operation(
        summary="메트릭 히스토리 조회",
        answer={
            "metrics": [Of(MetricsModel, METRICS)],
            "total_count": 100,
            "returned_count": 1,
            "items": [Of(MetricsModel, METRICS)],
            "total": 100,
            "page": 1,
            "size": 50,
            "pages": 2,
        },
        query=(integer("limit", "조회할 메트릭 수", default=50, low=1, high=1_000), _PAGE),
    ),
    "metrics.clear": Operation(
        summary="메트릭 히스토리 초기화",
        answer={"message": "50개의 메트릭 히스토리가 초기화되었습니다", "cleared_count": 50},
    ),
    "alerts.list": Operation(
        summary="경보 목록",
        answer={"alerts": [_ALERT], "total": 1, "page": 1, "size": 100, "pages": 1},
        query=(
            choice("state", "끝난 것까지 (all) 또는 지금 것만", ("active", "all"), "active", "one"),
            choice("level", "레벨", LEVELS, LEVELS[0], "list"),
            integer("limit", "조회할 수", default=100, low=1, high=1_000),
            _PAGE,
        ),
    ),
    "alerts.get": Operation(summary="경보 하나", answer=_ALERT, path=_ALERT_ID),
    "alerts.acknowledge": Operation(
        summary="경보 확인",
        body=Of(Acknowledgement, {"by": "관리자", "comment": "확인 중"}),
        body_required=False,
        answer=_DONE,
        path=_ALERT_ID,
        errors=(409,),
    ),
    "alerts.silence": Operation(
        summary="경보 알림 끄기", body=Of(Until, {"seconds": 3600.0}), answer=_DONE, path=_ALERT_ID, errors=(409,)
    ),
    "alerts.unsilence": Operation(summary="경보 알림 켜기", answer=_DONE, path=_ALERT_ID, errors=(409,)),
    "alerts.rules": Operation(summary="경보 규칙", answer={"rules": [Of(RuleModel)]}),
    "alerts.silence_rule": Operation(
        summary="규칙의 알림 끄기", body=Of(Until, {"seconds": 3600.0}), answer=_DONE, path=_RULE, errors=(409,)
    ),
    "alerts.unsilence_rule": Operation(summary="규칙의 알림 켜기", answer=_DONE, path=_RULE, errors=(409,)),
    "alerts.windows": Operation(summary="점검 시간 목록", answer={"maintenance": [Of(WindowModel)]}),
    "alerts.open_window": Operation(
        summary="점검 시간 추가",
        body=Of(Window, {"name": "정기 점검", "cron": "0 3 * * 0", "duration": 3600.0}),
        answer={"message": "점검 시간 추가됨", "id": "maintenance_1", "kept": True},
        errors=(409,),
    ),
    "alerts.close_window": Operation(
        summary="점검 시간 삭제",
        answer={"message": "점검 시간 삭제됨", "id": "maintenance_1", "kept": True},
        path=_WINDOW,
    ),
    "news.status": Operation(
        summary="뉴스 종류별 상태",
        answer=[
            {
                "type": "exchange-rate",
                "status": "latest",
                "last_update": TIME,
                "expected_time": Maybe(TIME),
                "delay_minutes": 0.0,
                "data": {
                    "service_id": Maybe("posco_news"),
                    "title": Maybe("환율"),
                    "url": Maybe("https://example.com"),
                    "checked_at": Maybe(TIME),
                },
                "error_message": Maybe("연결 실패"),
            }
        ],
        query=(_NEWS_TYPE,),
    ),
    "news.refresh": Operation(
        summary="뉴스 지금 확인",
        body=Of(RefreshBody, {"news_types": ["exchange-rate"]}),
        body_required=False,
        answer={"message": "뉴스를 확인합니다", "news_types": ["exchange-rate"], "force": False},
        errors=(409,),
    ),
    "news.history": Operation(
        summary="온 뉴스",
        answer={
            "items": [
                {
                    "id": 1,
                    "news_type": "exchange-rate",
                    "service_id": "posco_news",
                    "title": "환율",
                    "url": Maybe("https://example.com"),
                    "published_at": Maybe(TIME),
                    "seen_at": TIME,
                }
            ],
            "total_count": 1,
            "offset": 0,
            "limit": 50,
            "has_more": False,
        },
        query=(
            integer("limit", "조회할 수", default=50, low=1, high=MOST),
            integer("offset", "건너뛸 수", default=0, low=0, high=MOST_OFFSET),
            _NEWS_TYPE,
        ),
    ),
    "news.clear": Operation(
        summary="온 뉴스 지우기",
        answer={"message": "뉴스 1개가 삭제되었습니다", "deleted_count": 1},
        query=(_NEWS_TYPE,),
    ),
    "news.summary": Operation(
        summary="뉴스 요약",
        answer={
            "overall_status": "latest",
            "total_news_types": 3,
            "latest_count": 3,
            "delayed_count": 0,
            "error_count": 0,
            "most_recent_update": Maybe(TIME),
            "history_count": 1,
            "outdated_count": 0,
            "unknown_count": 0,
        },
    ),
}
