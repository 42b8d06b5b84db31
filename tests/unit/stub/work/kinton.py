"""A platform with one of everything, for what takes time: its rows, and what waits to be sent."""

from __future__ import annotations

import json
from typing import Any

from labgen_stub.messages import Answer, Request, Work, load_request
from labgen_stub.webapps.api.work.happenings import Author

from tests.unit.stub.memory_database import MemoryDatabase

ADMIN = Author(1, "admin", 1, "Abiquo")
PLATFORM = """
INSERT INTO datacenter (uuid, name, kind) VALUES
    ('dc1', 'dc1', 'DATACENTER'), ('pcr1', 'pcr1', 'PUBLIC_CLOUD_REGION');
INSERT INTO rack (datacenter_id, name) VALUES (1, 'rack-1');
INSERT INTO template (datacenter_id, enterprise_id, name, path, disk_format, disk_size) VALUES
    (1, 1, 'ready', '1/ready/ready.qcow2', 'QCOW2_SPARSE', 1000),
    (1, 1, 'foreign', '1/tiny/tiny.vmdk', 'VMDK_SPARSE', 1000),
    (2, 1, 'image', 'ami-1', 'RAW', 0);
INSERT INTO virtualdatacenter (enterprise_id, datacenter_id, name) VALUES (1, 1, 'v1'), (1, 2, 'v2');
INSERT INTO virtualappliance (virtualdatacenter_id, name) VALUES (1, 'a1'), (2, 'a2');
"""


class Kinton(MemoryDatabase):
    """The database with the platform in it."""

    def __init__(self) -> None:
        super().__init__()
        for statement in (
            "INSERT OR IGNORE INTO enterprise (id, name) VALUES (1, 'Abiquo')",
            "INSERT OR IGNORE INTO role (id, name) VALUES (1, 'CLOUD_ADMIN')",
            (
                "INSERT OR IGNORE INTO user (id, enterprise_id, role_id, nick, name) "
                "VALUES (1, 1, 1, 'admin', 'A')"
            ),
            *filter(str.strip, PLATFORM.split(";")),
        ):
            self.connection.execute(statement)

    # What tests see and make.

    def host(self, name: str = "kvm-1", ram: int = 1024) -> int:
        cursor = self.connection.execute(
            "INSERT INTO machine (rack_id, name, ip, cpu, ram) VALUES (1, ?, ?, 4, ?)", (name, name, ram)
        )
        return cursor.lastrowid or 0

    def vm(self, template: int = 1, appliance: int = 1, ram: int = 16) -> int:
        number = 1 + self.sql("SELECT COUNT(*) AS n FROM virtualmachine")[0]["n"]
        uuid = f"00000000-0000-0000-0000-{number:012d}"
        cursor = self.connection.execute(
            "INSERT INTO virtualmachine (virtualappliance_id, template_id, uuid, name, label, cpu, ram) "
            "VALUES (?, ?, ?, ?, ?, 1, ?)",
            (appliance, template, uuid, f"ABQ_{uuid}", f"vm {number}", ram),
        )
        return cursor.lastrowid or 0

    def row(self, number: int) -> dict[str, Any]:
        return self.sql("SELECT * FROM virtualmachine WHERE id = ?", number)[0]

    def task(self, task: str) -> dict[str, Any]:
        return self.sql("SELECT * FROM task WHERE id = ?", task)[0]

    def actions(self) -> list[str]:
        return [row["action"] for row in self.sql("SELECT action FROM event ORDER BY id")]

    def requests(self) -> list[tuple[str, Request]]:
        """Return what waits to be sent to remote services, as queue and request."""
        rows = self.sql("SELECT routing_key, body FROM outbox WHERE kind <> 'fanout' ORDER BY id")
        return [(row["routing_key"], load_request(row["body"].encode())) for row in rows]

    def last(self) -> Request:
        return self.requests()[-1][1]

    def streamed(self) -> list[dict[str, Any]]:
        rows = self.sql("SELECT body FROM outbox WHERE kind = 'fanout' ORDER BY id")
        return [json.loads(row["body"]) for row in rows]


def answer_to(request: Request, error: str = "", at: int = 1000, fault: str = "", **result: Any) -> Answer:
    return Answer(request.job, request.task, Work(request.work), "dc1-rs-1", error, fault, result, (), at)
