"""What the provider remembers over a restart: instances, and images made of them.

Facts in one JSON file rather than moto's objects: these hold generators and change with each version. At a
start they are made anew with the identities that they had.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from moto.ec2.models import amis, instances

from labgen_cloud.instances import forget_ended, number, tokens
from labgen_cloud.states import Passing

FILE = Path("/var/lib/labgen-cloud/ledger.json")


def save(backend: Any, file: Path = FILE) -> None:
    """Write everything down: when this returns it is kept, or it was told why not.

    The file is whole at every moment.
    """
    by_reservation = {name: (token, asked) for token, (name, asked) in tokens(backend).items()}
    document = {
        "instances": [
            {
                "id": one.id,
                "image": one.image_id,
                "type": one.instance_type,
                "goal": one._state.goal,
                "since": one._state.since,
                "private": one.private_ip,
                "public": one.public_ip,
                "tags": {tag["key"]: tag["value"] for tag in one.get_tags()},
                "token": by_reservation.get(name),
            }
            for name, reservation in backend.reservations.items()
            for one in reservation.instances
        ],
        "images": [
            {
                "id": one.id,
                "name": one.name,
                "description": one.description,
                "architecture": one.architecture,
                "tags": {tag["key"]: tag["value"] for tag in one.get_tags()},
            }
            for one in backend.amis.values()
            if one.owner_alias is None
        ],
    }
    fresh = file.with_suffix(".new")
    try:
        fresh.write_text(json.dumps(document), encoding="utf-8")
        fresh.replace(file)
    except OSError as error:
        sys.stderr.write(f"cloud: nothing is remembered over a restart: {error}\n")


def restore(backend: Any, file: Path = FILE) -> int:
    """Make anew what was written down; return how many instances. A file that cannot be read is left."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return 0
    except (OSError, ValueError) as error:
        sys.stderr.write(f"cloud: {file} cannot be read, starting without it: {error}\n")
        return 0
    for kind, make in (("images", _image), ("instances", _instance)):
        for row in document[kind]:
            try:
                make(backend, row)
            except Exception as error:  # noqa: BLE001 - one that is lost is better than a provider that is
                sys.stderr.write(f"cloud: lost {row.get('id')}: {type(error).__name__}: {error}\n")
    forget_ended(backend)
    return sum(len(one.instances) for one in backend.reservations.values())


def _image(backend: Any, row: dict[str, Any]) -> None:
    made = amis.Ami(
        backend,
        row["id"],
        name=row["name"],
        description=row["description"],
        architecture=row["architecture"],
        virtualization_type="hvm",
    )
    for key, value in row["tags"].items():
        made.add_tag(key, value)
    backend.amis[made.id] = made


def _instance(backend: Any, row: dict[str, Any]) -> None:
    with _named(row["id"]):
        reservation = backend.run_instances(
            row["image"],
            1,
            None,
            [],
            instance_type=row["type"],
            is_instance_type_default=False,
            region_name=backend.region_name,
            private_ip=row["private"],
            tags={"instance": row["tags"]},
        )
    name, instance = number(backend), reservation.instances[0]
    instance._state = Passing("running", 0)
    if row["goal"] != "running":
        getattr(instance, {"stopped": "stop", "terminated": "terminate"}[row["goal"]])()
    elif row["public"]:
        instance.nics[0].public_ip = row["public"]
    instance._state = Passing(row["goal"], row["since"])
    if row["token"]:
        token, asked = row["token"]
        tokens(backend)[token] = (name, asked)


@contextmanager
def _named(identity: str) -> Iterator[None]:
    """Have the next instance bear an identity that it had before."""
    usual = instances.random_instance_id
    instances.random_instance_id = lambda: identity
    try:
        yield
    finally:
        instances.random_instance_id = usual
