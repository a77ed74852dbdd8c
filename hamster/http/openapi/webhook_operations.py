"""`/api/webhooks`, and `/api/webhook`, which is the same."""

from actors.settings.webhooks import DEFAULT_NAMES
from actors.webhooks.messages import TYPES
from actors.webhooks.sent import STATUSES
from hamster.http import webhook_receivers, webhook_templates
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
    number,
    text,
)
from hamster.http.openapi.schemas import TIME
from hamster.http.webhook_enhanced import CardBody
from hamster.http.webhook_receivers import LONGEST_OVERLAP
from hamster.http.webhook_singular import TestBody
from hamster.http.webhooks import MOST, MOST_PAGES, AddressBody, SendBody

URL = "https://discord.com/api/webhooks/..."
VARIABLES = {"title": "뉴스 제목", "url": "https://example.com", "timestamp": "2024-01-01 12:00:00"}
SENT = {
    "id": "webhook_1",
    "url": URL,
    "message": "테스트 메시지",
    "webhook_type": "discord",
    "status": "success",
    "response_code": Maybe(200),
    "error_message": Maybe("timeout"),
    "sent_at": TIME,
    "created_at": TIME,
    "attempts": 1,
    "next_attempt_at": Maybe(TIME),
    "response_time_ms": Maybe(12.5),
    "template_id": Maybe("posco_news_alert"),
    "message_type": Maybe("system_status"),
    "event_type": Maybe("alert"),
    "receiver_id": Maybe("receiver_1"),
}
TEMPLATE = {
    "id": "posco_news_alert",
    "name": "POSCO 뉴스 알림",
    "description": "POSCO 뉴스 업데이트 알림 템플릿",
    "webhook_type": "discord",
    "template": "🏢 **POSCO 뉴스 업데이트**\n\n📰 **제목**: {title}",
    "variables": ["title", "url", "timestamp"],
    "created_at": TIME,
    "updated_at": TIME,
}
FIGURES = {
    "total_sent": 10,
    "successful_sent": 9,
    "failed_sent": 1,
    "pending": 0,
    "last_sent": Maybe(TIME),
    "success_rate": 90.0,
    "response_time_p50_ms": Maybe(12.5),
    "response_time_p95_ms": Maybe(80.5),
}
STATISTICS = {**FIGURES, "types": Each({"discord": FIGURES}), "receivers": Each({URL: FIGURES})}
RECEIVER = {
    "id": "receiver_1",
    "name": "운영팀",
    "url": URL,
    "webhook_type": "discord",
    "event_types": ["alert"],
    "enabled": True,
    "allow_private": False,
    "secret": Maybe("whsec_***"),
    "old_secret_until": Maybe(TIME),
    "services": ["posco_news"],
    "quiet_from": Maybe("22:00"),
    "quiet_until": Maybe("07:00"),
    "digest_after": 5,
    "digest_seconds": 60.0,
    "disabled_reason": Maybe("410"),
    "failing_since": Maybe(TIME),
    "created_at": TIME,
    "updated_at": TIME,
}
TESTED = {
    "success": True,
    "message": "웹훅 테스트 성공",
    "response_status": Maybe(200),
    "error_message": Maybe("timeout"),
    "message_id": "webhook_1",
}
CARD = {
    "id": "webhook_1",
    "message_type": "deployment_success",
    "priority": "normal",
    "title": "배포 성공",
    "body": "main",
    "timestamp": TIME,
    "color": "#00ff00",
    "fields": Each({"branch": "main"}),
    "webhook_url": URL,
    "webhook_type": "discord",
    "status": "success",
    "sent": True,
    "sent_at": Maybe(TIME),
    "response_status": Maybe(200),
    "error_message": Maybe("timeout"),
}
DATA = {"branch": "main", "commit_hash": "abc123", "timestamp": "2024-01-01 12:00:00"}
_ACCEPTED = {"success": True, "message": "웹훅 전송이 시작되었습니다", "message_id": "webhook_1"}
_WAIT = boolean("wait", "보내거나 실패할 때까지 기다린 뒤 응답")
_LOOKS: tuple[Parameter, ...] = (
    integer("limit", "조회할 히스토리 수", default=50, low=1, high=MOST),
    integer("page", "쪽", default=1, low=1, high=MOST_PAGES),
    instant("start_date", "시작 시간"),
    instant("end_date", "끝 시간"),
    choice("webhook_type", "웹훅 종류", list(TYPES), "discord", "one"),
    choice("status", "상태", list(STATUSES), "success", "one"),
    text("receiver_id", "수신자", "receiver_1"),
)
_ADDRESS = (
    text("webhook_url", "본문 대신 주소", URL),
    text("webhook_type", "본문 대신 종류: " + ", ".join(dict.fromkeys((*TYPES, *DEFAULT_NAMES))), "discord"),
)
_HOOK, _TEMPLATE, _RECEIVER = (
    {"webhook_id": "webhook_1"},
    {"template_id": "posco_news_alert"},
    {"receiver_id": "receiver_1"},
)


