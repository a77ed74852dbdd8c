"""Every Korean sentence of an API error, and which error is answered with which status.

Nothing else in the product holds such a sentence. A domain error gets its answer by a line in `ENTRIES`.
"""

from collections.abc import Mapping, Sequence
from typing import cast

import attrs
import msgspec

from actors.alerts.messages import AlertNotFound, WindowNotFound
from actors.deploy.messages import (
    BadBranch,
    DeploymentPaused,
    DeploymentRuns,
    NotConfigured,
    RepositoryUnusable,
    UncommittedChanges,
    UnknownBranch,
)
from actors.logs import InvalidLogName, NotALog, ReadingFailed, StaleCursor, TooManyReaders, UnknownLog
from actors.logs.retention import RetentionOwned
from actors.runtime import ActorRestarting, ActorStopped, AskTimeout, MailboxFull
from actors.services import (
    AlreadyRolling,
    CannotReload,
    CheckAborted,
    InputClosed,
    InputFull,
    NoInput,
    NotApplied,
    NotCheckable,
    NotRunning,
    ServiceExists,
    ServiceIsGroup,
    ServiceNeeded,
    ServiceNotFound,
    ServiceNotRunning,
    ServiceUnavailable,
    ServiceUnconfigured,
)
from actors.store import OutcomeUnknown, StoreFull, StoreUnavailable
from actors.webhooks.messages import (
    AddressTooLong,
    InvalidNotice,
    InvalidTemplate,
    MissingVariable,
    ReceiverDisabled,
    UnknownTemplate,
)
from actors.webhooks.receiver_rows import TooManyReceivers, UnknownReceiver
from actors.webhooks.sent import NotPossible, UnknownWebhook
from actors.webhooks.template_rows import TemplateExists, TooManyTemplates
from actors.webhooks.webhooks import NoAddress, OtherMessage
from hamster.http.gate import Refused
from hamster.security import Denial
from hamster.settings.files import UnknownBackup
from hamster.settings.run_time import SettingOwned, SettingsNotKept

#: What is said when nobody knows better.
STATUS_TEXT: Mapping[int, str] = {
    400: "요청이 올바르지 않습니다",
    401: "인증이 필요합니다",
    403: "접근이 허용되지 않습니다",
    404: "리소스를 찾을 수 없습니다",
    405: "허용되지 않는 메서드입니다",
    406: "요청한 형식으로 응답할 수 없습니다",
    408: "요청 본문이 제시간에 도착하지 않았습니다",
    409: "현재 상태에서는 처리할 수 없는 요청입니다",
    410: "더 이상 제공되지 않는 리소스입니다",
    411: "요청 본문의 길이(Content-Length)가 필요합니다",
    412: "요청의 전제 조건이 맞지 않습니다",
    413: "요청 본문이 너무 큽니다",
    414: "요청 주소가 너무 깁니다",
    415: "지원하지 않는 본문 형식입니다",
    416: "요청한 범위를 제공할 수 없습니다",
    417: "요청의 기대 조건을 만족할 수 없습니다",
    428: "조건부 요청이 필요합니다",
    429: "요청이 너무 많습니다. 잠시 후 다시 시도해 주세요",
    431: "요청 헤더가 너무 큽니다",
    500: "내부 서버 오류가 발생했습니다",
    501: "구현되지 않은 기능입니다",
    503: "지금은 요청을 처리할 수 없습니다. 잠시 후 다시 시도해 주세요",
    505: "지원하지 않는 HTTP 버전입니다",
}
#: Statuses that are not in the table.
CLIENT_ERROR = "요청을 처리할 수 없습니다"

REFUSED_TEXT: Mapping[Refused, str] = {
    Refused.TARGET: "요청 주소는 /로 시작하는 경로여야 합니다",
    Refused.HOST: "허용되지 않은 Host 헤더입니다. localhost로 접속하거나 allowed_hosts에 추가해 주세요",
    Refused.ORIGIN: "허용되지 않은 출처(Origin)입니다. allowed_origins에 추가해 주세요",
}

