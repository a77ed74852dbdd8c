"""What WatchHamster is without a configuration file: the contract's services, the desktop app's origins."""

from actors.settings import Kind, ServiceSettings

# Where the desktop app and its development servers load from.
ORIGINS = (
    "http://localhost:1420",
    "http://127.0.0.1:1420",
    "http://localhost:5173",
    "tauri://localhost",
    "http://tauri.localhost",
    "https://tauri.localhost",
)


def contract_services() -> tuple[ServiceSettings, ...]:
    """The six services every client of the contract expects, in its order.

    Only the parts of the system itself start by themselves, so that alerts go out and the site can be deployed: what
    each other should watch is for the configuration to say.
    """
    return (
        _service("posco_news", "feed", "POSCO 뉴스 모니터", "POSCO 뉴스 시스템 모니터링 및 알림"),
        _service("github_pages", "http", "GitHub Pages 모니터", "GitHub Pages 사이트 접속 상태와 응답 시간 확인"),
        _service("cache_monitor", "files", "캐시 모니터", "데이터 캐시의 최신성, 크기, 파일 수 점검"),
        _service("deployment", "deployment", "배포 시스템", "사이트 배포와 브랜치 전환 실행", autostart=True),
        _service("message_system", "report", "메시지 시스템", "정기 상태 보고 메시지 작성"),
        _service("webhook_system", "webhooks", "웹훅 시스템", "Discord, Slack, Dooray 알림 전송", autostart=True),
    )


def _service(id_: str, kind: Kind, name: str, description: str, *, autostart: bool = False) -> ServiceSettings:
    return ServiceSettings(
        id=id_, kind=kind, name=name, description=description, autostart=autostart, origin="built-in"
    )
