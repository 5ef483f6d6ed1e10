# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What listens at a unix socket and plays the docker engine, byte by byte if need be."""

from __future__ import annotations

import json
import socket
import threading


def request_of(client):
    """The request that a client sends next, or None where it sends none any more."""
    request = b''
    while not request.endswith(b'\r\n\r\n'):
        piece = client.recv(4096)
        if not piece:
            return None
        request += piece
    return request


class Listener:
    """Answers every request at a socket with what `replies` has for its path: bytes, or a function that writes them."""

    def __init__(self, path, replies):
        self.path = str(path)
        self.asked = []
        self._replies = replies
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(self.path)
        self._server.listen(8)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_unused):
        # accept() is not woken by close()
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._server.close()

    def _serve(self):
        while True:
            try:
                client = self._server.accept()[0]
            except OSError:
                return
            with client:
                try:
                    self._answer(client)
                except OSError:
                    pass  # it has heard enough

    def _answer(self, client):
        request = request_of(client)
        if request is None:
            return
        target = request.split(b' ')[1].decode()
        self.asked.append((target, request))
        reply = self._replies[target.partition('?')[0]]
        if callable(reply):
            reply(client)
        else:
            client.sendall(reply)


def ok(body, status='200 OK'):
    return (
        b'HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n' % (status.encode(), len(body))
        + body
    )


def chunked(*pieces):
    chunks = b''.join(b'%x\r\n%s\r\n' % (len(piece), piece) for piece in pieces)
    return b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n' + chunks + b'0\r\n\r\n'


def events(*entries):
    """The answer to /events: one JSON object a line."""
    return ok(b''.join(json.dumps(entry).encode() + b'\n' for entry in entries))