DENIED_TEXT: Mapping[Denial, str] = {
    Denial.MISSING: "인증이 필요합니다. 로그인하거나 API 키를 보내 주세요",
    Denial.INVALID: "인증 정보가 올바르지 않거나 만료되었습니다",
    Denial.SCOPE: "이 작업을 수행할 권한이 없습니다",
    Denial.RATE: "요청이 너무 많습니다. 잠시 후 다시 시도해 주세요",
}
LOGIN_REFUSED = "아이디 또는 비밀번호가 올바르지 않습니다"
LOGIN_TOO_OFTEN = "로그인 시도가 너무 많습니다. {seconds}초 후 다시 시도해 주세요"
REFRESH_REFUSED = "리프레시 토큰이 올바르지 않거나 만료되었습니다. 다시 로그인해 주세요"
REFRESH_REUSED = "이미 사용된 리프레시 토큰입니다. 세션을 종료했습니다. 다시 로그인해 주세요"
ACCESS_NOT_KEPT = "인증 정보를 저장할 수 없습니다. 디스크와 데이터 디렉터리를 확인해 주세요"
KEY_NOT_FOUND = "API 키를 찾을 수 없습니다: {key}"
KEY_NAME = "이름은 1자 이상 {limit}자 이하여야 합니다"
KEY_EXPIRES = "만료까지의 일수는 0보다 크고 {limit} 이하여야 합니다"
TOO_MANY_KEYS = "API 키가 너무 많습니다 (최대 {limit}개). 사용하지 않는 키를 폐기해 주세요"
SESSION_NOT_FOUND = "세션을 찾을 수 없습니다: {session}"
COMMAND_NEEDS_CONTROL = "이 명령을 실행할 권한이 없습니다 (필요한 권한: control)"

