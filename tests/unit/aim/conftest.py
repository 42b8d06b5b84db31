"""An agent in this process: a handler of the test's own behind Thrift's real server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from labgen_aim.processor import Processor
from thrift.protocol.TBinaryProtocol import TBinaryProtocolFactory
from thrift.server.TServer import TThreadedServer
from thrift.transport.TSocket import TServerSocket
from thrift.transport.TTransport import TBufferedTransportFactory


@pytest.fixture
def serve() -> Iterator[Callable[[object], int]]:
    """Serve a handler, and return the port."""
    running: list[tuple[socket.socket, threading.Thread, threading.Event]] = []

    def start(handler: object) -> int:
        listening, closing = TServerSocket("127.0.0.1", 0), threading.Event()
        listening.listen()
        server = TThreadedServer(
            Processor(handler), listening, TBufferedTransportFactory(), TBinaryProtocolFactory(), daemon=True
        )

        # Thrift's own loop has no end, and tells nobody its port.
        def loop() -> None:
            while True:
                client = listening.accept()
                if closing.is_set():
                    client.close()
                    return
                threading.Thread(target=server.handle, args=(client,), daemon=True).start()

        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        running.append((listening.handle, thread, closing))
        return int(listening.handle.getsockname()[1])

    yield start
    for handle, thread, closing in running:
        closing.set()
        socket.create_connection(handle.getsockname()).close()
        thread.join(10)
        handle.close()
        assert not thread.is_alive()
