-- What users make of it: templates, virtual datacenters, virtual appliances, virtual machines.

CREATE TABLE template (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    datacenter_id BIGINT UNSIGNED NOT NULL,
    enterprise_id BIGINT UNSIGNED NOT NULL,
    name VARCHAR(128) NOT NULL,
    description VARCHAR(255) NOT NULL DEFAULT '',
    -- From the root of the repository, or the provider's identifier of an image in a region.
    path VARCHAR(255) NOT NULL,
    disk_format VARCHAR(40) NOT NULL,
    disk_size BIGINT UNSIGNED NOT NULL DEFAULT 0,
    cpu INT UNSIGNED NOT NULL DEFAULT 1,
    ram INT UNSIGNED NOT NULL DEFAULT 16,
    state ENUM('DONE', 'IN_PROGRESS', 'FAILED') NOT NULL DEFAULT 'DONE',
    -- INSTANCE: made from a virtual machine.
    origin ENUM('UPLOAD', 'INSTANCE', 'PROVIDER') NOT NULL DEFAULT 'UPLOAD',
    created BIGINT NOT NULL DEFAULT 0,
    UNIQUE KEY template_path (datacenter_id, path),
    FOREIGN KEY (datacenter_id) REFERENCES datacenter (id) ON DELETE CASCADE,
    FOREIGN KEY (enterprise_id) REFERENCES enterprise (id)
);

-- A template's disk in another format, made by BPM beside the original.
CREATE TABLE conversion (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    template_id BIGINT UNSIGNED NOT NULL,
    disk_format VARCHAR(40) NOT NULL,
    path VARCHAR(255) NOT NULL,
    disk_size BIGINT UNSIGNED NOT NULL DEFAULT 0,
    state ENUM('ENQUEUED', 'FINISHED', 'FAILED') NOT NULL,
    -- The job that makes it.
    job_id CHAR(36) NULL,
    UNIQUE KEY conversion_format (template_id, disk_format),
    FOREIGN KEY (template_id) REFERENCES template (id) ON DELETE CASCADE
);

CREATE TABLE virtualdatacenter (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    enterprise_id BIGINT UNSIGNED NOT NULL,
    datacenter_id BIGINT UNSIGNED NOT NULL,
    name VARCHAR(128) NOT NULL,
    hypervisor VARCHAR(40) NOT NULL DEFAULT 'KVM',
    UNIQUE KEY virtualdatacenter_name (enterprise_id, name),
    FOREIGN KEY (enterprise_id) REFERENCES enterprise (id),
    FOREIGN KEY (datacenter_id) REFERENCES datacenter (id)
);

CREATE TABLE virtualappliance (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    virtualdatacenter_id BIGINT UNSIGNED NOT NULL,
    name VARCHAR(128) NOT NULL,
    UNIQUE KEY virtualappliance_name (virtualdatacenter_id, name),
    FOREIGN KEY (virtualdatacenter_id) REFERENCES virtualdatacenter (id)
);

CREATE TABLE virtualmachine (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    virtualappliance_id BIGINT UNSIGNED NOT NULL,
    template_id BIGINT UNSIGNED NULL,
    machine_id BIGINT UNSIGNED NULL,
    uuid CHAR(36) NOT NULL,
    -- `ABQ_<uuid>`, its name at the hypervisor; the label is the user's name of it.
    name VARCHAR(64) NOT NULL,
    label VARCHAR(128) NOT NULL,
    description VARCHAR(255) NOT NULL DEFAULT '',
    cpu INT UNSIGNED NOT NULL,
    ram INT UNSIGNED NOT NULL,
    state ENUM('NOT_ALLOCATED', 'ALLOCATED', 'CONFIGURED', 'ON', 'OFF', 'PAUSED', 'LOCKED', 'UNKNOWN')
        NOT NULL DEFAULT 'NOT_ALLOCATED',
    -- The state to go back to when the task that locks it fails.
    state_before VARCHAR(20) NOT NULL DEFAULT '',
    -- The task that holds it; a second one is refused until this is NULL.
    task_id CHAR(36) NULL,
    -- When its state was last seen at the hypervisor: older news is no news.
    state_at BIGINT NOT NULL DEFAULT 0,
    mac CHAR(17) NOT NULL DEFAULT '',
    address VARCHAR(45) NOT NULL DEFAULT '',
    display_host VARCHAR(128) NOT NULL DEFAULT '',
    display_port INT UNSIGNED NOT NULL DEFAULT 0,
    provider_id VARCHAR(64) NOT NULL DEFAULT '',
    UNIQUE KEY virtualmachine_uuid (uuid),
    KEY virtualmachine_task (task_id),
    FOREIGN KEY (virtualappliance_id) REFERENCES virtualappliance (id),
    FOREIGN KEY (template_id) REFERENCES template (id) ON DELETE SET NULL,
    FOREIGN KEY (machine_id) REFERENCES machine (id) ON DELETE SET NULL
);
