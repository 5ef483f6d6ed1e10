# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts in whatever form they come to bytes of lines."""

from __future__ import annotations

import re

# The first words of the formats that carry no arguments: `ausearch --format csv` and `--format text`.
_CSV = re.compile(rb'\s*NODE,EVENT,DATE,')
_TEXT = re.compile(rb'\s*(?:On \S{1,255} at|At) \d\d:\d\d:\d\d \S{1,20} ')
_TAIL_LINE = re.compile(rb'[A-Z_]+=')


class AuditLogError(ValueError):
    """The text is not something that audit events can be read from."""


def to_bytes(text):
    """The text as bytes. A list of lines is joined, and the ENRICHED tails that str.splitlines cut off are put back."""
    if isinstance(text, bytes):
        return text
    if isinstance(text, str):
        try:
            return text.encode('utf-8', 'surrogateescape')
        except UnicodeEncodeError:
            return text.encode('utf-8', 'replace')
    if isinstance(text, (list, tuple)):
        lines = []
        for line in text:
            if not isinstance(line, (str, bytes)):
                raise AuditLogError(
                    'audit text must be a string or a list of lines, but the list holds %s' % type(line).__name__
                )
            line = to_bytes(line)
            if lines and _TAIL_LINE.match(line):
                lines[-1] += b'\x1d' + line
            else:
                lines.append(line)
        return b'\n'.join(lines)
    raise AuditLogError(
        'audit text must be a string or a list of lines, not %s: give the stdout or stdout_lines of a result'
        % type(text).__name__
    )


def refuse_other_formats(data):
    """Stop at the ausearch formats that leave the arguments out."""
    for pattern, name in ((_CSV, 'csv'), (_TEXT, 'text')):
        if pattern.match(data[:400]):
            raise AuditLogError(
                'this is the %s format of ausearch, which leaves out the arguments of commands: '
                'use `ausearch --raw -k KEY --input-logs </dev/null`' % name
            )