SERVICE_NOT_FOUND = "서비스를 찾을 수 없습니다: {service}"
NO_INPUT = "서비스 '{service}'에는 입력을 보낼 수 없습니다. stdin을 pipe로 설정한 프로세스만 입력을 받을 수 있습니다"
INPUT_FULL = "서비스 '{service}'이(가) 이전 입력을 아직 읽지 않았습니다. 잠시 후 다시 시도해 주세요"
INPUT_CLOSED = "서비스 '{service}'의 입력이 이미 종료되었습니다. 다시 보내려면 재시작해 주세요"
INPUT_NOTHING = "text 또는 end를 지정해야 합니다"
INPUT_TOO_LONG = "{length}바이트입니다. 한 번에 최대 {limit}바이트까지 보낼 수 있습니다"
CANNOT_RELOAD = (
    "서비스 '{service}'에는 설정을 다시 읽게 하는 방법이 없습니다. reload_signal 또는 reload_command를 지정해 주세요"
)
NO_PROCESS = "서비스 '{service}'이(가) 실행 중이 아닙니다 (현재: {state.value})"
RELOAD_FAILED = "서비스 '{service}'이(가) 설정을 다시 읽지 못했습니다: {problem}"
RELOAD_UNFINISHED = "서비스 '{service}'의 설정 다시 읽기가 {seconds:g}초 안에 끝나지 않았습니다"
SERVICE_UNAVAILABLE = "서비스 '{service}'은(는) 이 버전에서 실행할 수 없는 종류입니다: {kind}"
SERVICE_UNCONFIGURED = "서비스 '{service}'에 감시할 대상이 없습니다. 설정에서 {key}을(를) 지정해 주세요"
NOT_CHECKABLE = "서비스 '{service}'은(는) 점검할 수 없는 종류입니다: {kind}"
NOT_RUNNING = "서비스 '{service}'이(가) 실행 중이 아닙니다. 먼저 시작해 주세요"
CHECK_ABORTED = "서비스 '{service}'의 점검이 중단되었습니다. 상태를 확인한 뒤 다시 시도해 주세요"
CHECK_NOT_DONE = "서비스 '{service}'의 점검이 {seconds:g}초 안에 끝나지 않았습니다"
SERVICE_IS_GROUP = "서비스를 찾을 수 없습니다: {service} (인스턴스로 실행됩니다: {instances})"
SERVICE_EXISTS = "같은 ID의 서비스가 이미 있습니다: {service}"
SERVICE_OF_FILE = "서비스 '{service}'은(는) 설정 파일에서 관리됩니다. {file}에서 변경해 주세요"
SERVICE_BUILT_IN = "서비스 '{service}'은(는) 기본 제공 서비스입니다. {file}에서 변경해 주세요"
SERVICE_IS_INSTANCE = "'{service}'은(는) 여러 인스턴스 중 하나입니다. 원래 서비스를 변경해 주세요"
SERVICE_NEEDED = "서비스 '{service}'에 의존하는 서비스가 있어 삭제할 수 없습니다: {by}"
NOT_APPLIED = "서비스 '{service}'의 설정은 저장되었지만 아직 적용하지 못했습니다. 설정을 다시 불러와 주세요"
ID_OF_ADDRESS = "주소의 서비스 ID와 같아야 합니다: {service}"
ALREADY_ROLLING = "이미 순차 재시작 중인 서비스가 있습니다: {ids}"
ROLLING_FAILED = "'{target}' 순차 재시작이 '{service}'에서 중단되었습니다: {why}"
ROLLING_NOT_DONE = "'{target}' 순차 재시작이 {seconds:g}초 안에 끝나지 않았습니다 (완료: {done}/{count})"
LOCAL_ONLY = "이 요청에는 로컬 토큰이 필요합니다. 데이터 디렉터리의 hamster.run.json에 있는 토큰을 보내 주세요"
LOCAL_REFUSED = "로컬 토큰이 올바르지 않습니다"
CONFIG_REFUSED = "설정 파일에 잘못된 값이 있어 아무것도 변경하지 않았습니다: {file}"
CONFIG_LINE = "{line}번째 줄: {problem}"
NOTHING_TO_RELOAD = "설정 파일 없이 실행 중이라 다시 불러올 설정이 없습니다"
STORE_FULL = "디스크가 가득 차서 저장할 수 없습니다"
STORE_UNAVAILABLE = "데이터베이스를 사용할 수 없습니다. 잠시 후 다시 시도해 주세요"
OUTCOME_UNKNOWN = "저장이 제시간에 끝나지 않아 결과를 알 수 없습니다. 상태를 확인해 주세요"
NOT_REACHED = "서비스 '{service}'이(가) {seconds:g}초 안에 {goal} 상태가 되지 않았습니다 (현재: {state})"
BUSY = "서비스 '{service}'이(가) 응답하지 않습니다. 잠시 후 다시 시도해 주세요"
NO_PART = "{kind} '{name}'의 기록이 없습니다. GET /api/metrics/parts 에서 목록을 확인해 주세요"
NO_SAMPLE = "아직 측정된 메트릭이 없습니다. 잠시 후 다시 시도해 주세요"
LOG_NAME = "로그 파일 이름이 올바르지 않습니다: {name}"
LOG_NOT_FOUND = "로그 파일을 찾을 수 없습니다: {name}"
LOG_NO_FILE = "일반 파일이 아니어서 열 수 없습니다"
LOG_ARCHIVE = "보관된 로그 파일은 비울 수 없습니다. 로그 정리를 사용해 주세요: {name}"
LOG_CURSOR = "커서 {cursor}은(는) 더 이상 유효하지 않습니다. 커서 없이 다시 요청해 주세요"
LOG_BUSY = "로그 검색 요청이 너무 많습니다. 잠시 후 다시 시도해 주세요"
LOG_SLOW = "로그를 제시간에 읽지 못했습니다. 기간이나 범위를 줄여 주세요"
RETENTION_OWNED = "로그 보관 정책은 설정 파일의 [logs.retention]에서 관리됩니다. 파일에서 변경해 주세요"
CURSOR_OF_SEVERAL = "커서는 로그 파일 하나에만 사용할 수 있습니다. 여러 파일에는 offset을 사용해 주세요"
START_AFTER_END = "시작 시간은 종료 시간보다 늦을 수 없습니다"
FROM_AFTER_TO = "시작 시간(from)은 종료 시간(to)보다 늦을 수 없습니다"

ALERT_NOT_FOUND = "경고를 찾을 수 없습니다: {alert}"
WINDOW_NOT_FOUND = "등록된 점검 시간을 찾을 수 없습니다. 설정 파일의 점검 시간은 파일에서 변경해 주세요"
SILENCE_EITHER = "seconds와 until 중 하나만 지정해야 합니다"
SILENCE_RANGE = "지금부터 1년 이내의 시간이어야 합니다"

WS_NO_TEXT = "메시지는 텍스트 프레임이어야 합니다"
WS_NO_JSON = "메시지가 올바른 JSON이 아닙니다"
WS_NO_OBJECT = "메시지는 JSON 객체여야 합니다"
WS_UNKNOWN_TYPE = "알 수 없는 메시지 타입입니다: {got}"
WS_DATA_NO_OBJECT = "data와 filters는 JSON 객체여야 합니다"
WS_BAD_VALUE = "{field}의 값 {got}은(는) 사용할 수 없습니다. 가능한 값: {expected}"
WS_TEXTS = "문자열"
WS_TOO_FAST = "메시지가 너무 잦습니다. 초당 {rate}개까지 보낼 수 있습니다"
WS_BUSY = "처리 중인 명령이 너무 많습니다 (최대 {limit}개). 잠시 후 다시 시도해 주세요"

