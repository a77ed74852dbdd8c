"""`/api/posco` and `/api/settings`."""

from hamster.http.openapi.operations import Each, Maybe, Of, Operation, Table, integer
from hamster.http.openapi.schemas import TIME
from hamster.http.posco import MOST, BranchBody, DeployBody
from hamster.http.settings import ChangeBody, CleanBody, ExportBody, ResetBody

_DEPLOYMENT = {
    "session_id": "deploy_1",
    "status": "success",
    "current_branch": "main",
    "target_branch": "main",
    "start_time": TIME,
    "end_time": Maybe(TIME),
    "steps_completed": ["check"],
    "current_step": "-",
    "progress_percentage": 100.0,
    "error_message": Maybe("push rejected"),
    "commit_hash": Maybe("abc123"),
    "steps": [{"name": "check", "duration_seconds": 0.5, "detail": ""}],
    "total_steps": 6,
    "cancelled": False,
    "interrupted": False,
    "rolled_back": Maybe(False),
    "rollback_error": Maybe("push rejected"),
    "saved_changes": Maybe("abc123"),
    "started_by": "HTTP",
    "url": Maybe("https://example.com"),
}
_SWITCH = {"status": "idle", "branch": Maybe("main"), "error_message": Maybe("checkout failed")}
_PAGES = {
    "is_accessible": True,
    "last_check": TIME,
    "response_time": Maybe(12.5),
    "status_code": Maybe(200),
    "error_message": Maybe("timeout"),
    "figures": Each({}),
}
_GIT = {
    "current_branch": "main",
    "last_commit": "abc123",
    "commit_hash": "abc123",
    "commit_message": "뉴스 추가",
    "commit_author": "POSCO",
    "commit_date": TIME,
    "has_uncommitted_changes": False,
    "has_conflicts": False,
    "remote_status": "up-to-date",
    "ahead_count": 0,
    "behind_count": 0,
    "changed_files": ["index.html"],
    "changed_count": 0,
    "error_message": Maybe("not a repository"),
}
_DEPLOY = Operation(
    summary="배포 실행",
    body=Of(DeployBody, {"branch": "main"}),
    body_required=False,
    answer={"message": "배포가 시작되었습니다", "deployment_id": "deploy_1"},
    errors=(404, 409),
)
_ANYTHING = {"key": "metrics.interval", "old": Of(object), "new": Of(object)}
_VALIDATION = {
    "valid": True,
    "errors": [{"field": "metrics.interval", "message": "..."}],
    "warnings": ["..."],
}
_VALUES = Each({"metrics": Each({})})
_BACKUP = {"name": "settings-1.toml"}

