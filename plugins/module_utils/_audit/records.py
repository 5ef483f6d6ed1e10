# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of audit text to records."""

from __future__ import annotations

import re
from collections import namedtuple

# Types by number, as the kernel itself writes them to the syslog while no auditd runs (include/uapi/linux/audit.h).
_KINDS = {
    b'SYSCALL': 'SYSCALL',
    b'EXECVE': 'EXECVE',
    b'CWD': 'CWD',
    b'1300': 'SYSCALL',
    b'1309': 'EXECVE',
    b'1307': 'CWD',
}
# Every repetition is bounded, so that no input takes more than linear time.
HEADER = re.compile(rb'type=([A-Z0-9_\[\]]{1,40}) (?:msg=)?audit\(([^)\n]{1,80})\)( ?): ?')
_NODE = re.compile(rb'node=(\S{1,255}) \Z')
IDENT = re.compile(rb'(\d{1,11})(?:\.(\d{1,9}))?:(\d{1,20})\Z')
Record = namedtuple('Record', ('node', 'ident', 'interpreted', 'kind', 'body', 'names'))


def records(line):
    """The records of one line, in order.

    Usually one. A line that was cut (a crash, a full disk) has the next record glued to it; NUL blocks, parts of lines
    and syslog prefixes come before a record. What follows msg=' was written by a program, not by the kernel, and is
    never taken for a record.
    """
    found = HEADER.search(line)
    before = line[: found.start()] if found else b''
    while found and b"msg='" not in before:
        following = HEADER.search(line, found.end())
        text = line[found.end() : following.start() if following else len(line)]
        # ausearch -i alone writes a blank between the time and the colon
        interpreted = found.group(3) == b' '
        if interpreted or IDENT.match(found.group(2)):
            node = _NODE.search(before[-262:])
            body, _separator, names = (uncut(text) if following else text).partition(b'\x1d')
            yield Record(
                node.group(1) if node else None,
                found.group(2),
                interpreted,
                _KINDS.get(found.group(1)),
                clean(body),
                names,
            )
        before = text
        found = following


def clean(body):
    """A body up to the first byte that no record holds."""
    for stop in (b'\n', b'\r', b'\0'):
        if stop in body:
            body = body[: body.index(stop)]
    return body


def uncut(text):
    """A record that ends without its line end: leave out the last value, unless something shows that it is whole."""
    node = _NODE.search(text[-262:])
    if node:
        text = text[: len(text) - len(node.group(0))]
    if b'\x1d' in text or text.endswith(b'"'):
        return text
    return text[: text.rfind(b' ') + 1]


# The names that moved, for those who have not followed yet
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import events as _events  # noqa: E402
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import forms as _forms  # noqa: E402
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times as _times  # noqa: E402


def __getattr__(name):
    for module in (_events, _forms, _times):
        if name in vars(module):
            return vars(module)[name]
    raise AttributeError(name)
