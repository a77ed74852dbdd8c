"""`/api/services`, `/api/events`, `/api/system` and what stands alone."""

from collections.abc import Mapping
from typing import get_args

from actors.services import Rolling
from actors.services.history_rows import What
from hamster.actor_models import ActorNode
from hamster.http.openapi.operations import (
    Each,
    Either,
    Maybe,
    Of,
    Operation,
    Table,
    boolean,
    choice,
    integer,
    number,
    text,
)
from hamster.http.openapi.schemas import TIME
from hamster.http.reloading import ReloadModel
from hamster.http.rolling import MAX_PARALLEL
from hamster.http.service_history import LARGEST, EventModel
from hamster.http.service_input import InputBody
from hamster.http.service_models import LookModel, ServiceModel
from hamster.http.services import MAX_WAIT, Batch
from hamster.http.system import FEATURES
from hamster.http.targets import Result, Several

SERVICE: Mapping[str, object] = {
    "id": "posco_news",
    "name": "POSCO 뉴스 모니터",
    "description": "POSCO 뉴스 시스템 모니터링 및 알림",
    "status": "running",
    "uptime": 3600,
    "last_error": None,
    "config": {},
}
ID, TARGET = {"service_id": "posco_news"}, {"target": "posco_news"}
WAIT = number("wait", "이 시간(초) 안에 상태에 도달할 때까지 기다린 뒤 응답", default=0.0, low=0.0, high=MAX_WAIT)
MANY = "여러 서비스를 가리키면 서비스마다의 결과가 results에 담깁니다"


def _command(summary: str, message: str, *, rolling: bool = False) -> Operation:
    more = (
        boolean("rolling", "하나씩 차례로 재시작"),
        integer("parallel", "동시에 재시작할 수", default=1, low=1, high=MAX_PARALLEL),
    )
    answer = {"message": message, "service_id": "posco_news"}
    query = (WAIT, *more) if rolling else (WAIT,)
    return Operation(summary=summary, answer=answer, query=query, errors=(409,), path=ID, description=MANY)


_CHANGED = {
    "message": "서비스 추가됨: web",
    "service_id": "web",
    "services": [Of(ServiceModel, {**SERVICE, "id": "web"})],
}
_NEW = {"id": "web", "name": "웹", "command": ["/usr/bin/python3", "-m", "http.server"]}
_EVENTS = {"events": [Of(EventModel, {"id": 1, "what": "started"})], "next_before": Maybe(1)}
_EVENT_QUERY = (
    integer("limit", "한 번에 조회할 수", default=100, low=1, high=1000),
    integer("before", "이 번호보다 앞의 것만", default=LARGEST, low=1, high=LARGEST),
    choice("what", "일어난 일의 종류", get_args(What), str(get_args(What)[0]), "list"),
)
_LOOK = {"service_id": "posco_news", "ok": True, "detail": "200", "health": "healthy"}
_SHARE = {"counted": 3600.0, "up": 3590.0}

