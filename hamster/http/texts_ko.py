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
RESTARTED = "서비스 '{service}'이(가) 재시작되었습니다"

STARTING_SEVERAL = "서비스 {count}개 시작 중... ({target})"
STOPPING_SEVERAL = "서비스 {count}개 중지 중... ({target})"
RESTARTING_SEVERAL = "서비스 {count}개 재시작 중... ({target})"
STARTED_SEVERAL = "서비스 {count}개가 시작되었습니다 ({target})"
STOPPED_SEVERAL = "서비스 {count}개가 중지되었습니다 ({target})"
RESTARTED_SEVERAL = "서비스 {count}개가 재시작되었습니다 ({target})"
SOME_FAILED = "서비스 {count}개 중 {failed}개의 요청이 실패했습니다 ({target})"
ROLLING = "서비스 {count}개 순차 재시작 중... ({target})"
ROLLED = "서비스 {count}개의 순차 재시작이 완료되었습니다 ({target})"
ROLLING_WAITS = "서비스 '{service}' 재시작 대기 중..."
ADDED = "서비스 '{service}'이(가) 추가되었습니다"
CHANGED = "서비스 '{service}'의 설정이 변경되었습니다"
REMOVED = "서비스 '{service}'이(가) 삭제되었습니다"
RELOADED = "설정을 다시 불러왔습니다 (추가 {added}, 삭제 {removed}, 재시작 {restarted}, 변경 {changed})"
RELOADED_NOTHING = "설정을 다시 불러왔습니다. 변경된 내용이 없습니다"

CONFIG_REFUSED_TITLE = "설정 파일 오류"
CONFIG_REFUSED = "설정 파일에 잘못된 값이 {count}개 있어 아무것도 변경하지 않았습니다: {places}"
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
ALERT_MESSAGES: Mapping[str, str] = {
    "fired": "{figure} 사용률이 {value:.1f}%입니다 (기준 {above:g}%, {seconds:g}초 이상)",
    "cleared": "{figure} 사용률이 {value:.1f}%로 기준 {below:g}% 아래로 내려왔습니다",
    "lost": "{figure} 사용률을 측정할 수 없습니다",
    "found": "{figure} 사용률을 다시 측정합니다 ({value:.1f}%)",
}
FIGURES: Mapping[str, str] = {"cpu_percent": "CPU", "memory_percent": "메모리", "disk_percent": "디스크"}
