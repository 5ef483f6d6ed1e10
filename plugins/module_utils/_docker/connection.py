# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the docker engine over its socket; an answer is bounded in time and memory.

Not by the docker CLI, which would fire the audit rule. Whatever listens there, the only exception is EngineError.
"""

from __future__ import annotations

import http.client
import socket
import threading
from typing import Generator, Iterator

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import connects, entries

LONGEST_ANSWER = 256 << 20  # engine.REMEMBERED of the longest entries
_PIECE = 64 << 10


class EngineError(Exception):
    """The engine cannot be asked, or it answers with something else than an engine would."""


def whole(path: str, question: str, seconds: float) -> bytes:
    """A short answer, in one piece."""
    body = bytearray()
    for piece in answer(path, question, seconds):
        body += piece
        if len(body) > entries.LONGEST:
            raise EngineError('its answer to %s is longer than %d bytes' % (question, entries.LONGEST))
    return bytes(body)


def answer(path: str, question: str, seconds: float) -> Generator[bytes, None, None]:
    """The body of an answer, in pieces."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(seconds)
    # The timeout of the socket is for each read; the timer ends also an engine that sends a byte now and then.
    expired = threading.Event()
    timer = threading.Timer(seconds, _end, (connection, expired))
    timer.daemon = True
    name = question.partition('?')[0]
    try:
        timer.start()
        connects.note(path, seconds)
        connection.connect(path)
        yield from _exchange(connection, question, name)
        if expired.is_set():
            raise socket.timeout()
    except (OSError, http.client.HTTPException, ValueError) as error:
        if expired.is_set() or isinstance(error, socket.timeout):
            reason = 'the engine at %s did not answer %s within %s s' % (path, name, seconds)
        elif isinstance(error, OSError):
            reason = 'cannot ask an engine at %s: %s' % (path, error.strerror or error)
        else:
            reason = 'what listens at %s does not speak HTTP as an engine does: %s' % (path, type(error).__name__)
        raise EngineError(reason) from error
    finally:
        timer.cancel()
        connection.close()


def _exchange(connection: socket.socket, question: str, name: str) -> Iterator[bytes]:
    client = http.client.HTTPConnection('localhost')
    client.sock = connection
    client.request('GET', question, headers={'Connection': 'close'})
    with client.getresponse() as response:
        if response.status != 200:
            raise EngineError('it answered %s with status %d' % (name, response.status))
        length = 0
        while length <= LONGEST_ANSWER:
            piece = response.read(_PIECE)
            if not piece and response.length:
                raise http.client.IncompleteRead(b'')
            if not piece:
                return
            length += len(piece)
            yield piece
    raise EngineError('its answer to %s is longer than %d bytes' % (name, LONGEST_ANSWER))


def _end(connection: socket.socket, expired: threading.Event) -> None:
    expired.set()
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
