# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An engine that does nothing but remember what it was asked, on a unix socket.

It answers far enough that a docker CLI goes on to the request that counts: a ping with an API version, services,
nodes and stacks that exist, and success for what changes something. Everything else is "not found".
"""

from __future__ import annotations

import http.server
import json
import re
import socketserver
import threading
import urllib.parse

# Answered as in the engine's API 1.41: old enough for both CLIs, new enough for their options.
API_VERSION = '1.41'


class RecordingEngine:
    """``with RecordingEngine(path) as engine``: ``engine.requests`` has each as (method, path, query, body)."""

    def __init__(self, path):
        self.requests = []
        self.address = 'unix://%s' % path
        self._server = _Server(str(path), _Handler)
        self._server.engine = self

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, kwargs={'poll_interval': 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_unused):
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method, path, query):
        """(status, body) for a request; its path carries no API version."""
        if method in ('POST', 'DELETE'):
            if path.endswith('/prune') or re.fullmatch('/(services|nodes)/[^/]+/update', path):
                return 200, {}
            if path == '/swarm/leave' or re.match(
                '/(containers|services|nodes|volumes|networks|images|secrets|configs|plugins)/', path
            ):
                # Creating and pulling would go on to start a container, which the tests do not want to see.
                return (404, None) if re.search('/(create|exec|wait|attach)$', path) else (204, None)
        if method == 'GET':
            found = re.fullmatch('/(services|nodes)/([^/]+)', path)
            if found:
                updated = '/%s/%s/update' % found.groups()
                # The second look is the CLI waiting for an update to converge: there is nothing to wait for.
                if found.group(1) == 'services' and any(
                    asked == updated for _method, asked, _query, _body in self.requests
                ):
                    return 404, None
                return 200, _object(found.group(2))
            if path == '/services' and 'filters' in query:
                return 200, [_object('of-a-stack')]
            if path in ('/networks', '/secrets', '/configs', '/tasks'):
                return 200, []
        return 404, None


def _object(name):
    spec = {
        'Name': name,
        'Mode': {'Replicated': {'Replicas': 1}},
        'TaskTemplate': {'ContainerSpec': {'Image': 'x'}, 'Placement': {}},
        # Neither: to promote and to demote are both a change.
        'Role': '',
        'Availability': 'active',
    }
    return {'ID': name, 'Version': {'Index': 1}, 'Spec': spec, 'PreviousSpec': spec}


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    # The CLI asks for many containers at once; a full queue would refuse some of them.
    request_queue_size = 128

    def handle_error(self, *_unused):
        # A CLI that has asked for what it wanted may leave without the answer.
        pass


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def _handle(self):
        url = urllib.parse.urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        path = urllib.parse.unquote(re.sub('^/v[0-9.]+(?=/)', '', url.path), errors='surrogateescape')
        query = dict(urllib.parse.parse_qsl(url.query))
        if path == '/_ping':
            self._send(200, b'' if self.command == 'HEAD' else b'OK')
            return
        status, answer = self.server.engine.answer(self.command, path, query)
        self.server.engine.requests.append((self.command, path, query, body))
        if status == 404:
            answer = {'message': 'not here'}
        self._send(status, b'' if answer is None else json.dumps(answer).encode())

    def _send(self, status, body):
        self.send_response(status)
        for name, value in (
            ('Api-Version', API_VERSION),
            ('Ostype', 'linux'),
            ('Docker-Experimental', 'true'),
            ('Swarm', 'active/manager'),
        ):
            self.send_header(name, value)
        self.send_header('Content-Type', 'application/json')
        if status != 204:
            self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _handle

    def address_string(self):
        return 'unix'

    def log_message(self, *_unused):
        pass
