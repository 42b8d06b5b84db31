"""Remove what a lab's cloud never asks for; run once, while the image is built."""

import gzip
import json
import shutil
from pathlib import Path

SITE = Path("/usr/lib/python3/dist-packages")
SERVICES = {"ec2", "sts", "iam", "s3", "autoscaling", "monitoring", "elasticloadbalancing"}
# The same services, where botocore's folder has another name than the endpoint.
DATA_ONLY = {"elb", "elbv2", "cloudwatch"}
# Parts of moto that are large and that no region of a lab needs.
LARGE = ("stepfunctions", "ssm/resources", "ec2/resources/ecs")
FAMILIES = {"t2", "t3", "m5", "c5", "r5", "m6g", "t4g"}


def family(instance_type: str) -> str:
    """Return what stands before the dot: `t3` of `t3.micro`."""
    return instance_type.split(".", maxsplit=1)[0]


def keep_families(path: Path) -> None:
    """Rewrite one of moto's lists of machine types with the families that are kept."""
    data = json.loads(gzip.decompress(path.read_bytes()))
    if isinstance(data, dict):
        data = {name: entry for name, entry in data.items() if family(name) in FAMILIES}
    else:
        data = [entry for entry in data if family(entry["InstanceType"]) in FAMILIES]
    path.write_bytes(gzip.compress(json.dumps(data).encode()))


def keep_endpoints(path: Path) -> None:
    """Rewrite botocore's list of endpoints, whose parsing takes longest, with the services kept."""
    data = json.loads(path.read_text())
    for partition in data["partitions"]:
        partition["services"] = {
            name: entry for name, entry in partition["services"].items() if name in SERVICES
        }
    path.write_text(json.dumps(data, separators=(",", ":")))


def keep_metadata(folder: Path) -> None:
    """Leave one version of a service, with its name only: the shapes of calls are for clients."""
    *older, newest = sorted(version for version in folder.iterdir() if version.is_dir())
    for version in older:
        shutil.rmtree(version)
    for path in newest.iterdir():
        if path.name.removesuffix(".gz") == "service-2.json":
            packed = path.suffix == ".gz"
            data = json.loads(gzip.decompress(path.read_bytes()) if packed else path.read_bytes())
            (newest / "service-2.json").write_text(
                json.dumps({"metadata": data["metadata"], "operations": {}, "shapes": {}})
            )
            if not packed:
                continue
        path.unlink()


def main() -> None:
    """Trim botocore's data and moto's resources in place."""
    for service in (SITE / "botocore/data").iterdir():
        if service.is_dir() and service.name not in SERVICES | DATA_ONLY:
            shutil.rmtree(service)
        elif service.is_dir():
            keep_metadata(service)
    keep_endpoints(SITE / "botocore/data/endpoints.json")
    resources = SITE / "moto/ec2/resources"
    for path in [
        resources / "instance_types.json.gz",
        *(resources / "instance_type_offerings").rglob("*.json.gz"),
    ]:
        keep_families(path)
    for name in LARGE:
        shutil.rmtree(SITE / "moto" / name, ignore_errors=True)


if __name__ == "__main__":
    main()