STOPPING = "서버가 종료되는 중이라 변경 요청을 받을 수 없습니다"
TOO_MANY_CONNECTIONS = "동시 연결이 너무 많습니다. 잠시 후 다시 시도해 주세요"
BODY_TOO_LARGE = "요청 본문이 너무 큽니다 (최대 {limit_kib} KiB)"
INVALID_FIELDS = "요청 값이 올바르지 않습니다: {fields}"
INVALID_JSON = "요청 본문이 올바른 JSON이 아닙니다"
INVALID_JSON_AT = "요청 본문이 올바른 JSON이 아닙니다 ({position}번째 바이트)"
NOT_UTF8 = "요청 본문이 UTF-8이 아닙니다"
NESTED_TOO_DEEPLY = "요청 본문의 중첩이 너무 깊습니다"
EXPECTED_JSON = "요청 본문은 JSON(application/json)이어야 합니다"
EXPECTED_OBJECT = "요청 본문은 JSON 객체여야 합니다"
#: The field name of a problem with the body as a whole.
BODY_FIELD = "body"

# Messages of single fields: what was given, and what was expected.
FIELD_MISSING = "필수 값입니다"
FIELD_REPEATED = "한 번만 지정할 수 있습니다 ({count}번 지정됨)"
FIELD_INTEGER = "{got}은(는) 올바르지 않습니다. {low}에서 {high} 사이의 정수여야 합니다"
FIELD_NUMBER = "{got}은(는) 올바르지 않습니다. {low}에서 {high} 사이의 숫자여야 합니다"
FIELD_CHOICE = "{got}은(는) 올바르지 않습니다. 다음 중 하나여야 합니다: {choices}"
FIELD_BOOLEAN = "{got}은(는) 올바르지 않습니다. true 또는 false여야 합니다"
FIELD_DATETIME = "{got}은(는) 올바르지 않습니다. 2024-01-01T12:00:00 또는 2024-01-01T12:00:00+09:00 형식이어야 합니다"
FIELD_TOO_LONG = "{length}자입니다. 최대 {limit}자까지 지정할 수 있습니다"
FIELD_TOO_MANY = "값이 {count}개입니다. 최대 {limit}개까지 지정할 수 있습니다"
FIELD_CURSOR = "{got}은(는) 올바르지 않습니다. 이전 응답의 X-Next-Cursor 값이어야 합니다"
FIELD_EVENT_ID = "{got}은(는) 올바르지 않습니다. 스트림이 보낸 이벤트 ID여야 합니다"
FIELD_EXPRESSION = "{got}은(는) 올바른 정규식(RE2)이 아닙니다: {why}"
FIELD_OF_BODY = "값이 올바르지 않습니다 ({problem})"


@attrs.frozen
class Entry:
    """How errors of one type are answered. `{name}` in the text is the error's attribute of that name."""

    error: type[Exception]
    status: int
    text: str


#: Domain errors. The most derived type that matches decides.
WEBHOOK_ADDRESS_LONG = "웹훅 주소는 {limit}자를 넘을 수 없습니다 (현재 {length}자)"
WEBHOOK_ADDRESS = (
    "{field} 값으로 웹훅을 보낼 수 없습니다."
    " url은 사용자 이름과 비밀번호가 없는 http 또는 https 주소, message는 비어 있지 않은 글이어야 합니다"
)
WEBHOOK_NOT_FOUND = "웹훅 '{webhook_id}'을(를) 찾을 수 없습니다"
WEBHOOK_NOT_POSSIBLE = "웹훅 '{webhook_id}'은(는) 지금 '{status}' 상태이므로 처리할 수 없습니다"
WEBHOOK_DISABLED = "이 주소로의 전송이 중지되어 있습니다 ({why}). 문제를 해결한 뒤 다시 사용하도록 설정해 주세요"
WEBHOOK_NO_ADDRESS = "보낼 주소가 없습니다. webhook_url을 지정하거나 PUT /api/webhooks/enhanced/config 로 설정해 주세요"
WEBHOOK_OTHER_MESSAGE = "Idempotency-Key '{key}'은(는) 다른 메시지에 이미 사용되었습니다. 새 값을 사용해 주세요"
WEBHOOK_SECRET = "whsec_ 로 시작하고 base64로 24~64바이트인 값이어야 합니다"  # noqa: S105 - what one looks like
TEMPLATE_NOT_FOUND = "웹훅 템플릿 '{template_id}'을(를) 찾을 수 없습니다"
TEMPLATE_EXISTS = "웹훅 템플릿 '{template_id}'이(가) 이미 있습니다. 수정하거나 다른 id를 사용해 주세요"
TEMPLATES_FULL = "웹훅 템플릿이 너무 많습니다. 쓰지 않는 것을 먼저 삭제해 주세요"
TEMPLATE_ID = "영문자, 숫자, '_', '.', '-'로 된 1~100자여야 합니다"
TEMPLATE_FIELD = "템플릿의 '{field}'은(는) 사용할 수 없습니다. 중괄호 안에는 {{title}}처럼 이름만 쓸 수 있습니다"
TEMPLATE_VARIABLE = "템플릿에 필요한 변수 '{name}'이(가) 없습니다. variables에 값을 넣어 주세요"
RECEIVER_NOT_FOUND = "웹훅 수신자 '{receiver_id}'을(를) 찾을 수 없습니다"
RECEIVERS_FULL = "웹훅 수신자가 너무 많습니다. 쓰지 않는 것을 먼저 삭제해 주세요"

