# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns findings and verdicts into short messages, and sends them to the journal of the host.

From there the log pipeline that is there takes them.

A message is one JSON object on one line of ASCII: claude_hooks_docker_audit (1, the version of this form), id, kind
(finding or verdict), and the finding or verdict under that name. The same finding has the same id whenever it is sent,
so that whoever receives it twice can tell. What can be a secret is ``***``, as more people than root read a journal.

Sources: systemd's "Native Journal Protocol" (systemd.io/JOURNAL_NATIVE_PROTOCOL): a datagram of NAME=VALUE lines;
rsyslog cuts messages at 8 KiB by default (maxMessageSize), with the head of the syslog line in them.
"""

from __future__ import annotations

import hashlib
import json
import socket
from typing import Any, Mapping

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import hiding

JOURNAL = '/run/systemd/journal/socket'
# At most 15 characters, so that with [PID]: it fits the 32 of a tag in RFC 3164
IDENTIFIER = 'claude-hooks'
LONGEST = 8000  # bytes

# Seconds that the journal may be busy
_PATIENCE = 30
# authpriv (RFC 5424, 6.2.1): what gets it into the file that syslog daemons keep from other users
_FIELDS = 'PRIORITY=6\nSYSLOG_FACILITY=10\nSYSLOG_IDENTIFIER=%s\n' % IDENTIFIER
# How long a text or a list may be as JSON, the first that makes the message short enough
_LIMITS = (4000, 2000, 1000, 500, 250, 120, 60, 30)
# What only repeats the command line, or names the targets in it
_DISPENSABLE = ('argv_hex', 'target_names')

Message = Mapping[str, Any]


def of_finding(finding: Mapping[str, Any]) -> Message:
    """The message of a finding, as it is shown: find.shown() was applied."""
    hidden = hiding.entry(dict(finding))
    return _message('finding', hidden, [hidden['host'], hidden['event'], hidden['pid'], hidden['argv']])


def of_verdict(verdict: Mapping[str, Any]) -> Message:
    """The message of a verdict."""
    hidden = hiding.entry(dict(verdict))
    return _message('verdict', hidden, [hidden['host'], hidden['id'], hidden['timestamp'], hidden['what']])


def _message(kind: str, content: dict[str, Any], identity: list[Any]) -> Message:
    # Of what is shown: from a hash of the rest, a short secret could be guessed
    name = hashlib.sha256(json.dumps([kind, identity]).encode('ascii')).hexdigest()[:32]
    return {names.FORWARDED: names.FORWARDED_VERSION, 'id': name, 'kind': kind, kind: content}


def line(message: Message) -> str:
    """A message as ASCII of at most LONGEST bytes. One that is longer is cut in its longest parts, and has `cut`."""
    text = _json(message)
    for limit in _LIMITS:
        if len(text) <= LONGEST:
            break
        kind = message['kind']
        text = _json({**message, 'cut': True, kind: _cut(message[kind], limit)})
    return text


def _cut(value: Any, limit: int) -> Any:
    """The same with each text, and each list, of at most so many bytes as JSON."""
    if isinstance(value, str):
        return _start(value, limit)
    if isinstance(value, list):
        kept: list[Any] = []
        left = limit - 2
        for part in value:
            part = _cut(part, limit)
            left -= len(_json(part)) + 1
            if left < 0:
                break
            kept.append(part)
        return kept
    if not isinstance(value, dict):
        return value
    shorter = {name: _cut(part, limit) for name, part in value.items() if name not in _DISPENSABLE}
    if 'argv_complete' in value and shorter.get('argv') != value.get('argv'):
        shorter['argv_complete'] = False
    if isinstance(value.get('who'), list) and isinstance(value.get('more'), int):
        shorter['more'] += len(value['who']) - len(shorter['who'])
    return shorter


def _start(text: str, limit: int) -> str:
    """The first characters of a text, of at most so many bytes as JSON."""
    if len(text) <= limit and len(_json(text)) <= limit:
        return text
    left = limit - 2
    for place, character in enumerate(text):
        left -= len(_json(character)) - 2
        if left < 0:
            return text[:place]
    return text


def _json(value: Any) -> str:
    return json.dumps(value, separators=(',', ':'))


class Journal:
    """The journal of this host. OSError, with the path, where it takes nothing."""

    def __init__(self, path: str = JOURNAL) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(_PATIENCE)
        try:
            self._socket.connect(path)
        except OSError as error:
            self._socket.close()
            raise OSError(error.errno, error.strerror, path) from error

    def send(self, message: Message) -> None:
        self._socket.sendall(('MESSAGE=%s\n%s' % (line(message), _FIELDS)).encode('ascii'))

    def close(self) -> None:
        self._socket.close()