TABLE: Table = {
    "root": Operation(
        summary="서비스 이름과 문서 주소",
        answer={"message": "WatchHamster Backend", "docs": "/docs", "health": "/health"},
    ),
    "health": Operation(
        summary="서비스 상태 확인",
        answer={"status": "healthy", "service": "WatchHamster Backend", "version": "1.0.0"},
    ),
    "ping": Operation(summary="살아 있는지 확인", answer={"status": "ok", "version": "1.0.0"}),
    "info": Operation(
        summary="버전과 기능",
        answer={
            "version": "1.0.0",
            "uptime": 86400,
            "environment": "production",
            "features": list(FEATURES),
            "product_version": "1.0.0",
            "python": "3.11.2",
            "platform": "linux",
        },
    ),
    "system.status": Operation(
        summary="전체 상태",
        answer={
            "overall_status": "healthy",
            "services_running": 5,
            "services_total": 6,
            "uptime": 86400,
            "last_check": TIME,
            "components": Each({"services": {"status": "running", "restarts": 0}}),
            "metrics": Each({}),
        },
    ),
    **{
        f"system.{name}": Operation(
            summary=f"모든 서비스 {said}", answer={"message": f"모든 서비스 {said} 중...", "status": status}
        )
        for name, said, status in (
            ("start", "시작", "starting"),
            ("stop", "중지", "stopping"),
            ("restart", "재시작", "restarting"),
        )
    },
    "system.reload": Operation(summary="설정 파일 다시 읽기", answer=Of(ReloadModel), errors=(409,), local_token=True),
    "actors.tree": Operation(summary="액터 트리와 통계", answer=Of(ActorNode)),
    "prometheus": Operation(
        summary="Prometheus 지표",
        answer="hamster_services 6\n",
        media=("text/plain", "application/openmetrics-text"),
    ),
    "ws.clients": Operation(
        summary="연결된 WebSocket 클라이언트",
        answer=[
            {
                "client_id": "client_1",
                "connected_at": TIME,
                "info": Each({"user_agent": "curl"}),
                "event_types": ["alert"],
                "queued": 0,
                "missed": 0,
            }
        ],
    ),
    "services.list": Operation(
        summary="모든 서비스 목록 조회",
        answer=[Of(ServiceModel, SERVICE)],
        query=(text("target", "ID, 태그(tag:이름) 또는 패턴", "posco_news"),),
        errors=(404,),
    ),
    "services.get": Operation(summary="특정 서비스 정보 조회", answer=Of(ServiceModel, SERVICE), path=ID),
    "services.start": _command("서비스 시작", "서비스 'posco_news' 시작 중..."),
    "services.stop": _command("서비스 중지", "서비스 'posco_news' 중지 중..."),
    "services.restart": _command("서비스 재시작", "서비스 'posco_news' 재시작 중...", rolling=True),
    "services.batch": Operation(
        summary="여러 서비스에 명령",
        body=Of(Batch, {"actions": [{"action": "start", "service_id": "posco_news"}]}),
        answer={"results": [Of(Result, {"success": True, "message": "서비스 'posco_news' 시작 중..."})]},
    ),
    "services.check": Operation(
        summary="지금 점검",
        answer=Either([Of(LookModel, _LOOK), Of(Several)]),
        errors=(409,),
        path=ID,
        description=MANY,
    ),
    "services.add": Operation(
        summary="서비스 추가",
        body=Of(dict[str, object], _NEW),
        answer=_CHANGED,
        errors=(409,),
        local_token=True,
        description="본문은 id와 hamster.toml의 서비스 키입니다",
    ),
    "services.change": Operation(
        summary="서비스 변경",
        body=Of(dict[str, object], _NEW),
        answer={**_CHANGED, "message": "서비스 변경됨: web"},
        errors=(409,),
        path={"service_id": "web"},
        local_token=True,
        description="본문은 hamster.toml의 서비스 키입니다",
    ),
    "services.remove": Operation(
        summary="서비스 삭제",
        answer={"message": "서비스 삭제됨: web", "service_id": "web"},
        errors=(409,),
        path={"service_id": "web"},
    ),
    "services.input": Operation(
        summary="프로세스의 표준 입력에 쓰기",
        body=Of(InputBody, {"text": "status\n"}),
        answer={"message": "서비스 'web'에 보냄", "service_id": "web", "sent": 7, "ended": False},
        errors=(409,),
        path={"service_id": "web"},
        local_token=True,
    ),
    "services.reload": Operation(
        summary="서비스가 설정을 다시 읽게 하기",
        answer={"message": "서비스 'web' 설정 다시 읽는 중...", "service_id": "web"},
        query=(WAIT,),
        errors=(409,),
        path={"target": "web"},
        description=MANY,
    ),
    "services.rolling": Operation(
        summary="차례로 재시작하는 일의 진행",
        answer=Of(Rolling, {"target": "tag:web", "ids": ["web"], "state": "done"}),
        path=TARGET,
    ),
    "services.events": Operation(summary="서비스에 일어난 일", answer=_EVENTS, query=_EVENT_QUERY, path=ID),
    "events.all": Operation(summary="모든 서비스에 일어난 일", answer=_EVENTS, query=_EVENT_QUERY),
    "services.uptime": Operation(
        summary="가동률",
        answer={
            "service_id": "posco_news",
            **{span: Maybe(99.7) for span in ("24h", "7d", "30d")},
            "seconds": Each({"24h": _SHARE}),
        },
        path=ID,
    ),
}