DEPLOY_UNCONFIGURED = "배포할 저장소가 설정되어 있지 않습니다. 설정 파일의 [posco]에서 worktree를 지정해 주세요"
DEPLOY_PAUSED = "배포 시스템이 중지되어 있습니다. deployment 서비스를 시작한 뒤 다시 시도해 주세요"
DEPLOY_RUNS = "지금은 다른 작업({what})이 진행 중입니다. 끝난 뒤 다시 시도해 주세요"
BRANCH_NAME = "브랜치 이름으로 사용할 수 없습니다: {name}"
BRANCH_NOT_FOUND = "브랜치를 찾을 수 없습니다: {name}"
BRANCH_TWICE = "branch와 target_branch의 값이 서로 다릅니다. 하나만 지정해 주세요"
BRANCH_UNCOMMITTED = "커밋하지 않은 변경 사항이 있어 브랜치를 전환할 수 없습니다: {shown}"
REPOSITORY_UNUSABLE = "저장소에서 처리할 수 없습니다: {text}"

SETTING_OWNED = "'{key}' 설정은 설정 파일 {file}에서 관리됩니다. 파일에서 변경해 주세요"
SETTINGS_NOT_KEPT = "설정을 저장할 수 없습니다. 디스크의 상태를 확인해 주세요"
SETTINGS_BACKUP = "설정 백업을 찾을 수 없습니다: {name}"
SETTINGS_DOWNLOAD = "내보낸 설정을 찾을 수 없거나 보관 기간이 지났습니다: {name}"
SETTINGS_CONFIRM = "초기화하려면 confirm을 true로 지정해 주세요"
SETTINGS_FILE = "설정 파일을 file 항목으로 보내 주세요 (multipart/form-data)"
SETTINGS_UNREADABLE = "올바른 JSON 또는 YAML 설정 파일이 아닙니다: {why}"
SETTINGS_NO_TABLE = "설정은 항목을 가진 객체여야 합니다"

