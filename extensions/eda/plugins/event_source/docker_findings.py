# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An ansible-rulebook event source: who stopped, removed or otherwise took away a container of this host."""

from __future__ import annotations

import asyncio
import importlib.machinery
import importlib.util
import logging
import os
import pathlib
import platform
import sys
import types
from collections.abc import Callable
from typing import TypeVar

DOCUMENTATION = r"""
---
short_description: Who stopped, removed or otherwise took away a container of this host.
description:
  - Follows the audit log of the host where ansible-rulebook runs.
    Each finding becomes an event, usually within a second of the command.
  - The event is one of the C(findings) that the module claude_hooks.docker_audit.docker_findings_info returns, with the
    same fields. If the record names no node, its C(host) is the name of this machine. Its C(origin) shows who could
    have forged it, V(raw) nobody below root, V(syslog) whoever may write to the syslog, V(interpreted) anybody who may
    run a command.
  - The position is kept in C(${XDG_STATE_HOME:-$HOME/.local/state}/claude-hooks). It moves past an event once
    the queue of ansible-rulebook has accepted it. So restarts and rotations of the log neither leave out nor repeat an
    event, with two exceptions. An event is repeated if ansible-rulebook is killed right after the queue accepted it.
    What is still in the queue when it ends is not sent again.
  - If logs were deleted before they were read, an event with C(gap) V(true) and with C(host), C(first) and C(last)
    gives the period.
  - Executions whose command is not in the log are warnings in the log of ansible-rulebook.
  - Anybody can choose the words of a command line, and B(the actions run_module and run_playbook evaluate templates in
    an event). See the rulebook claude_hooks.docker_audit.notify_on_remove for how to pass an event to a playbook
    as data.
  - It needs the audit rule of this collection on the host, and the rights to read the audit log, usually those of root.
options:
  container:
    description:
      - Pattern of the container names to report, with C(*), C(?) and C([...]). Case matters.
    type: str
    default: claude-hooks-*
  key:
    description:
      - Key of the audit rule.
    type: str
    default: claude-hooks-docker
  possible:
    description:
      - Whether to report commands that can affect a matching container although they do not name it,
        like C(docker system prune).
    type: bool
    default: true
  since:
    description:
      - Where the first run starts (ISO 8601). Without an offset it is local time.
      - V(today) and V(yesterday) are midnights, V(-2h) is two hours ago.
      - Each later run continues where the last one ended.
    type: str
    default: today
  reader:
    description:
      - Name of the reader. Readers of different names do not disturb each other; a second one of the same name is
        refused.
    type: str
    default: rulebook
  log:
    description:
      - Path of the audit log, for an ansible-rulebook in a container that has it elsewhere.
        Without it, the one that C(auditd.conf) names.
    type: str
  socket:
    description:
      - The socket of the docker engine that is asked for the names of containers.
        If no engine answers, a command that gives an id is V(possible).
    type: str
    default: /run/docker.sock
"""

EXAMPLES = r"""
- claude_hooks.docker_audit.docker_findings:

- claude_hooks.docker_audit.docker_findings:
    container: web-*
    possible: false
    reader: web-alerts
"""

# ansible-rulebook runs this file by its path and leaves the loader of collections to the Ansible that it starts
# (runpy.run_path in ansible_rulebook/engine.py, 1.3.2). Python imports a module by its parent in sys.modules: the
# collection around this file is entered there under its own name. Whatever else there is of ansible_collections stays
# as it was: the name has to be there only while "from" imports from below it.
_TOP = 'ansible_collections'
_COLLECTION = 'ansible_collections.claude_hooks.docker_audit'
if _COLLECTION not in sys.modules:
    _spec = importlib.machinery.ModuleSpec(_COLLECTION, None, is_package=True)
    _spec.submodule_search_locations = [str(pathlib.Path(__file__).resolve().parents[4])]
    sys.modules[_COLLECTION] = importlib.util.module_from_spec(_spec)
_stand_in = types.ModuleType(_TOP)
sys.modules.setdefault(_TOP, _stand_in)
try:
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.config import log_path
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names, times
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings.follower import Batch, Follower
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings.on_host import Question
finally:
    if sys.modules[_TOP] is _stand_in:
        del sys.modules[_TOP]