def _shortcut(summary: str) -> Operation:
    body = Of(dict[str, object], {**DATA, "webhook_url": URL})
    return Operation(
        summary=summary, body=body, body_required=False, answer=_ACCEPTED, query=(_WAIT, *_ADDRESS), errors=(409,)
    )


TABLE: Table = {
    "webhooks.send": Operation(
        summary="웹훅 전송",
        body=Of(
            SendBody,
            {
                "url": URL,
                "message": "테스트 메시지",
                "webhook_type": "discord",
                "template_id": "posco_news_alert",
                "variables": VARIABLES,
            },
        ),
        answer={"message": "웹훅 전송이 시작되었습니다", "webhook_id": "webhook_1"},
        query=(_WAIT,),
        errors=(404, 409),
        description="wait=true이면 webhook에 보낸 것이 있습니다. Idempotency-Key 헤더로 두 번 보내는 것을 막습니다",
    ),
    "webhooks.history": Operation(summary="웹훅 전송 히스토리 조회", answer=[SENT], query=_LOOKS),
    "webhooks.one": Operation(
        summary="특정 웹훅 전송 상태 조회",
        answer={
            **SENT,
            "attempt_log": [
                {
                    "attempt": 1,
                    "began_at": TIME,
                    "took_ms": 12.5,
                    "response_code": Maybe(200),
                    "error_message": Maybe("timeout"),
                    "answer": Maybe("ok"),
                }
            ],
        },
        path=_HOOK,
    ),
    "webhooks.retry": Operation(
        summary="다시 보내기",
        answer={"message": "다시 보냅니다", "webhook_id": "webhook_1"},
        path=_HOOK,
        errors=(409,),
    ),
    "webhooks.cancel": Operation(
        summary="보내지 않기",
        answer={"message": "취소했습니다", "webhook_id": "webhook_1"},
        path=_HOOK,
        errors=(409,),
    ),
    "webhooks.statistics": Operation(summary="웹훅 통계", answer=STATISTICS),
    "webhooks.enable": Operation(
        summary="멈춘 주소 다시 쓰기",
        body=Of(AddressBody, {"url": URL}),
        answer={"message": "다시 사용합니다", "changed": True},
    ),
    "webhook_templates.listed": Operation(summary="웹훅 템플릿 목록 조회", answer=[TEMPLATE]),
    "webhook_templates.one": Operation(summary="특정 웹훅 템플릿 조회", answer=TEMPLATE, path=_TEMPLATE),
    "webhook_templates.add": Operation(
        summary="새 웹훅 템플릿 생성",
        body=Of(webhook_templates.TemplateBody, {"name": TEMPLATE["name"], "template": TEMPLATE["template"]}),
        answer=TEMPLATE,
        errors=(409,),
    ),
    "webhook_templates.change": Operation(
        summary="웹훅 템플릿 수정",
        body=Of(webhook_templates.ChangeBody, {"name": TEMPLATE["name"]}),
        answer=TEMPLATE,
        path=_TEMPLATE,
        errors=(409,),
    ),
    "webhook_templates.remove": Operation(
        summary="웹훅 템플릿 삭제", answer={"message": "템플릿 삭제됨"}, path=_TEMPLATE, errors=(409,)
    ),
    "webhook_templates.preview": Operation(
        summary="웹훅 템플릿 미리 보기",
        body=Of(webhook_templates.PreviewBody, {"variables": VARIABLES}),
        body_required=False,
        answer={"template_id": "posco_news_alert", "message": "뉴스 제목", "length": 5},
        path=_TEMPLATE,
    ),
    "webhook_enhanced.send": Operation(
        summary="포팅된 메시지 템플릿 엔진을 사용한 웹훅 전송",
        body=Of(CardBody, {"message_type": "deployment_success", "data": DATA, "webhook_url": URL}),
        answer=_ACCEPTED,
        query=(_WAIT,),
        errors=(409,),
    ),
    "webhook_enhanced.deployment_success": _shortcut("배포 성공 웹훅 전송"),
    "webhook_enhanced.deployment_failure": _shortcut("배포 실패 웹훅 전송"),
    "webhook_enhanced.system_status": _shortcut("시스템 상태 웹훅 전송"),
    "webhook_enhanced.error_alert": _shortcut("오류 알림 웹훅 전송"),
    "webhook_enhanced.history": Operation(
        summary="향상된 웹훅 전송 히스토리 조회", answer={"history": [CARD], "total": 1}, query=_LOOKS
    ),
    "webhook_enhanced.statistics": Operation(summary="웹훅 전송 통계 조회", answer=STATISTICS),
    "webhook_enhanced.test": Operation(
        summary="향상된 웹훅 연결 테스트",
        body=Of(dict[str, object], {"webhook_url": URL}),
        body_required=False,
        answer=TESTED,
        query=_ADDRESS,
        errors=(409,),
    ),
    "webhook_enhanced.config": Operation(
        summary="웹훅 설정 업데이트",
        body=Of(dict[str, object], {"webhook_type": "default", "webhook_url": URL}),
        body_required=False,
        answer={"success": True, "message": "웹훅 설정됨: default", "webhook_type": "default"},
        query=_ADDRESS,
        errors=(409,),
    ),
    "webhook_receivers.listed": Operation(summary="수신자 목록", answer=[RECEIVER]),
    "webhook_receivers.one": Operation(summary="수신자 하나", answer=RECEIVER, path=_RECEIVER),
    "webhook_receivers.add": Operation(
        summary="수신자 추가",
        body=Of(webhook_receivers.ReceiverBody, {"name": "운영팀", "url": URL, "event_types": ["alert"]}),
        answer=RECEIVER,
        errors=(409,),
        description="secret은 이 응답에만 그대로 있습니다",
    ),
    "webhook_receivers.change": Operation(
        summary="수신자 변경",
        body=Of(webhook_receivers.ChangeBody, {"name": "운영팀"}),
        answer=RECEIVER,
        path=_RECEIVER,
        errors=(409,),
    ),
    "webhook_receivers.remove": Operation(
        summary="수신자 삭제", answer={"message": "수신자 삭제됨"}, path=_RECEIVER, errors=(409,)
    ),
    "webhook_receivers.enable": Operation(summary="수신자 켜기", answer=RECEIVER, path=_RECEIVER, errors=(409,)),
    "webhook_receivers.disable": Operation(summary="수신자 끄기", answer=RECEIVER, path=_RECEIVER, errors=(409,)),
    "webhook_receivers.test": Operation(
        summary="수신자 시험",
        answer={"success": True, "message": "웹훅 테스트 성공", "webhook": SENT},
        path=_RECEIVER,
        errors=(409,),
    ),
    "webhook_receivers.rotate-secret": Operation(
        summary="서명 비밀 값 바꾸기",
        answer=RECEIVER,
        query=(number("overlap_seconds", "옛 값도 쓰는 초", default=86_400.0, low=0.0, high=LONGEST_OVERLAP),),
        path=_RECEIVER,
        errors=(409,),
    ),
    "webhook_receivers.replay": Operation(
        summary="지난 메시지 다시 보내기",
        answer={"message": "1개를 다시 보냅니다", "count": 1},
        query=(instant("since", "이때부터", required=True), boolean("only_failed", "실패한 것만")),
        path=_RECEIVER,
        errors=(409,),
    ),
    "webhook.test": Operation(
        summary="주소와 글로 시험",
        body=Of(TestBody, {"url": URL, "message": "테스트 메시지"}),
        answer=TESTED,
        errors=(409,),
    ),
}
