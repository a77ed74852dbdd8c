"""The seven kinds of messages with a title, a body and a colour, in Korean. Pure."""

from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

import attrs

from actors.webhooks.cards import Card, Field

MessageType: TypeAlias = Literal[
    "deployment_success",
    "deployment_failure",
    "deployment_start",
    "system_status",
    "error_alert",
    "data_update",
    "maintenance",
]
MESSAGE_TYPES: tuple[MessageType, ...] = get_args(MessageType)

Priority: TypeAlias = Literal["low", "normal", "high", "critical"]

UNKNOWN = "-"
"""Shown for what the data does not say."""
FOOTER = "WatchHamster"
GREEN, RED, BLUE, ORANGE, VIOLET = 0x2ECC71, 0xE74C3C, 0x3498DB, 0xF39C12, 0x9B59B6


@attrs.frozen
class _Kind:
    title: str
    body: str
    color: int
    priority: Priority
    fields: Mapping[str, str]
    """Names of the figures by their keys in the data."""


_KINDS: Mapping[MessageType, _Kind] = {
    "deployment_success": _Kind(
        "🚀 배포가 완료되었습니다",
        "새 버전이 게시되어 사이트에서 확인되었습니다.",
        GREEN,
        "normal",
        {"branch": "브랜치", "commit_hash": "커밋", "duration": "소요 시간", "url": "주소", "timestamp": "시간"},
    ),
    "deployment_failure": _Kind(
        "❌ 배포에 실패했습니다",
        "새 버전을 게시하지 못했습니다. 아래의 오류를 확인해 주세요.",
        RED,
        "high",
        {
            "branch": "브랜치",
            "commit_hash": "커밋",
            "step": "단계",
            "error_message": "오류",
            "rolled_back": "되돌림",
            "timestamp": "시간",
        },
    ),
    "deployment_start": _Kind(
        "🛫 배포를 시작합니다",
        "새 버전을 만들어 게시하는 중입니다.",
        BLUE,
        "low",
        {"branch": "브랜치", "commit_hash": "커밋", "started_by": "시작한 사람", "timestamp": "시간"},
    ),
    "system_status": _Kind(
        "📊 시스템 상태",
        "지금의 서비스와 시스템 자원입니다.",
        BLUE,
        "low",
        {
            "status": "상태",
            "services": "서비스",
            "cpu_percent": "CPU",
            "memory_percent": "메모리",
            "disk_percent": "디스크",
            "uptime": "가동 시간",
            "timestamp": "시간",
        },
    ),
    "error_alert": _Kind(
        "🚨 오류가 발생했습니다",
        "서비스에 오류가 발생했습니다. 확인이 필요합니다.",
        RED,
        "critical",
        {"service_name": "서비스", "error_message": "오류", "error_code": "코드", "timestamp": "시간"},
    ),
    "data_update": _Kind(
        "🔄 데이터가 갱신되었습니다",
        "새 데이터를 받아 반영했습니다.",
        VIOLET,
        "low",
        {"source": "출처", "count": "건수", "title": "제목", "url": "링크", "timestamp": "시간"},
    ),
    "maintenance": _Kind(
        "🛠️ 점검 안내",
        "점검하는 동안 일부 기능을 사용할 수 없습니다.",
        ORANGE,
        "normal",
        {"start_time": "시작", "end_time": "종료", "reason": "사유", "contact": "문의", "timestamp": "시간"},
    ),
}


def priority_of(kind: MessageType) -> Priority:
    """How urgent a message of this kind is."""
    return _KINDS[kind].priority


def card_of(kind: MessageType, data: Mapping[str, object]) -> Card:
    """The card of a message.

    Args:
        kind: Of which kind.
        data: Its figures; `title` and `message` take the place of the kind's own title (not where the kind shows a
            title among its figures) and body. What is missing is shown as `-`.
    """
    known = _KINDS[kind]
    title = known.title if "title" in known.fields else _shown(data.get("title"), known.title)
    fields = tuple(Field(name, _shown(data.get(key), UNKNOWN)) for key, name in known.fields.items())
    return Card(title, _shown(data.get("message"), known.body), known.color, fields, FOOTER)


def _shown(value: object, otherwise: str) -> str:
    if value is None or value == "":
        return otherwise
    if isinstance(value, bool):
        return "예" if value else "아니요"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or otherwise  # pyright: ignore[reportUnknownArgumentType] - whatever JSON has
    return str(value)
