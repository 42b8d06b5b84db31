"""Run the host: libvirt's daemon, one machine and AIM; ends when the daemon ends, or on SIGTERM."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import libvirt
from labgen_aim.processor import Processor
from thrift.protocol.TBinaryProtocol import TBinaryProtocolFactory
from thrift.server.TServer import TThreadedServer
from thrift.transport.TSocket import TServerSocket
from thrift.transport.TTransport import TBufferedTransportFactory

from labgen_host.agent import Agent
from labgen_host.machine import boot_disk, description

STATE = Path("/run/labgen")
DATASTORE = Path("/var/lib/virt")
AIM_PORT = 8889
DAEMON_DEADLINE = 60.0
GONE = {libvirt.VIR_DOMAIN_SHUTOFF_CRASHED, libvirt.VIR_DOMAIN_SHUTOFF_FAILED}


def say(message: str) -> None:
    """Write a line to the container's log."""
    sys.stdout.write(f"host: {message}\n")
    sys.stdout.flush()


def start_daemon() -> subprocess.Popen[bytes]:
    """Start libvirtd for this user, without a privilege, on TCP and TLS."""
    for name in ("config", "cache", "run"):
        folder = STATE / name
        folder.mkdir(mode=0o700, exist_ok=True)
        os.environ[
            f"XDG_{'RUNTIME' if name == 'run' else name.upper()}_{'DIR' if name == 'run' else 'HOME'}"
        ] = str(folder)
    settings = STATE / "config" / "libvirt"
    settings.mkdir(exist_ok=True)
    (settings / "qemu.conf").write_text('security_driver = "none"\nstdio_handler = "file"\n')
    return subprocess.Popen(["/usr/sbin/libvirtd", "--listen", "--config", "/etc/labgen/libvirtd.conf"])


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
    disk = DATASTORE / "vm-1.img"
    disk.write_bytes(boot_disk(f"\r\n  {node}: console of the virtual machine vm-1\r\n\r\n  > "))
    identity = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"vm-1.{node}"))
    domain = connection.defineXML(description("vm-1", identity, disk))
    if not domain.isActive():
        domain.create()
    return domain


def serve(handler: Agent) -> None:
    """Answer AIM's calls for ever."""
    server = TThreadedServer(
        Processor(handler),
        TServerSocket(host="0.0.0.0", port=AIM_PORT),
        TBufferedTransportFactory(),
        TBinaryProtocolFactory(),
        daemon=True,
    )
    server.serve()


def main() -> None:
    """Start everything, then watch it; the container's restart policy is the way back."""
    node = json.loads(Path("/etc/labgen/node.json").read_text())["node"]
    daemon = start_daemon()

    def stop(*_: object) -> None:
        daemon.kill()
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    connection = connect(daemon)
    machine = start_machine(connection, node)
    agent = threading.Thread(target=serve, args=(Agent(connection, DATASTORE),), daemon=True)
    agent.start()
    say(f"AIM on {AIM_PORT}, libvirt on 16509 and 16514, the console of vm-1 on 5900")
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