# Seconds after which the position is kept also where nothing was found
_WAIT = 60
_OPTIONS = {
    'container': names.DEFAULT_CONTAINER,
    'key': names.DEFAULT_KEY,
    'possible': True,
    'since': 'today',
    'reader': 'rulebook',
    'log': None,
    'socket': names.SOCKET,
}

T = TypeVar('T')
_logger = logging.getLogger('claude_hooks.docker_audit.docker_findings')


async def main(queue: asyncio.Queue, args: dict) -> None:
    """Put what happens into the queue until the task is cancelled."""
    reader = _Reader(_options(args))
    try:
        await reader.in_thread(reader.open)
        while True:
            for name, event in await reader.in_thread(reader.read):
                await queue.put(event)
                # In this thread: a cancellation cannot come in between
                reader.take(name)
            reader.acknowledge()
    finally:
        await reader.close()


def _options(args: dict) -> dict:
    """The arguments with their defaults. Raises ValueError."""
    given = {name: value for name, value in args.items() if value is not None}
    for name, value in given.items():
        if name not in _OPTIONS:
            raise ValueError('docker_findings has no argument %s: there are %s' % (name, ', '.join(_OPTIONS)))
        kind = bool if name == 'possible' else str
        if not isinstance(value, kind) or value == '':
            raise ValueError(
                '%s of docker_findings must be a %s, not %r' % (name, 'boolean' if kind is bool else 'text', value)
            )
    return dict(_OPTIONS, **given)


class _Reader:
    """Gives what is new in batches. What blocks is called in a thread, which ends when the pipe is closed."""

    def __init__(self, options: dict) -> None:
        self._since_text = options['since']
        self._listener, self._stay = os.pipe()
        self._call: asyncio.Future | None = None
        self._token: str | None = None
        try:
            self._follower = Follower(
                Question(
                    container=options['container'],
                    key=options['key'],
                    possible=options['possible'],
                    socket=options['socket'],
                ),
                options['reader'],
                options['log'] or log_path(),
                times.asked(options['since']),
                self._listener,
            )
        except BaseException:
            os.close(self._stay)
            os.close(self._listener)
            raise

    async def in_thread(self, function: Callable[[], T]) -> T:
        # A future, not a task like that of asyncio.to_thread: the end of asyncio.run cancels tasks, and would not wait
        # for the thread
        self._call = asyncio.get_running_loop().run_in_executor(None, function)
        return await asyncio.shield(self._call)

    def open(self) -> None:
        damage = self._follower.open()
        if damage:
            _logger.warning('%s: reading from %s on again', damage, self._since_text)

    def read(self) -> list[tuple[str, dict]]:
        """The next batch of (name, event): what is new, as soon as there is something."""
        batch = self._follower.next(_WAIT)
        if batch is None:
            return []
        if self._follower.goes_on(batch):
            self._token = self._follower.offer(batch)
        _warn(batch)
        events = [
            ('gap', {'host': platform.node(), 'gap': True, 'first': gap['first'], 'last': gap['last']})
            for gap in batch.gaps
        ]
        for finding in batch.answer['findings']:
            events.append((_name(finding), dict(finding, host=finding['host'] or platform.node())))
        return [(name, event) for name, event in events if self._follower.is_new(name)]

    def take(self, name: str) -> None:
        """Say that the queue took an event."""
        self._follower.take(name)

    def acknowledge(self) -> None:
        """Say that the queue took the batch."""
        if self._token is not None:
            self._follower.acknowledge(self._token)
            self._token = None

    async def close(self) -> None:
        """Let the thread end, then what it used. The next reader of this name may be one of the same process."""
        os.close(self._stay)
        if self._call is not None:
            await asyncio.wait([self._call])
        self._follower.close()
        os.close(self._listener)


def _warn(batch: Batch) -> None:
    count = batch.answer['counts']['unreadable']
    if count:
        _logger.warning(
            'the command of %d executions of docker is not in the log, the first at %s',
            count,
            batch.answer['unreadable'][0]['timestamp'],
        )


def _name(finding: dict) -> str:
    """What tells a finding from all others of a log."""
    return finding['event'] if finding['host'] is None else '%s %s' % (finding['host'], finding['event'])
