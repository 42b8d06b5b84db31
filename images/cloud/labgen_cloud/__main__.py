"""Runs the provider: the AWS API behind TLS on 443."""

import logging
import signal
import sys

from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from labgen_cloud import ledger
from labgen_cloud.endpoint import Endpoint
from labgen_cloud.instances import teach

CERTIFICATE = "/etc/labgen/tls.crt"
KEY = "/run/labgen/secrets/tls.key"
REGION = "us-east-1"


class Handler(WSGIRequestHandler):
    """Gives up a client that says nothing for half a minute, and speaks only of errors."""

    timeout = 30

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: a line for every health check tells nobody anything."""


def main() -> None:
    """Serve until SIGTERM; never returns otherwise."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    # What a client asks for first must not wait for the import of EC2.
    backend = get_backend("ec2")[DEFAULT_ACCOUNT_ID][REGION]
    teach()
    remembered = ledger.restore(backend)
    application = Endpoint(create_backend_app, lambda: ledger.save(backend))
    server = make_server(
        "0.0.0.0",
        443,
        application,
        threaded=True,
        request_handler=Handler,
        ssl_context=(CERTIFICATE, KEY),
    )
    # Else the handshake happens where connections are accepted, and who never begins one keeps all waiting.
    server.socket.do_handshake_on_connect = False  # type: ignore[attr-defined]
    sys.stdout.write(f"cloud: the AWS API answers on port 443, with {remembered} instances from before\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
