"""The cloud provider's API: moto behind TLS on 443, with EC2 loaded before the first request."""

import logging
import signal
import sys
from typing import Any
from urllib.parse import parse_qs

from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

# A request without a signature does not name its service; its version of the query API does.
SERVICES = {"2016-11-15": "ec2", "2011-06-15": "sts", "2010-05-08": "iam"}
CERTIFICATE = "/etc/labgen/tls.crt"
KEY = "/run/labgen/secrets/tls.key"


class Dispatcher(DomainDispatcherApplication):  # type: ignore[misc]
    """moto's dispatcher, which also knows whom an unsigned query is for (plain curl, say)."""

    def infer_service_region_host(self, environ: dict[str, Any], path: str) -> str | None:
        """Name the host of the service that a request is for."""
        if "HTTP_AUTHORIZATION" not in environ:
            query = parse_qs(environ.get("QUERY_STRING", "")) | parse_qs(self._get_body(environ) or "")
            service = SERVICES.get(query.get("Version", [""])[0])
            if service:
                return f"{service}.us-east-1.amazonaws.com"
        host: str | None = super().infer_service_region_host(environ, path)
        return host


def main() -> None:
    """Serve until SIGTERM; never returns otherwise."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # A line for every health check says nothing; errors are still shown.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    # The first request of a client must not wait for the import of EC2.
    _ = get_backend("ec2")[DEFAULT_ACCOUNT_ID]["us-east-1"]
    sys.stdout.write("cloud: the AWS API answers on port 443\n")
    sys.stdout.flush()
    run_simple("0.0.0.0", 443, Dispatcher(create_backend_app), threaded=True, ssl_context=(CERTIFICATE, KEY))


if __name__ == "__main__":
    main()
