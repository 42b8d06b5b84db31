"""What a test of drift changes in a lab, one thing each, and the drift that it is."""

from __future__ import annotations

from collections.abc import Callable

from labgen.engine.drift_model import Drift, DriftKind
from labgen.names import Label
from tests.unit.engine.deployed import Deployed

K = DriftKind
NET = "labgen-small"
ANEW = "`labgen down small --keep-volumes`, then `labgen up small`"


def missing(lab: Deployed) -> None:
    lab.world.containers.remove(lab.container("redis-1"))


def state(state: str, status: str) -> Callable[[Deployed], None]:
    return lambda lab: lab.container("redis-1").update({"State": state, "Status": status})


def network(**changes: object) -> Callable[[Deployed], None]:
    return lambda lab: lab.network("api-redis").update(changes)


def file(path: str, text: str | None) -> Callable[[Deployed], None]:
    def change(lab: Deployed) -> None:
        target = lab.state.folder / path
        if text is None:
            target.unlink()
        else:
            target.write_text(target.read_text() + text)

    return change


MODE = "com.docker.network.bridge.gateway_mode_ipv4"
PLANTED: list[tuple[str, Callable[[Deployed], object], Drift]] = [
    (
        "a node without a container",
        missing,
        Drift(K.CONTAINER, "redis-1", "running", "missing", "`labgen up` creates it"),
    ),
    (
        "a node that was stopped",
        state("exited", "Exited (0) 1 minute ago"),
        Drift(
            K.CONTAINER,
            "redis-1",
            "running",
            "stopped (Exited (0) 1 minute ago)",
            "`labgen up` starts it",
        ),
    ),
    (
        "a node that was paused",
        state("paused", "Up 1 minute (Paused)"),
        Drift(
            K.CONTAINER,
            "redis-1",
            "running",
            "paused (Up 1 minute (Paused))",
            "`labgen up` lets it go on",
        ),
    ),
    (
        "a node that ends again and again",
        state("restarting", ""),
        Drift(
            K.CONTAINER,
            "redis-1",
            "running",
            "restarting",
            "`labgen logs redis-1 --lab small` says why it ends",
            up=False,
        ),
    ),
    (
        "a container of Compose's that the plan lacks",
        lambda lab: lab.labelled("labgen-small-old-1", **{"com.docker.compose.project": "labgen-small"}),
        Drift(
            K.CONTAINER,
            "labgen-small-old-1",
            "none",
            "a container with the lab's label: Up 2 minutes",
            "`labgen up` removes it",
        ),
    ),
    (
        "a container of nobody's",
        lambda lab: lab.labelled("stray"),
        Drift(
            K.CONTAINER,
            "stray",
            "none",
            "a container with the lab's label: Up 2 minutes",
            "`docker rm -f stray`",
            up=False,
        ),
    ),
    (
        "an older labgen's image",
        lambda lab: lab.container("redis-1").update({"Image": "labgen/redis:old", "ImageID": "id old"}),
        Drift(K.IMAGE, "redis-1", "{image}", "labgen/redis:old", "`labgen up` makes it anew"),
    ),
    (
        "the same tag on a newer image",
        lambda lab: lab.container("redis-1").update({"Image": "sha256:1234", "ImageID": "id old"}),
        Drift(K.IMAGE, "redis-1", "{image}", "an older image of that tag", "`labgen up` makes it anew"),
    ),
    (
        "other files",
        lambda lab: lab.label("redis-1", Label.FILES, "0123"),
        Drift(K.CONFIGURATION, "redis-1", "files {files}", "files 0123", "`labgen up` makes it anew"),
    ),
    (
        "another service",
        lambda lab: lab.label("redis-1", "com.docker.compose.config-hash", "other"),
        Drift(
            K.CONFIGURATION,
            "redis-1",
            "its service as rendered",
            "made from another",
            "`labgen up` makes it anew",
        ),
    ),
    (
        "a network more",
        lambda lab: lab.world.networks.append(
            {"Name": f"{NET}-more", "Labels": {Label.LAB: "small"}, "IPAM": None, "Options": None}
        ),
        Drift(K.NETWORK, f"{NET}-more", "none", "a network with the lab's label", "`labgen up` removes it"),
    ),
    (
        "a network elsewhere",
        network(IPAM={"Config": [{"Subnet": "10.99.0.0/28"}]}),
        Drift(
            K.NETWORK,
            f"{NET}-api-redis",
            "subnet {subnet}",
            "subnet 10.99.0.0/28",
            "`labgen up` makes it anew, with the nodes on it",
        ),
    ),
    (
        "a network that leads out",
        network(Internal=False),
        Drift(K.NETWORK, f"{NET}-api-redis", "internal", "not internal", ANEW, up=False),
    ),
    (
        "a network with IPv6",
        network(EnableIPv6=True),
        Drift(K.NETWORK, f"{NET}-api-redis", "not IPv6", "IPv6", ANEW, up=False),
    ),
    (
        "a network whose bridge has an address",
        network(Options={}),
        Drift(K.NETWORK, f"{NET}-api-redis", f"{MODE}: isolated", "none", ANEW, up=False),
    ),
    (
        "a network with an option more",
        network(Options={MODE: "isolated", "more": "1"}),
        Drift(K.NETWORK, f"{NET}-api-redis", "more: none", "1", ANEW, up=False),
    ),
    (
        "somebody else's network of that name",
        network(Labels=None, Internal=False, Options=None),
        Drift(
            K.NETWORK,
            f"{NET}-api-redis",
            "labgen's",
            "somebody else's of that name",
            f"`docker network rm {NET}-api-redis`, then `labgen up small`",
            up=False,
        ),
    ),
    (
        "a node that was disconnected",
        lambda lab: lab.networks_of("redis-1").pop(f"{NET}-api-redis"),
        Drift(
            K.ATTACHMENT,
            "redis-1",
            f"on network {NET}-api-redis as {{address}}",
            "it is not on it",
            "`labgen up` makes the node anew",
        ),
    ),
    (
        "a node with another address",
        lambda lab: lab.networks_of("redis-1")[f"{NET}-api-redis"].update(IPAddress="10.210.0.77"),
        Drift(
            K.ATTACHMENT,
            "redis-1",
            f"on network {NET}-api-redis as {{address}}",
            "as 10.210.0.77",
            f"`docker rm -f {NET}-redis-1`, then `labgen up small`",
            up=False,
        ),
    ),
    (
        "a node on a network more",
        lambda lab: lab.networks_of("redis-1").update({"bridge": {"IPAddress": "172.17.0.2"}}),
        Drift(
            K.ATTACHMENT,
            "redis-1",
            "not on network bridge",
            "it is on it as 172.17.0.2",
            f"`docker network disconnect bridge {NET}-redis-1`",
            up=False,
        ),
    ),
    (
        "a stranger on a link",
        lambda lab: lab.stranger("spy", f"{NET}-api-redis"),
        Drift(
            K.ATTACHMENT,
            f"{NET}-api-redis",
            "nodes of the lab only",
            "container spy is on it as 10.210.0.9",
            f"`docker network disconnect {NET}-api-redis spy`",
            up=False,
        ),
    ),
    (
        "a file with a line more",
        file("nodes/redis-1/firewall.nft", "more\n"),
        Drift(
            K.FILE,
            "nodes/redis-1/firewall.nft",
            "line {lines}: no such line",
            "more",
            "`labgen up` writes it anew; the node reads it after `labgen restart redis-1`",
        ),
    ),
    (
        "a file that its node loads while it runs",
        file("nodes/api-1/node.json", "more\n"),
        Drift(
            K.FILE,
            "nodes/api-1/node.json",
            "line {lines}: no such line",
            "more",
            "`labgen up` writes it anew, and lets api-1 load it",
        ),
    ),
    (
        "a file without its end",
        file("nodes/redis-1/firewall.nft", "\n"),
        Drift(
            K.FILE,
            "nodes/redis-1/firewall.nft",
            "line {lines}: no such line",
            "an empty line",
            "`labgen up` writes it anew; the node reads it after `labgen restart redis-1`",
        ),
    ),
    (
        "a file that is gone",
        file("compose.yaml", None),
        Drift(K.FILE, "compose.yaml", "as rendered", "missing", "`labgen up` writes it anew"),
    ),
    (
        "a secret that is gone",
        file("secrets/mysql_password", None),
        Drift(
            K.FILE,
            "secrets/mysql_password",
            "there",
            "missing",
            "`labgen up` makes a new one; all nodes start anew",
        ),
    ),
    (
        "a key that is gone",
        file("tls/frontend-1.key", None),
        Drift(
            K.FILE,
            "tls/frontend-1.key",
            "there",
            "missing",
            "`labgen up` makes a new one; all nodes start anew",
        ),
    ),
]
