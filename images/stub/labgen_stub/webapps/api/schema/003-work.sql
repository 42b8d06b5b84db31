-- Work that goes on: tasks as users see them, the jobs that they are made of, messages to be sent.

CREATE TABLE task (
    id CHAR(36) NOT NULL PRIMARY KEY,
    type VARCHAR(40) NOT NULL,
    state ENUM('PENDING', 'STARTED', 'FINISHED_SUCCESSFULLY', 'FINISHED_UNSUCCESSFULLY') NOT NULL,
    user_id BIGINT UNSIGNED NULL,
    enterprise_id BIGINT UNSIGNED NULL,
    -- What it is about: a kind (`virtualmachine`, `template`, `datacenter`) and its number.
    owner_kind VARCHAR(40) NOT NULL,
    owner_id BIGINT UNSIGNED NOT NULL,
    created BIGINT NOT NULL,
    ended BIGINT NOT NULL DEFAULT 0,
    error VARCHAR(400) NOT NULL DEFAULT '',
    -- The node at fault when it failed.
    fault VARCHAR(128) NOT NULL DEFAULT '',
    KEY task_owner (owner_kind, owner_id, created)
);

CREATE TABLE job (
    id CHAR(36) NOT NULL PRIMARY KEY,
    task_id CHAR(36) NOT NULL,
    type VARCHAR(40) NOT NULL,
    state ENUM('PENDING', 'DONE', 'FAILED') NOT NULL,
    -- `messages.Request` and `messages.Answer` as sent and received.
    request JSON NOT NULL,
    answer JSON NULL,
    created BIGINT NOT NULL,
    ended BIGINT NOT NULL DEFAULT 0,
    KEY job_task (task_id),
    FOREIGN KEY (task_id) REFERENCES task (id)
);

-- Written in the same transaction as what it tells; removed once the broker has confirmed it.
CREATE TABLE outbox (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    exchange VARCHAR(128) NOT NULL,
    kind VARCHAR(20) NOT NULL,
    routing_key VARCHAR(255) NOT NULL,
    body MEDIUMBLOB NOT NULL
);

CREATE TABLE event (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    timestamp BIGINT NOT NULL,
    severity VARCHAR(20) NOT NULL,
    type VARCHAR(64) NOT NULL,
    action VARCHAR(64) NOT NULL,
    component VARCHAR(64) NOT NULL,
    user VARCHAR(128) NOT NULL DEFAULT '',
    enterprise_id BIGINT UNSIGNED NULL,
    -- The document as M hands it on.
    document JSON NOT NULL,
    KEY event_timestamp (timestamp)
);
