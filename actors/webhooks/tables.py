"""The tables of webhooks, and the templates that are there from the start."""

from actors.store import Migrations

# A script is never changed again, so the first templates are part of it and not of the code. `receiver` is what a
# sender looks for; its index holds only what waits, and is as small as that.
_OUTBOX = """
CREATE TABLE webhooks (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    uid TEXT NOT NULL,
    receiver TEXT NOT NULL,
    url TEXT NOT NULL,
    webhook_type TEXT NOT NULL,
    message TEXT NOT NULL,
    template_id TEXT,
    variables TEXT NOT NULL,
    created_at REAL NOT NULL,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    first_attempt_at REAL,
    next_attempt_at REAL,
    sent_at REAL,
    response_code INTEGER,
    error_message TEXT,
    response_time_ms REAL
);
CREATE INDEX webhooks_waiting ON webhooks (receiver, attempts, number) WHERE status = 'pending';
CREATE TABLE webhook_templates (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    webhook_type TEXT NOT NULL,
    template TEXT NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
);
INSERT INTO webhook_templates
SELECT id, name, description, 'discord', template, 1.0 * strftime('%s', 'now'), 1.0 * strftime('%s', 'now') FROM (
    SELECT
        'posco_news_alert' AS id, 'POSCO 뉴스 알림' AS name, 'POSCO 뉴스 업데이트 알림 템플릿' AS description,
        '🏢 **POSCO 뉴스 업데이트**

📰 **제목**: {title}
🔗 **링크**: {url}
🕒 **시간**: {timestamp}' AS template
    UNION ALL SELECT
        'system_error_alert', '시스템 오류 알림', '시스템 오류 발생 알림 템플릿',
        '🚨 **시스템 오류 발생**

⚙️ **서비스**: {service_name}
❌ **오류**: {error_message}
🕒 **시간**: {timestamp}'
    UNION ALL SELECT
        'deployment_success', '배포 성공 알림', '배포 성공 알림 템플릿',
        '🚀 **배포 성공**

🌿 **브랜치**: {branch}
📝 **커밋**: {commit_hash}
🕒 **시간**: {timestamp}'
);
"""

# Who has made a template of one of these names keeps it.
_REPORTS = """
INSERT OR IGNORE INTO webhook_templates
SELECT id, name, description, 'discord', template, 1.0 * strftime('%s', 'now'), 1.0 * strftime('%s', 'now') FROM (
    SELECT
        'posco_news_digest' AS id, 'POSCO 뉴스 모음' AS name, '한꺼번에 들어온 뉴스 요약 템플릿' AS description,
        '🏢 **POSCO 뉴스 {count}건 추가 업데이트**

📰 **제목**: {title}
🔗 **링크**: {url}
🕒 **시간**: {timestamp}' AS template
    UNION ALL SELECT
        'system_status_report', '시스템 상태 보고', '정기 시스템 상태 보고 템플릿',
        '📊 **시스템 상태 보고** ({since} ~ {timestamp})

✅ **실행 중**: {services_running}/{services_total}
🚨 **이상 서비스**: {services_down} ({down})
🔁 **재시작**: {restarts}회, **실패**: {failures}회 ({failed}), **복구**: {recoveries}회
🔔 **알림**: {alerts}건 발생, {alerts_over}건 해제
🖥️ **CPU**: {cpu}
🧠 **메모리**: {memory}
💾 **디스크**: {disk}'
);
"""

_RECEIVERS = """
ALTER TABLE webhooks ADD COLUMN card TEXT;
ALTER TABLE webhooks ADD COLUMN message_type TEXT;
ALTER TABLE webhooks ADD COLUMN priority TEXT;
ALTER TABLE webhooks ADD COLUMN event_type TEXT;
ALTER TABLE webhooks ADD COLUMN receiver_id TEXT;
ALTER TABLE webhooks ADD COLUMN private INTEGER NOT NULL DEFAULT 0;
CREATE INDEX webhooks_of_receiver ON webhooks (receiver_id, number) WHERE receiver_id IS NOT NULL;
CREATE TABLE webhook_attempts (
    webhook INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    began_at REAL NOT NULL,
    took_ms REAL NOT NULL,
    response_code INTEGER,
    error_message TEXT,
    answer TEXT NOT NULL,
    PRIMARY KEY (webhook, attempt)
) WITHOUT ROWID;
CREATE TABLE webhook_addresses (
    receiver TEXT PRIMARY KEY,
    rests_until REAL,
    failing_since REAL,
    disabled_at REAL,
    disabled_why TEXT
);
CREATE TABLE webhook_receivers (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    webhook_type TEXT NOT NULL,
    event_types TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    allow_private INTEGER NOT NULL,
    secret TEXT,
    old_secret TEXT,
    old_secret_until REAL,
    services TEXT NOT NULL,
    quiet_from TEXT,
    quiet_until TEXT,
    digest_after INTEGER NOT NULL,
    digest_seconds REAL NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
);
CREATE TABLE webhook_held (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    route TEXT NOT NULL,
    event_type TEXT NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    held_at REAL NOT NULL,
    due_at REAL NOT NULL
);
CREATE TABLE webhook_defaults (
    name TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    updated_at REAL NOT NULL
);
"""

MIGRATIONS = Migrations("webhooks", (_OUTBOX, _REPORTS, _RECEIVERS))
"""Instants are seconds since 1970 (UTC)."""
