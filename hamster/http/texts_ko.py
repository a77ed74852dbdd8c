"""Every Korean sentence of an answer or event that is no error; the errors' are in `errors_ko`."""

from collections.abc import Mapping

STARTING = "서비스 '{service}' 시작 중..."
STOPPING = "서비스 '{service}' 중지 중..."
RESTARTING = "서비스 '{service}' 재시작 중..."
ALREADY_RUNNING = "서비스 '{service}'은(는) 이미 실행 중입니다"
ALREADY_STARTING = "서비스 '{service}'은(는) 이미 시작하는 중입니다"
ALREADY_STOPPED = "서비스 '{service}'은(는) 이미 중지되어 있습니다"
ALREADY_STOPPING = "서비스 '{service}'은(는) 이미 중지하는 중입니다"
STARTED = "서비스 '{service}'이(가) 시작되었습니다"
STOPPED = "서비스 '{service}'이(가) 중지되었습니다"
SERVICE_RELOADING = "서비스 '{service}' 설정을 다시 읽는 중..."
SERVICE_RELOADED = "서비스 '{service}'이(가) 설정을 다시 읽었습니다"
SERVICES_RELOADED = "서비스 {count}개에 설정을 다시 읽게 했습니다 ({target})"
RESTARTED = "서비스 '{service}'이(가) 재시작되었습니다"

STARTING_SEVERAL = "서비스 {count}개 시작 중... ({target})"
STOPPING_SEVERAL = "서비스 {count}개 중지 중... ({target})"
RESTARTING_SEVERAL = "서비스 {count}개 재시작 중... ({target})"
STARTED_SEVERAL = "서비스 {count}개가 시작되었습니다 ({target})"
STOPPED_SEVERAL = "서비스 {count}개가 중지되었습니다 ({target})"
RESTARTED_SEVERAL = "서비스 {count}개가 재시작되었습니다 ({target})"
CHECKED_SEVERAL = "서비스 {count}개를 점검했습니다 ({target})"
SOME_FAILED = "서비스 {count}개 중 {failed}개의 요청이 실패했습니다 ({target})"
ROLLING = "서비스 {count}개 순차 재시작 중... ({target})"
ROLLED = "서비스 {count}개의 순차 재시작이 완료되었습니다 ({target})"
ROLLING_WAITS = "서비스 '{service}' 재시작 대기 중..."
ADDED = "서비스 '{service}'이(가) 추가되었습니다"
CHANGED = "서비스 '{service}'의 설정이 변경되었습니다"
REMOVED = "서비스 '{service}'이(가) 삭제되었습니다"
RELOADED = "설정을 다시 불러왔습니다 (추가 {added}, 삭제 {removed}, 재시작 {restarted}, 변경 {changed})"
RELOADED_NOTHING = "설정을 다시 불러왔습니다. 변경된 내용이 없습니다"

ROLLING_FAILED_TITLE = "순차 재시작 중단"
ROLLING_FAILED = "'{target}' 순차 재시작이 '{service}'에서 중단되었습니다: {why}"

SERVICE_EVENTS: Mapping[str, str] = {
    "started": "{name} 서비스가 시작되었습니다",
    "stopped": "{name} 서비스가 중지되었습니다",
    "restarted": "{name} 서비스가 재시작되었습니다",
    "error": "{name} 서비스에 오류가 발생했습니다: {error}",
    "recovered": "{name} 서비스가 복구되었습니다",
    "config_changed": "{name} 서비스의 설정이 변경되었습니다",
}

HISTORY_CLEARED = "{count}개의 메트릭 히스토리가 초기화되었습니다"

