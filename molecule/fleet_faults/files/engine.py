# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Poses as a dockerd with one container, which it stops before it ends. The real one does not run on these kernels."""

from __future__ import annotations

import http.server
import json
import os
import pathlib
import signal
import socket
import socketserver
import threading
import time

SOCKET = '/run/docker.sock'
IS_ACTIVATED = os.environ.get('LISTEN_FDS') == '1'  # sd_listen_fds(3)
events, changed = [], threading.Condition()


def happen(action, **attributes):
    nano = time.time_ns()
    with changed:
        events.append(
            {
                'Type': 'container',
                'Action': action,
                'Actor': {'ID': 'a' * 64, 'Attributes': dict(attributes, name='claude-hooks-kept')},
                'time': nano // 10**9,
                'timeNano': nano,
            }
        )
        changed.notify_all()


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_unused):
        pass

    def do_GET(self):
        self.send_response(200)
        self.send_header('Transfer-Encoding', 'chunked')
        self.end_headers()
        if not self.path.startswith('/events'):
            self.chunk(b'[]')
        told = 0
        while self.path.startswith('/events'):
            with changed:
                if told == len(events) and 'until=' not in self.path:
                    changed.wait()
                new, told = events[told:], len(events)
            for event in new:
                self.chunk(json.dumps(event).encode() + b'\n')
            if 'until=' in self.path:
                break
        self.chunk(b'')

    def chunk(self, data):
        self.wfile.write(b'%x\r\n' % len(data) + data + b'\r\n')


class Engine(socketserver.ThreadingMixIn, socketserver.TCPServer):
    address_family = socket.AF_UNIX
    daemon_threads = True

    def get_request(self):
        return self.socket.accept()[0], ('', 0)


def end():
    happen('kill', signal='15')
    happen('die', exitCode='143')
    happen('stop')
    time.sleep(0.3)
    if not IS_ACTIVATED:
        os.unlink(SOCKET)
    os._exit(0)


pathlib.Path('/proc/self/comm').write_text('dockerd')
engine = Engine(SOCKET, Answer, bind_and_activate=not IS_ACTIVATED)
if IS_ACTIVATED:
    engine.socket = socket.socket(fileno=3)
signal.signal(signal.SIGTERM, lambda *_unused: threading.Thread(target=end).start())
happen('create')
happen('start')
engine.serve_forever()
