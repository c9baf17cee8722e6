"""A network between a client and a gateway that can fall silent, and tells nobody."""

from __future__ import annotations

import socket
from contextlib import suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Event, Thread
from urllib.parse import urlsplit


class Network(ThreadingTCPServer):
    """Hands on all that comes to its ``url``, at which nothing listens before it is entered."""

    daemon_threads = True

    def __init__(self, gateway_url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Connection, bind_and_activate=False)
        self.server_bind()
        parts = urlsplit(gateway_url)
        self.gateway = (parts.hostname or "", parts.port or 80)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.silence = Event()

    def __enter__(self) -> Network:
        self.server_activate()
        Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def fall_silent(self) -> None:
        """Lose all that is sent on the connections that there are; those that come are well."""
        self.silence.set()
        self.silence = Event()


class _Connection(BaseRequestHandler):
    server: Network

    def handle(self) -> None:
        is_silent = self.server.silence
        with socket.create_connection(self.server.gateway) as gateway:
            back = Thread(target=_hand_on, args=(gateway, self.request, is_silent), daemon=True)
            back.start()
            _hand_on(self.request, gateway, is_silent)
            back.join()


def _hand_on(source: socket.socket, target: socket.socket, is_silent: Event) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            if not is_silent.is_set():
                target.sendall(data)
    if not is_silent.is_set():
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)