ALERT_TITLES: Mapping[str, str] = {
    "fired": "시스템 경고: {figure}",
    "cleared": "시스템 정상화: {figure}",
    "lost": "측정값 없음: {figure}",
    "found": "측정 재개: {figure}",
}
PERCENT_MESSAGES: Mapping[str, str] = {
    "fired": "{figure} 사용률이 {value}입니다 (기준 {threshold} {side}, {seconds:g}초 이상)",
    "cleared": "{figure} 사용률이 {value}로 기준 {clear} {back}(으)로 돌아왔습니다 (지속 시간 {duration})",
    "lost": "{figure} 사용률을 측정할 수 없습니다",
    "found": "{figure} 사용률을 다시 측정합니다 ({value})",
}
FIGURE_MESSAGES: Mapping[str, str] = {
    "fired": "{figure} 값이 {value}입니다 (기준 {threshold} {side}, {seconds:g}초 이상)",
    "cleared": "{figure} 값이 {value}로 기준 {clear} {back}(으)로 돌아왔습니다 (지속 시간 {duration})",
    "lost": "{figure} 값을 측정할 수 없습니다",
    "found": "{figure} 값을 다시 측정합니다 ({value})",
}
SIDES: Mapping[str, str] = {"above": "초과", "below": "미만"}
BACK: Mapping[str, str] = {"above": "이하", "below": "이상"}
FIGURES: Mapping[str, str] = {
    "cpu_percent": "CPU",
    "memory_percent": "메모리",
    "swap_percent": "스왑",
    "disk_percent": "디스크",
    "network_usage": "네트워크",
    "open_files_percent": "파일 디스크립터",
    "load_1": "1분 평균 부하",
    "load_5": "5분 평균 부하",
    "load_15": "15분 평균 부하",
    "temperature": "온도",
    "open_files": "열린 파일",
    "processes": "프로세스 수",
    "disk_read_per_second": "디스크 읽기",
    "disk_write_per_second": "디스크 쓰기",
    "net_sent_per_second": "네트워크 송신",
    "net_recv_per_second": "네트워크 수신",
    "memory_bytes": "메모리",
    "restarts": "최근 1시간 재시작 횟수",
    "health": "상태 점검",
    "down": "중단 여부",
}
"""By the names of figures; percentages are followed by the word for usage."""
UNITS: Mapping[str, str] = {
    "temperature": "°C",
    "open_files": "개",
    "processes": "개",
    "restarts": "회",
}
PER_SECOND = "/초"
YES_NO_MESSAGES: Mapping[tuple[str, str], str] = {
    ("down", "fired"): "{service} 서비스가 {seconds:g}초 이상 동작하지 않습니다",
    ("down", "cleared"): "{service} 서비스가 다시 동작합니다 (지속 시간 {duration})",
    ("health", "fired"): "{service} 서비스의 상태 점검이 {seconds:g}초 이상 실패하고 있습니다",
    ("health", "cleared"): "{service} 서비스의 상태 점검이 다시 성공합니다 (지속 시간 {duration})",
}
ALERTS: Mapping[str, tuple[str, str]] = {
    "log_match": (
        "로그 알림: {name}",
        "'{file}'에서 조건에 맞는 로그가 {minutes}분 안에 {count}번 발견되었습니다: {text}",
    ),
    "service_fatal": (
        "서비스 중단: {name}",
        "{name} 서비스가 반복해서 실패하여 더 이상 재시작하지 않습니다: {error}",
    ),
    "service_unhealthy": ("서비스 이상: {name}", "{name} 서비스의 상태 점검이 실패했습니다: {error}"),
    "monitor_down": ("모니터 장애: {name}", "{name} 감시 대상에 장애가 발생했습니다: {error}"),
    "monitor_flapping": ("모니터 불안정: {name}", "{name} 감시 대상의 상태가 계속 바뀌고 있습니다: {error}"),
    "news_late": ("뉴스 지연: {name}", "{name} 발행이 예정 시각({expected})보다 늦어지고 있습니다"),
    "log_lost": ("로그 기록 실패: {name}", "{name} 서비스의 로그를 기록할 수 없습니다: {error}"),
    "store_failed": ("저장소 장애", "데이터베이스에 기록할 수 없습니다: {error}"),
    "store_broken": ("저장소 손상", "데이터베이스가 손상되어 {path}(으)로 옮기고 새로 만들었습니다"),
    "configuration_refused": (
        "설정 파일 오류",
        "설정 파일에 잘못된 값이 {count}개 있어 아무것도 변경하지 않았습니다: {places}",
    ),
    "settings_broken": (
        "설정 저장 파일 손상",
        "실행 중에 변경한 설정 파일 {file}을(를) 읽을 수 없어 옮기고 기본 설정으로 동작합니다: {error}",
    ),
    "webhook_disabled": (
        "웹훅 주소 중지",
        "{address} 주소로의 웹훅 전송을 중지했습니다: {why}",
    ),
    "actor_failed": ("내부 구성 요소 중단", "{path} 구성 요소가 중단되었습니다: {error}"),
}
"""Titles and messages of alerts that no rule made, by code."""
ALERT_OTHER_TITLE = "시스템 경고: {key}"
ALERT_OVER_TITLE = "해소됨 - {title}"
ALERT_OVER = "{title}: 문제가 해소되었습니다 (지속 시간 {duration})"
DURATION_UNITS: tuple[tuple[str, int], ...] = (("일", 86_400), ("시간", 3600), ("분", 60), ("초", 1))

ALERT_ACKNOWLEDGED = "경고 {id}을(를) 확인했습니다"
ALERT_SILENCED = "경고 {id}의 알림을 {until}까지 보내지 않습니다"
ALERT_UNSILENCED = "경고 {id}의 알림을 다시 보냅니다"
RULE_SILENCED = "규칙 '{name}'의 알림을 {until}까지 보내지 않습니다"
RULE_UNSILENCED = "규칙 '{name}'의 알림을 다시 보냅니다"
WINDOW_OPENED = "점검 시간이 등록되었습니다"
WINDOW_CLOSED = "점검 시간이 삭제되었습니다"

LOG_TRUNCATED = "로그 파일 '{name}'의 내용이 삭제되었습니다"
EXPORT_FORMATS = {
    "txt": "사람이 읽기 좋은 텍스트 파일",
    "json": "프로그램에서 다루기 좋은 JSON 파일",
    "csv": "스프레드시트에서 여는 CSV 파일",
}
LOG_POLICY_SAVED = "로그 보관 정책이 저장되었습니다"
LOG_CLEANED = "로그 정리가 완료되었습니다"
LOG_CLEAN_PLANNED = "로그 정리를 미리 확인했습니다. 아직 아무것도 변경하지 않았습니다"
INPUT_SENT = "서비스 '{service}'에 입력 {count}바이트를 보냈습니다"