TABLE: Table = {
    "posco.deploy": _DEPLOY,
    "posco.deployment.start": _DEPLOY,
    "posco.deployment.stop": Operation(
        summary="배포 중지", answer={"message": "배포를 중지합니다", "deployment_id": Maybe("deploy_1")}
    ),
    "posco.deployment.status": Operation(summary="현재 배포", answer={"current_deployment": Maybe(_DEPLOYMENT)}),
    "posco.deployment.history": Operation(
        summary="지난 배포",
        answer={"deployment_history": [_DEPLOYMENT]},
        query=(integer("limit", "조회할 수", default=100, low=1, high=MOST),),
    ),
    "posco.switch": Operation(
        summary="브랜치 전환",
        body=Of(BranchBody, {"branch": "main"}),
        answer={"message": "브랜치가 main(으)로 전환되었습니다", "current_branch": "main"},
        errors=(404, 409),
    ),
    "posco.branch": Operation(summary="현재 브랜치", answer={"current_branch": "main"}),
    "posco.branch.status": Operation(summary="브랜치 전환 상태", answer=_SWITCH),
    "posco.status": Operation(
        summary="POSCO 시스템 상태 조회",
        answer={
            "status": "running",
            "branch": "main",
            "last_deployment": Maybe(TIME),
            "services": {"news_monitor": "running", "deployment": "idle"},
            "current_branch": "main",
            "branch_switch_status": "idle",
            "branch_switch": _SWITCH,
            "deployment_history": [_DEPLOYMENT],
            "current_deployment": Maybe(_DEPLOYMENT),
            "github_pages_status": _PAGES,
            "git_status": _GIT,
        },
    ),
    "posco.pages": Operation(summary="GitHub Pages 상태", answer=_PAGES),
    "posco.monitoring.start": Operation(
        summary="모니터링 시작", answer={"message": "모니터링을 시작합니다"}, errors=(404, 409)
    ),
    "posco.monitoring.stop": Operation(
        summary="모니터링 중지", answer={"message": "모니터링을 중지합니다"}, errors=(404, 409)
    ),
    "settings.get": Operation(
        summary="실행 중 설정",
        answer={"settings": _VALUES, "last_updated": Maybe(TIME), "version": 1, "changed": Each({})},
    ),
    "settings.put": Operation(
        summary="설정 변경",
        body=Of(ChangeBody, {"settings": {}, "validate_only": True}),
        answer={
            "settings": _VALUES,
            "validation_result": _VALIDATION,
            "applied_changes": [_ANYTHING],
            "restart_required": False,
            "version": 1,
            "backup_id": Maybe("settings-1.toml"),
            "validate_only": True,
            "planned_changes": [_ANYTHING],
        },
        errors=(409,),
    ),
    "settings.info": Operation(
        summary="설정 파일",
        answer={
            "settings_file": "settings.toml",
            "exists": True,
            "size": 1024,
            "last_modified": Maybe(TIME),
            "backup_count": 1,
            "is_valid": True,
            "version": 1,
        },
    ),
    "settings.validate": Operation(summary="설정 검증", answer=_VALIDATION),
    "settings.reset": Operation(
        summary="설정 초기화",
        body=Of(ResetBody, {"sections": ["metrics"], "confirm": True}),
        answer={"reset_sections": ["metrics"], "backup_id": Maybe("settings-1.toml"), "restart_required": False},
        errors=(409,),
    ),
    "settings.backups": Operation(
        summary="설정 백업 목록",
        answer={
            "backups": [
                {
                    "filename": "settings-1.toml",
                    "path": "backups/settings-1.toml",
                    "type": "change",
                    "size": 1024,
                    "created_at": TIME,
                    "modified_at": TIME,
                }
            ],
            "total_count": 1,
        },
    ),
    "settings.backup": Operation(
        summary="설정 백업 하나",
        answer={
            "filename": "settings-1.toml",
            "settings": _VALUES,
            "version": 1,
            "reason": "",
            "type": "change",
            "created_at": Maybe(TIME),
        },
        path=_BACKUP,
        errors=(409,),
    ),
    "settings.restore": Operation(
        summary="설정 백업 복원",
        answer={"message": "복원했습니다", "backup_filename": "settings-1.toml", "applied_changes": [_ANYTHING]},
        path=_BACKUP,
        errors=(409,),
    ),
    "settings.cleanup": Operation(
        summary="오래된 백업 삭제",
        body=Of(CleanBody, {"max_backups": 50}),
        body_required=False,
        answer={"message": "정리했습니다", "max_backups": 50, "max_age_days": 90.0, "deleted_count": 0},
    ),
    "settings.export": Operation(
        summary="설정 내보내기",
        body=Of(ExportBody, {"format": "json"}),
        body_required=False,
        answer={
            "export_data": Of(object, {"version": 1, "settings": {}}),
            "download_url": "/api/settings/download/settings.json",
            "expires_at": TIME,
        },
        description="비밀 값까지 내보내려면 로컬 토큰이 필요합니다",
    ),
    "settings.download": Operation(
        summary="내보낸 설정 받기",
        answer=b"",
        media=("application/json", "application/yaml"),
        path={"name": "settings.json"},
    ),
    "settings.import": Operation(
        summary="설정 가져오기",
        body={"file": b""},
        body_media="multipart/form-data",
        answer={
            "result": {
                "success": True,
                "message": "가져왔습니다",
                "applied_changes": [_ANYTHING],
                "warnings": ["..."],
                "backup_id": Maybe("settings-1.toml"),
            },
            "restart_required": False,
        },
        errors=(409,),
    ),
}
