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
    KEY task_owner (owner_kind, owner_id, created),
    KEY task_open (state, created)
);

CREATE TABLE job (
    id CHAR(36) NOT NULL PRIMARY KEY,
    task_id CHAR(36) NOT NULL,
    type VARCHAR(40) NOT NULL,
    -- WAITING: not sent before the job `waits_for` is done.
    state ENUM('WAITING', 'PENDING', 'DONE', 'FAILED') NOT NULL,
    waits_for CHAR(36) NULL,
    -- The `uuid` of the datacenter or region that does it.
    datacenter VARCHAR(64) NOT NULL,
    -- `messages.Request` and `messages.Answer` as sent and received.
    request JSON NOT NULL,
    answer JSON NULL,
    -- What the API itself needs when the answer comes: what to undo, what to complete.
    memo JSON NOT NULL,
    created BIGINT NOT NULL,
    sent BIGINT NOT NULL DEFAULT 0,
    ended BIGINT NOT NULL DEFAULT 0,
    KEY job_task (task_id),
    KEY job_waits_for (waits_for),
    KEY job_open (state, sent),
    FOREIGN KEY (task_id) REFERENCES task (id)
);

-- Written in the same transaction as what it tells; removed once the broker has confirmed it.
CREATE TABLE outbox (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    exchange VARCHAR(128) NOT NULL,
    kind VARCHAR(20) NOT NULL,
    routing_key VARCHAR(255) NOT NULL,
    -- JSON, as every message is.
    body MEDIUMTEXT NOT NULL
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

-- What VSM saw last of a virtual machine, also while a task holds it.
CREATE TABLE sighting (
    virtualmachine_id BIGINT UNSIGNED NOT NULL PRIMARY KEY,
    state VARCHAR(20) NOT NULL,
    at BIGINT NOT NULL,
    FOREIGN KEY (virtualmachine_id) REFERENCES virtualmachine (id) ON DELETE CASCADE
);

-- The network that a datacenter's virtual machines get their addresses from; made at the first deploy.
CREATE TABLE service_network (
    datacenter_id BIGINT UNSIGNED NOT NULL PRIMARY KEY,
    network VARCHAR(18) NOT NULL,
    FOREIGN KEY (datacenter_id) REFERENCES datacenter (id) ON DELETE CASCADE
);

-- How long each virtual machine was deployed, and with what; `stopped` is 0 while it is.
CREATE TABLE kinton_accounting.accounting_event_vm (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    -- The job that deployed it: one row for each deploy, however often its answer comes.
    job_id CHAR(36) NOT NULL,
    virtualmachine_id BIGINT UNSIGNED NOT NULL,
    uuid CHAR(36) NOT NULL,
    enterprise_id BIGINT UNSIGNED NOT NULL,
    datacenter_id BIGINT UNSIGNED NOT NULL,
    virtualdatacenter_id BIGINT UNSIGNED NOT NULL,
    virtualappliance_id BIGINT UNSIGNED NOT NULL,
    cpu INT UNSIGNED NOT NULL,
    ram INT UNSIGNED NOT NULL,
    started BIGINT NOT NULL,
    stopped BIGINT NOT NULL DEFAULT 0,
    UNIQUE KEY accounting_job (job_id),
    KEY accounting_machine (virtualmachine_id, stopped)
);
