-- Who may use the platform, and what it consists of.
-- Times are milliseconds since 1970 (UTC), sizes of memory MiB, sizes of disks bytes.

CREATE TABLE enterprise (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name VARCHAR(128) NOT NULL,
    UNIQUE KEY enterprise_name (name)
);

CREATE TABLE role (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name VARCHAR(40) NOT NULL,
    blocked BOOLEAN NOT NULL DEFAULT FALSE,
    UNIQUE KEY role_name (name)
);

CREATE TABLE scope (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name VARCHAR(128) NOT NULL,
    UNIQUE KEY scope_name (name)
);

CREATE TABLE user (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    enterprise_id BIGINT UNSIGNED NOT NULL,
    role_id BIGINT UNSIGNED NOT NULL,
    scope_id BIGINT UNSIGNED NULL,
    nick VARCHAR(128) NOT NULL,
    name VARCHAR(128) NOT NULL,
    surname VARCHAR(128) NOT NULL DEFAULT '',
    email VARCHAR(255) NOT NULL DEFAULT '',
    description VARCHAR(255) NOT NULL DEFAULT '',
    locale VARCHAR(10) NOT NULL DEFAULT 'en_US',
    active BOOLEAN NOT NULL DEFAULT TRUE,
    -- scrypt, `salt$hash` in hexadecimal; empty for the administrator, whose password is the lab's secret.
    password VARCHAR(255) NOT NULL DEFAULT '',
    UNIQUE KEY user_nick (nick),
    FOREIGN KEY (enterprise_id) REFERENCES enterprise (id),
    FOREIGN KEY (role_id) REFERENCES role (id),
    FOREIGN KEY (scope_id) REFERENCES scope (id)
);

-- A datacenter or a public cloud region; `uuid` is abiquo.datacenter.id of its remote services.
CREATE TABLE datacenter (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    uuid VARCHAR(64) NOT NULL,
    name VARCHAR(128) NOT NULL,
    location VARCHAR(128) NOT NULL DEFAULT '',
    kind ENUM('DATACENTER', 'PUBLIC_CLOUD_REGION') NOT NULL,
    provider VARCHAR(40) NOT NULL DEFAULT '',
    UNIQUE KEY datacenter_uuid (uuid),
    UNIQUE KEY datacenter_name (name)
);

CREATE TABLE remote_service (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    datacenter_id BIGINT UNSIGNED NOT NULL,
    type VARCHAR(40) NOT NULL,
    uri VARCHAR(255) NOT NULL,
    status TINYINT NOT NULL DEFAULT 0,
    UNIQUE KEY remote_service_type (datacenter_id, type),
    FOREIGN KEY (datacenter_id) REFERENCES datacenter (id) ON DELETE CASCADE
);

CREATE TABLE rack (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    datacenter_id BIGINT UNSIGNED NOT NULL,
    name VARCHAR(128) NOT NULL,
    description VARCHAR(255) NOT NULL DEFAULT '',
    UNIQUE KEY rack_name (datacenter_id, name),
    FOREIGN KEY (datacenter_id) REFERENCES datacenter (id) ON DELETE CASCADE
);

CREATE TABLE machine (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    rack_id BIGINT UNSIGNED NOT NULL,
    name VARCHAR(128) NOT NULL,
    description VARCHAR(255) NOT NULL DEFAULT '',
    -- The node's name in the lab, by which its remote services know it.
    ip VARCHAR(128) NOT NULL,
    port INT UNSIGNED NOT NULL DEFAULT 8889,
    type VARCHAR(40) NOT NULL DEFAULT 'KVM',
    state ENUM('MANAGED', 'NOT_MANAGED', 'HALTED', 'STOPPED', 'UNLICENSED') NOT NULL DEFAULT 'MANAGED',
    cpu INT UNSIGNED NOT NULL DEFAULT 0,
    ram INT UNSIGNED NOT NULL DEFAULT 0,
    disk BIGINT UNSIGNED NOT NULL DEFAULT 0,
    UNIQUE KEY machine_ip (ip),
    FOREIGN KEY (rack_id) REFERENCES rack (id) ON DELETE CASCADE
);

-- What a fresh installation has (platform.md 2.3). The administrator's password is the lab's secret.
INSERT IGNORE INTO enterprise (id, name) VALUES (1, 'Abiquo');
INSERT IGNORE INTO role (id, name, blocked)
VALUES (1, 'CLOUD_ADMIN', TRUE), (2, 'ENTERPRISE_ADMIN', TRUE), (3, 'USER', TRUE);
INSERT IGNORE INTO scope (id, name) VALUES (1, 'Global');
INSERT IGNORE INTO user (id, enterprise_id, role_id, scope_id, nick, name, surname)
VALUES (1, 1, 1, 1, 'admin', 'Cloud', 'Administrator');