WEBHOOK_STARTED = "웹훅 전송이 시작되었습니다"
WEBHOOK_SENT = "웹훅이 전송되었습니다"
WEBHOOK_FAILED = "웹훅 전송에 실패했습니다"
WEBHOOK_RETRIED = "웹훅 '{id}'을(를) 다시 전송합니다"
WEBHOOK_CANCELLED = "웹훅 '{id}'의 전송을 취소했습니다"
WEBHOOKS_REPLAYED = "웹훅 {count}건을 다시 전송합니다"
WEBHOOK_ENABLED = "이 주소로 다시 전송합니다"
WEBHOOK_CONFIGURED = "'{name}' 웹훅 주소가 저장되었습니다"
WEBHOOK_TEST_TITLE = "🔔 웹훅 연결 테스트"
WEBHOOK_TEST_BODY = "WatchHamster가 보낸 웹훅 연결 테스트입니다. 이 메시지가 보이면 정상적으로 연결된 것입니다."
WEBHOOK_TEST_OK = "웹훅 연결 테스트에 성공했습니다"
WEBHOOK_TEST_FAILED = "웹훅 연결 테스트에 실패했습니다"
TEMPLATE_REMOVED = "웹훅 템플릿 '{id}'이(가) 삭제되었습니다"
RECEIVER_REMOVED = "웹훅 수신자 '{id}'이(가) 삭제되었습니다"

DEPLOYMENT_STARTED = "'{branch}' 브랜치의 배포가 시작되었습니다"
DEPLOYMENT_STOPPING = "배포를 중지하고 변경 사항을 되돌리는 중입니다"
DEPLOYMENT_NOT_RUNNING = "진행 중인 배포가 없습니다"
DEPLOYMENT_STEPS: Mapping[str, str] = {
    "fetch": "원격 저장소 확인",
    "check": "작업 트리 점검",
    "backup": "변경 사항 보관",
    "switch": "브랜치 전환",
    "fast_forward": "최신 커밋 반영",
    "build": "빌드",
    "publish": "게시",
    "verify": "사이트 확인",
}
DEPLOYMENT_EVENTS: Mapping[str, str] = {
    "started": "'{branch}' 브랜치의 배포를 시작합니다",
    "step_started": "배포 단계를 시작합니다: {step}",
    "step_done": "배포 단계가 끝났습니다: {step}",
    "rolling_back": "배포에 실패하여 이전 상태로 되돌리는 중입니다",
    "succeeded": "'{branch}' 브랜치의 배포가 완료되었습니다",
    "failed": "'{branch}' 브랜치의 배포에 실패했습니다",
}
BRANCH_SWITCHED = "'{branch}' 브랜치로 전환되었습니다"
BRANCH_EVENTS: Mapping[str, str] = {
    "idle": "브랜치 전환 대기 중입니다",
    "checking": "'{branch}' 브랜치로 전환할 수 있는지 확인하는 중입니다",
    "switching": "'{branch}' 브랜치로 전환하는 중입니다",
    "verifying": "'{branch}' 브랜치로 전환되었는지 확인하는 중입니다",
    "completed": "'{branch}' 브랜치로 전환되었습니다",
    "failed": "'{branch}' 브랜치로 전환하지 못했습니다",
}
GIT_CHANGED = "저장소 상태가 변경되었습니다 (브랜치: {branch})"
MONITORING_STARTED = "모니터링이 시작되었습니다"
MONITORING_RUNS = "모니터링이 이미 실행 중입니다"
MONITORING_STOPPED = "모니터링이 중지되었습니다"
MONITORING_NOT_RUNNING = "모니터링이 이미 중지되어 있습니다"

SYSTEM_STARTING = "모든 서비스를 시작합니다"
SYSTEM_STOPPING = "모든 서비스를 중지합니다"
SYSTEM_RESTARTING = "모든 서비스를 재시작합니다"
NEWS_REFRESHED = "뉴스를 새로 확인합니다: {types}"
NEWS_REFRESHED_PARTLY = "뉴스를 새로 확인합니다: {types} (실행 중인 모니터가 없는 종류: {resting})"
NEWS_CLEARED = "뉴스 기록 {count}건이 삭제되었습니다"

SETTINGS_RESTORED = "설정을 백업 '{name}'(으)로 복원했습니다"
SETTINGS_CLEANED = "설정 백업 {count}개를 정리했습니다"
SETTINGS_IMPORTED = "설정을 가져왔습니다"
SETTINGS_IMPORTED_NOTHING = "가져온 설정이 지금과 같아 변경한 것이 없습니다"
SETTINGS_MASKED = "{key}: 가려진 값이라 지금 값을 그대로 유지했습니다"

LOGGED_OUT = "로그아웃했습니다"
KEY_REVOKED = "API 키 '{name}'을(를) 폐기했습니다"
SESSION_ENDED = "사용자 '{user}'의 세션을 종료했습니다"
