# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads from the kernel log which processes were killed because memory ran out.

Sources: the line is mm/oom_kill.c dump_oom_summary (kernel 4.19 and later); before it dump_tasks lists the processes
that it chose from, where vm.oom_dump_tasks is 1, the default. Documentation/ABI/testing/dev-kmsg has the records of
/dev/kmsg: a record says the microseconds since the boot. The cgroup of a container is /docker/ID with cgroupfs,
docker-ID.scope with systemd (measured: engines 20.10 and 26.1).
"""

from __future__ import annotations

import os
import re
from typing import Iterable, Iterator

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.hypotheses.ends import OomKill
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.sources import Period

_LONGEST = 8192  # CONSOLE_EXT_LOG_MAX of the kernel
_MOST = 200000
# Its clock is not set by NTP, which may change the other one so much (adjtimex(2))
_DRIFT = 500e-6
_RECORD = re.compile(rb'\d{1,6},\d{1,20},(\d{1,20}),')
_KILLED = re.compile(
    rb';oom-kill:constraint=(CONSTRAINT_[A-Z_]{1,30}),[^\n;]{0,2000}'
    rb',task_memcg=[^\n,;]{0,1000}?/(?:docker-)?([0-9a-f]{64})(?:\.scope)?(?:/[^\n,;]{0,1000})?,task=([^\n]{0,16}?),pid=(\d{1,10}),'
)
_OF_GROUP = re.compile(rb',oom_memcg=([^\n,;]{0,2000}),')
_TABLE = re.compile(rb'[^;\n]{1,100};\[ *(?:pid *\]|(\d{1,10})\] )')


def read(path: str = '/dev/kmsg') -> Iterator[bytes]:
    """The records that the kernel still has. Nothing where they may not be read."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        for _number in range(_MOST):
            try:
                record = os.read(handle, _LONGEST)
            except BlockingIOError:
                return  # all were read
            except BrokenPipeError:
                continue  # it was overwritten meanwhile; the next read gives the oldest that is there
            except OSError:
                return
            if not record:
                return
            yield record
    finally:
        os.close(handle)


def kills(records: Iterable[bytes], booted: float, now: float) -> tuple[list[OomKill], tuple[Period, ...]]:
    """(whom the kernel killed, the time that its log covers), in milliseconds."""
    first = None
    found = []
    listed: set[bytes] = set()
    for record in records:
        head = _RECORD.match(record)
        if not head:
            continue
        time = booted + int(head.group(1)) / 1000
        first = time if first is None else first
        if record[1:2] != b',':
            continue  # of another facility than the kernel's own: a program wrote it (devkmsg_write)
        row = _TABLE.match(record)
        if row:
            # The head of the table has no number
            listed = listed | {row.group(1)} if row.group(1) else set()
        killed = _KILLED.search(record)
        if killed:
            constraint, identity, task, pid = killed.groups()
            limit, group = constraint == b'CONSTRAINT_MEMCG', _OF_GROUP.search(record)
            own = limit and (group is None or identity in group.group(1))
            # With another limit than its own the table has the processes of others, too
            others = len(listed - {pid}) if own and pid in listed else None
            name = task.decode('utf-8', 'backslashreplace')
            found.append(OomKill(time, identity.decode(), limit, name, int(pid), own, others, (time - booted) * _DRIFT))
            listed = set()
    return found, () if first is None else ((first, now),)
