"""Run the host: libvirt's daemon, one machine and AIM; ends when the daemon ends, or on SIGTERM."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import libvirt
from labgen_aim.processor import Processor
from labgen_aim.structures import HostError
from labgen_nfs import Share
from thrift.protocol.TBinaryProtocol import TBinaryProtocolFactory
from thrift.server.TServer import TThreadedServer
from thrift.transport.TSocket import TServerSocket
from thrift.transport.TTransport import TBufferedTransportFactory

from labgen_host.agent import Agent
from labgen_host.datastore import Disks
from labgen_host.machine import NAME, PORT, own_machine

STATE = Path("/run/labgen")
DATASTORE = Path("/var/lib/virt")
# In the datastore's volume: what is defined outlives the container, as on a host with a disk of its own.
DEFINITIONS = DATASTORE / ".config"
AIM_PORT = 8889
DAEMON_DEADLINE = 60.0
# A caller that was cut off must not hold its thread for ever.
IDLE_SECONDS = 600.0
QEMU_SETTINGS = f"""\
security_driver = "none"
stdio_handler = "file"
vnc_listen = "0.0.0.0"
remote_display_port_min = {PORT + 1}
remote_display_port_max = 5999
"""
GONE = {libvirt.VIR_DOMAIN_SHUTOFF_CRASHED, libvirt.VIR_DOMAIN_SHUTOFF_FAILED}


def say(message: str) -> None:
    """Write a line to the container's log."""
    sys.stdout.write(f"host: {message}\n")
    sys.stdout.flush()


def start_daemon() -> subprocess.Popen[bytes]:
    """Start libvirtd for this user, without a privilege, on TCP and TLS."""
    places = {"CONFIG_HOME": DEFINITIONS, "CACHE_HOME": STATE / "cache", "RUNTIME_DIR": STATE / "run"}
    for name, folder in places.items():
        folder.mkdir(mode=0o700, exist_ok=True)
        os.environ[f"XDG_{name}"] = str(folder)
    settings = DEFINITIONS / "libvirt"
    settings.mkdir(exist_ok=True)
    (settings / "qemu.conf").write_text(QEMU_SETTINGS)
    return subprocess.Popen(
        ["/usr/sbin/libvirtd", "--listen", "--config", "/usr/local/lib/labgen/libvirtd.conf"]
    )


def connect(daemon: subprocess.Popen[bytes]) -> Any:
    """Wait for the daemon. Raises SystemExit when it ends or does not answer in time."""
    # Without a handler libvirt's library prints each failed attempt.
    libvirt.registerErrorHandler(lambda *_: None, None)
    deadline = time.monotonic() + DAEMON_DEADLINE
    while daemon.poll() is None and time.monotonic() < deadline:
        if (STATE / "run/libvirt/libvirt-sock").exists():
            try:
                return libvirt.open("qemu:///session")
            except libvirt.libvirtError:
                pass
        time.sleep(0.05)
    sys.exit("host: libvirtd did not answer")


def start_machine(connection: Any, node: str) -> Any:
    """Define and start the host's machine; return libvirt's handle of it."""
    domain = connection.defineXML(own_machine(node, DATASTORE))
    if not domain.isActive():
        domain.create()
    return domain


class Listening(TServerSocket):  # type: ignore[misc]
    """Where the agent listens; who is silent for long is let go."""

    def accept(self) -> Any:
        """Wait for a caller."""
        caller = super().accept()
        caller.setTimeout(IDLE_SECONDS * 1000)
        return caller


def serve(handler: Agent) -> None:
    """Answer AIM's calls for ever, each caller in a thread of its own."""
    server = TThreadedServer(
        Processor(handler),
        Listening(host="0.0.0.0", port=AIM_PORT),
        TBufferedTransportFactory(),
        TBinaryProtocolFactory(),
        daemon=True,
    )
    server.serve()


def share(neighbours: list[dict[str, Any]]) -> Share:
    """Prepare to speak to the datacenter's share. Raises HostError when this host is connected to none."""
    for row in neighbours:
        if row["protocol"] == "nfs" and row.get("transport", "tcp") == "tcp":
            return Share(row["node"], int(row["port"]))
    raise HostError("this host has no share to copy from")


def main() -> None:
    """Start everything, then watch it; the container's restart policy is the way back."""
    document = json.loads(Path("/etc/labgen/node.json").read_text())
    disks = Disks(DATASTORE, lambda: share(document.get("neighbours", [])))
    disks.clear()
    daemon = start_daemon()

    def stop(*_: object) -> None:
        daemon.kill()
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    connection = connect(daemon)
    machine = start_machine(connection, document["node"])
    handler = Agent(connection, DATASTORE, disks, STATE / "cache/libvirt/qemu/log")
    agent = threading.Thread(target=serve, args=(handler,), daemon=True)
    agent.start()
    say(f"AIM on {AIM_PORT}, libvirt on 16509 and 16514, the console of {NAME} on {PORT}")
    while daemon.poll() is None and agent.is_alive():
        time.sleep(2)
        # A machine that somebody switched off stays off; one whose process died comes back.
        try:
            state, reason = machine.state()
            if state == libvirt.VIR_DOMAIN_SHUTOFF and reason in GONE:
                say("the virtual machine died: it is started again")
                machine.create()
        except libvirt.libvirtError as error:
            say(f"libvirt: {error}")
    daemon.kill()
    sys.exit("host: a part of the host ended")


if __name__ == "__main__":
    main()
