"""`python -m shopkeeper.web --port 8090`"""

from __future__ import annotations

import argparse
import sys

from shopkeeper.errors import ShopkeeperError
from shopkeeper.web.server import PORT, WORKERS, serve


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m shopkeeper.web", description="Serve the survey page and the webhooks of providers.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: %(default)s)")
    parser.add_argument("--port", type=int, default=PORT, help="default: %(default)s")
    parser.add_argument("--workers", type=int, default=WORKERS, help="processes that answer (default: %(default)s)")
    parser.add_argument("--listener", type=int, help="descriptor of a socket that listens already, in place of host and port")
    options = parser.parse_args()
    try:
        serve(host=options.host, port=options.port, workers=options.workers, listener=options.listener)
    except ShopkeeperError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
