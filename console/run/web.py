"""The web process: uvicorn.

Under the supervisor, `python -m console.run.web --fd N`: on a listening socket that the supervisor opened and keeps.
The socket outlives any web process, so connections that arrive while one is being started again wait in its queue
instead of being refused. With `--core N` it keeps to one core. In a container, `python -m console.run.web --host
0.0.0.0 --port 8000`.
"""

from __future__ import annotations

import argparse
import os
import socket

import uvicorn

from base.memory import settle
from console.run.http import BoundedProtocol


def config(host: str = "127.0.0.1", port: int = 8000) -> uvicorn.Config:
    return uvicorn.Config(
        "console.asgi:application",
        host=host,
        port=port,
        http=BoundedProtocol,
        lifespan="off",
        # Of terminals: a paste, not a file; what they show is small and must not wait for a compressor.
        ws_max_size=1024 * 1024,
        ws_per_message_deflate=False,
        access_log=False,
        log_config=None,  # Django's logging, set up with the application
        server_header=False,
        # Open event streams end with the server; pages subscribe again.
        timeout_graceful_shutdown=2,
        # The peer's word about addresses is taken from loopback only, where an operator's proxy would be.
        proxy_headers=True,
        forwarded_allow_ips=os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1"),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--fd", type=int, help="descriptor of a listening socket")
    parser.add_argument("--core", type=int, help="keep to this one of the cores it may use, counted from 0")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    if options.core is not None:
        keep_to_core(options.core)
    if options.fd is None:
        _serve(config(options.host, options.port))
        return
    with socket.socket(fileno=options.fd) as listener:
        _serve(config(), [listener])


def keep_to_core(number: int) -> None:
    """Of several processes each on its own. Python runs one thread of a process at a time, and a call goes from the
    event loop to a thread and back: from core to core that takes four times as long as on one."""
    allowed = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {allowed[number % len(allowed)]})


def _serve(settings: uvicorn.Config, sockets: list[socket.socket] | None = None) -> None:
    settings.load()
    settle()
    uvicorn.Server(settings).run(sockets=sockets)


if __name__ == "__main__":
    main()
