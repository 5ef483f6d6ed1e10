# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The events of the engine and the names of containers by their ids, asked of the docker engine over its socket.

Never by the docker CLI: that would fire the audit rule. Source: the Docker Engine API, GET /events and
GET /containers/json; the attributes of an event are set in moby's daemon/events.go LogContainerEventWithAttributes.

Whatever listens at the socket, the answer is bounded in time and size, and nothing it says raises an exception.
"""

from __future__ import annotations

import fnmatch
import http.client
import json
import re
import socket
import threading
import time
import urllib.parse

SOCKET = '/var/run/docker.sock'
SECONDS = 5  # for each of the two questions
REMEMBERED = 256  # events, eventsLimit in moby's daemon/events/events.go
LONGEST_ANSWER = 16 << 20  # thousands of containers: each takes 1 to 2 kB

_LIST = '/containers/json?all=1'
_ID = re.compile(r'[0-9a-f]{64}\Z')


class EngineError(Exception):
    """The engine cannot be asked, or it answers with something else than an engine would."""


def container_names(path=SOCKET, seconds=SECONDS):
    """({id: [names, the newest last]}, reason): reason is None, or why the engine did not tell all it should.

    The events still know containers that are removed, and names from before a renaming. The engine keeps the last 256
    events of every type, so what happened before them is known only of containers that are still there.
    """
    known = {}
    reason = None
    for question, read in ((_events_until_now({'type': ['container']}), _names_of_events), (_LIST, _names_of_list)):
        try:
            for identity, name in read(_get(path, question, seconds)):
                names = known.setdefault(identity, {})
                names.pop(name, None)
                names[name] = None
        except EngineError as error:
            reason = reason or str(error)
    return {identity: list(names) for identity, names in known.items()}, reason


def label(names, pattern):
    """The newest name that matches the pattern, else the newest: a container that was renamed is still the one that had such a name."""
    return next((name for name in reversed(names) if fnmatch.fnmatchcase(name, pattern)), names[-1])


def events(path=SOCKET, seconds=SECONDS):
    """The last events of every type that the engine keeps, oldest first: REMEMBERED at most, none from before its start."""
    body = _get(path, _events_until_now({}), seconds)
    return [
        event
        for event in (_json(line, '/events') for line in body.split(b'\n') if line.strip())
        if isinstance(event, dict)
    ]


def _events_until_now(filters):
    # Without an end the engine goes on to wait for new events.
    return '/events?' + urllib.parse.urlencode(
        {'since': '0', 'until': '%.6f' % time.time(), 'filters': json.dumps(filters, separators=(',', ':'))}
    )


def _names_of_events(body):
    """(id, name) pairs of a stream of events, one JSON object per line, oldest first."""
    for line in body.split(b'\n'):
        if not line.strip():
            continue
        event = _json(line, '/events')
        actor = _entry(event, 'Actor', dict)
        attributes = _entry(actor, 'Attributes', dict)
        if _entry(event, 'Action', str) == 'rename':
            yield from _pair(_entry(actor, 'ID', str), _entry(attributes, 'oldName', str))
        yield from _pair(_entry(actor, 'ID', str), _entry(attributes, 'name', str))


def _names_of_list(body):
    """(id, name) pairs of the containers that are there now."""
    containers = _json(body, '/containers/json')
    if not isinstance(containers, list):
        raise EngineError('its answer to /containers/json is no list')
    for container in containers:
        for name in _entry(container, 'Names', list):
            # /other/alias is what another container calls this one, by --link
            if isinstance(name, str) and name.count('/') < 2:
                yield from _pair(_entry(container, 'Id', str), name)


def _entry(holder, name, kind):
    """An entry of a JSON object, or an empty one if there is none of that kind."""
    value = holder.get(name) if isinstance(holder, dict) else None
    return value if isinstance(value, kind) else kind()


def _pair(identity, name):
    name = name.lstrip('/')
    return [(identity, name)] if name and _ID.match(identity) else []


def _json(text, question):
    try:
        # No number is needed, and int() takes quadratic time for a long one.
        return json.loads(text, parse_int=float)
    except (ValueError, RecursionError):
        raise EngineError('its answer to %s is not the JSON of an engine' % question)


def _get(path, question, seconds):
    """The body of an answer, as bytes."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(seconds)
    # The timeout of the socket is for each read; the timer ends also an engine that sends a byte now and then.
    expired = threading.Event()
    timer = threading.Timer(seconds, _end, (connection, expired))
    timer.daemon = True
    label = question.partition('?')[0]
    try:
        timer.start()
        connection.connect(path)
        body = _exchange(connection, question, label)
        if expired.is_set():
            raise socket.timeout()
        return body
    except (OSError, http.client.HTTPException, ValueError) as error:
        if expired.is_set() or isinstance(error, socket.timeout):
            raise EngineError('the engine at %s did not answer %s within %s s' % (path, label, seconds))
        if isinstance(error, OSError):
            raise EngineError('cannot ask an engine at %s: %s' % (path, error.strerror or error))
        raise EngineError('what listens at %s does not speak HTTP as an engine does: %s' % (path, type(error).__name__))
    finally:
        timer.cancel()
        connection.close()


def _exchange(connection, question, label):
    client = http.client.HTTPConnection('localhost')
    client.sock = connection
    client.request('GET', question, headers={'Connection': 'close'})
    with client.getresponse() as response:
        if response.status != 200:
            raise EngineError('it answered %s with status %d' % (label, response.status))
        body = bytearray()
        while len(body) <= LONGEST_ANSWER:
            piece = response.read(64 << 10)
            if not piece and response.length:
                raise http.client.IncompleteRead(b'')
            if not piece:
                return bytes(body)
            body += piece
    raise EngineError('its answer to %s is longer than %d bytes' % (label, LONGEST_ANSWER))


def _end(connection, expired):
    expired.set()
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
