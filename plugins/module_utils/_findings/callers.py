# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adds what is known about the caller: the login of its session, and processes that still run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import sessions
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times


def add(entries: Sequence[Any], batches: Iterable[Iterable[bytes]], living: Any) -> None:
    """Put a caller into each of the entries, which are findings or connects with the node of their records.

    batches are lists of lines of the audit log, those of the newest log first; no more are taken than needed. living
    are the processes of this host: the node that it is, when it was booted, and how to look at one.
    """
    logins = sessions.Logins(living.booted(), living.node)
    wanted = [entry for entry in entries if entry['ses'] is not None and entry['auid'] is not None]
    if wanted:
        for lines in batches:
            logins.add(lines)
            wanted = [entry for entry in wanted if not logins.is_settled(entry)]
            if not wanted:
                break
    for entry in entries:
        time = (times.of_ident(entry['event']) or (None,))[0]
        if time is None and entry['event'] is None and entry['timestamp']:
            # Of a look of the witness, which is no event of audit
            time = times.moment(entry['timestamp'])
        login = (entry['auid'], entry['ses'])
        entry['caller'] = {'login': logins.of(entry), 'process': None, 'parent': None}
        # A log can hold the records of other hosts, too
        if entry['node'] in (None, living.node):
            entry['caller'].update(
                process=living.of(entry['pid'], time, login), parent=living.of(entry['ppid'], time, login)
            )