ENTRIES: Sequence[Entry] = (
    Entry(SettingOwned, 409, SETTING_OWNED),
    Entry(SettingsNotKept, 503, SETTINGS_NOT_KEPT),
    Entry(UnknownBackup, 404, SETTINGS_BACKUP),
    Entry(NotConfigured, 409, DEPLOY_UNCONFIGURED),
    Entry(DeploymentPaused, 409, DEPLOY_PAUSED),
    Entry(DeploymentRuns, 409, DEPLOY_RUNS),
    Entry(BadBranch, 400, BRANCH_NAME),
    Entry(UnknownBranch, 404, BRANCH_NOT_FOUND),
    Entry(UncommittedChanges, 409, BRANCH_UNCOMMITTED),
    Entry(RepositoryUnusable, 409, REPOSITORY_UNUSABLE),
    Entry(AddressTooLong, 400, WEBHOOK_ADDRESS_LONG),
    Entry(InvalidNotice, 400, WEBHOOK_ADDRESS),
    Entry(InvalidTemplate, 400, TEMPLATE_FIELD),
    Entry(MissingVariable, 400, TEMPLATE_VARIABLE),
    Entry(NoAddress, 400, WEBHOOK_NO_ADDRESS),
    Entry(NotPossible, 409, WEBHOOK_NOT_POSSIBLE),
    Entry(OtherMessage, 409, WEBHOOK_OTHER_MESSAGE),
    Entry(ReceiverDisabled, 409, WEBHOOK_DISABLED),
    Entry(TemplateExists, 409, TEMPLATE_EXISTS),
    Entry(TooManyReceivers, 409, RECEIVERS_FULL),
    Entry(TooManyTemplates, 409, TEMPLATES_FULL),
    Entry(UnknownReceiver, 404, RECEIVER_NOT_FOUND),
    Entry(UnknownTemplate, 404, TEMPLATE_NOT_FOUND),
    Entry(UnknownWebhook, 404, WEBHOOK_NOT_FOUND),
    Entry(ServiceNotFound, 404, SERVICE_NOT_FOUND),
    Entry(CannotReload, 409, CANNOT_RELOAD),
    Entry(NoInput, 409, NO_INPUT),
    Entry(InputFull, 429, INPUT_FULL),
    Entry(InputClosed, 409, INPUT_CLOSED),
    Entry(ServiceNotRunning, 409, NO_PROCESS),
    Entry(ServiceIsGroup, 404, SERVICE_IS_GROUP),
    Entry(ServiceUnavailable, 409, SERVICE_UNAVAILABLE),
    Entry(ServiceUnconfigured, 409, SERVICE_UNCONFIGURED),
    Entry(NotCheckable, 409, NOT_CHECKABLE),
    Entry(NotRunning, 409, NOT_RUNNING),
    Entry(CheckAborted, 409, CHECK_ABORTED),
    Entry(ServiceExists, 409, SERVICE_EXISTS),
    Entry(ServiceNeeded, 409, SERVICE_NEEDED),
    Entry(NotApplied, 503, NOT_APPLIED),
    Entry(AlreadyRolling, 409, ALREADY_ROLLING),
    Entry(StoreFull, 503, STORE_FULL),
    Entry(OutcomeUnknown, 503, OUTCOME_UNKNOWN),
    Entry(StoreUnavailable, 503, STORE_UNAVAILABLE),
    Entry(AlertNotFound, 404, ALERT_NOT_FOUND),
    Entry(WindowNotFound, 404, WINDOW_NOT_FOUND),
    Entry(InvalidLogName, 400, LOG_NAME),
    Entry(UnknownLog, 404, LOG_NOT_FOUND),
    Entry(NotALog, 404, LOG_NO_FILE),
    Entry(RetentionOwned, 409, RETENTION_OWNED),
    Entry(StaleCursor, 400, LOG_CURSOR),
    Entry(TooManyReaders, 429, LOG_BUSY),
    Entry(ReadingFailed, 503, LOG_SLOW),
    # Of the runtime: an actor that is overloaded, restarting or being stopped with the rest.
    Entry(AskTimeout, 503, STATUS_TEXT[503]),
    Entry(MailboxFull, 503, STATUS_TEXT[503]),
    Entry(ActorRestarting, 503, STATUS_TEXT[503]),
    Entry(ActorStopped, 503, STATUS_TEXT[503]),
)


class ErrorTable:
    """Finds the answer to an error.

    Raises:
        ValueError: Two entries for one type.
    """

    def __init__(self, entries: Sequence[Entry] = ENTRIES) -> None:
        self._entries = {entry.error: entry for entry in entries}
        if len(self._entries) != len(entries):
            raise ValueError("two entries for one error type; expected one, remove the other")

    def find(self, error: Exception) -> tuple[int, str] | None:
        """Status and sentence, or None for an error nobody declared: that one is a mistake of ours."""
        for kind in type(error).__mro__:
            entry = self._entries.get(kind)
            if entry is not None:
                return entry.status, entry.text.format_map(_Attributes(error))
        return None


def sentence_of(error: Exception) -> str:
    """The sentence of a domain error that stands in `ENTRIES`."""
    found = ErrorTable().find(error)
    return STATUS_TEXT[500] if found is None else found[1]


class _Attributes(dict[str, object]):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def __missing__(self, key: str) -> object:
        value: object = getattr(self._error, key)
        return ", ".join(map(str, cast("tuple[object, ...]", value))) if isinstance(value, tuple) else value


def status_text(status: int) -> str:
    known = STATUS_TEXT.get(status)
    if known is not None:
        return known
    return STATUS_TEXT[500] if status >= 500 else CLIENT_ERROR


def error_body(status: int, detail: str | None = None, **more: object) -> bytes:
    """The contract's error as JSON; *more* are further keys beside `detail` and `status_code`."""
    return msgspec.json.encode({"detail": detail or status_text(status), "status_code": status, **more})
