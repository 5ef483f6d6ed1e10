# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An ansible-rulebook event source: who stopped, removed or otherwise took away a container of this host."""

from __future__ import annotations

import asyncio
import importlib.machinery
import importlib.util
import itertools
import logging
import os
import pathlib
import platform
import sys
import time
import types

DOCUMENTATION = r"""
---
short_description: Who stopped, removed or otherwise took away a container of this host.
description:
  - Follows the audit log of the host where ansible-rulebook runs.
    Each finding becomes an event, usually within a second of the command.
  - The event is one of the C(findings) that the module claude_hooks.docker_audit.docker_findings_info returns, with the
    same fields. Where the record names no node, its C(host) is the name of this machine.
  - How far it got is kept in C(${XDG_STATE_HOME:-$HOME/.local/state}/claude-hooks), and is moved behind an event when
    the queue of ansible-rulebook has taken it. So none is lost and none comes twice when ansible-rulebook is started
    again or the log is rotated. Only where it is killed just when an event was taken does that one come twice.
  - Where logs were removed before they were read, an event with C(gap) V(true) and with C(host), C(first) and C(last)
    says from when to when.
  - Executions whose command is not in the log are warnings in the log of ansible-rulebook.
  - Anybody can choose the words of a command line, and B(the actions run_module and run_playbook evaluate templates in
    an event). See the rulebook claude_hooks.docker_audit.notify_on_remove for the way to hand an event to a playbook
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
      - Whether to report commands that can hit a matching container though their arguments do not say so,
        like C(docker system prune).
    type: bool
    default: true
  since:
    description:
      - Where the first run starts (ISO 8601). Without an offset it is local time. V(today) is the last midnight.
      - Each later run goes on where the last one ended.
    type: str
    default: today
  reader:
    description:
      - Who follows. Readers of different names do not disturb each other; a second one of the same name is refused.
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
        Where no engine answers, ids stay V(possible).
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
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import (
        logs as log_reader,
    )
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import (
        position as reader_state,
    )
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import (
        records as audit_log,
    )
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import (
        watch as log_watch,
    )
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import engine
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import (
        find as findings,
    )
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import (
        on_host as host_findings,
    )
finally:
    if sys.modules[_TOP] is _stand_in:
        del sys.modules[_TOP]

# Seconds after which the position is kept also where nothing was found
_WAIT = 60
# Seconds that the engine may make a finding late
_PATIENCE = 1
_OPTIONS = {
    'container': findings.DEFAULT_NAME,
    'key': findings.DEFAULT_KEY,
    'possible': True,
    'since': 'today',
    'reader': 'rulebook',
    'log': None,
    'socket': engine.SOCKET,
}

_logger = logging.getLogger('claude_hooks.docker_audit.docker_findings')


async def main(queue, args):
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


def _options(args):
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


class _Reader(object):
    """Gives what is new in batches. What blocks is called in a thread, which ends when the pipe is closed."""

    def __init__(self, options):
        self._options = options
        self._state = reader_state.ReaderState(options['key'], options['reader'])
        self._log = options['log'] or log_reader.log_path()
        self._since, _until = findings.period(options['since'])
        self._watch = None
        self._token = None
        self._call = None
        self._listener, self._stay = os.pipe()

    async def in_thread(self, function):
        # A future, not a task like that of asyncio.to_thread: the end of asyncio.run cancels tasks, and would not wait
        # for the thread
        self._call = asyncio.get_running_loop().run_in_executor(None, function)
        return await asyncio.shield(self._call)

    def open(self):
        self._state.lock()
        damage = self._state.load()
        if damage:
            _logger.warning('%s: reading from %s on again', damage, self._options['since'])
        self._since = self._state.begun(self._since)
        if self._since is not None:
            self._state.offer(None, self._state.taken)
        self._watch = log_watch.LogWatch(self._log, self._listener)

    def read(self):
        """The next batch of (name, event): what is new, as soon as there is something."""
        deadline = time.monotonic() + _WAIT
        # A new one for each batch: it keeps the logs open that it has read
        following = log_reader.Following(self._options['key'], self._log, self._state.position)
        try:
            while True:
                found = self._find(following.events())
                left = deadline - time.monotonic()
                if found or following.gap or left <= 0:
                    break
                # What is held back now is older then, also if nothing more is written
                if (
                    self._watch.wait(min(left, log_reader.SETTLED_SECONDS) if following.is_waiting else left)
                    == log_watch.GONE
                ):
                    return []
        finally:
            following.close()
        events = [(_name(finding), dict(finding, host=finding['host'] or platform.node())) for finding in found]
        if following.gap:
            first, last = (audit_log.timestamp(moment) for moment in following.gap)
            events.insert(0, ('gap', {'host': platform.node(), 'gap': True, 'first': first, 'last': last}))
        if following.position != self._state.position:
            self._token = self._state.offer(following.position, self._state.taken)
        return [(name, event) for name, event in events if name not in self._state.taken]

    def take(self, name):
        """Say that the queue took an event."""
        self._state.take(name)

    def acknowledge(self):
        """Say that the queue took the batch."""
        if self._token is not None:
            self._state.acknowledge(self._token)
            self._token = self._since = None

    async def close(self):
        """Let the thread end, then what it used. The next reader of this name may be one of the same process."""
        os.close(self._stay)
        if self._call is not None:
            await asyncio.wait([self._call])
        if self._watch is not None:
            self._watch.close()
        self._state.unlock()
        os.close(self._listener)

    def _find(self, events):
        first = next(events, None)
        if first is None:
            return []
        options = self._options
        found, _reason = host_findings.find(
            itertools.chain([first], events),
            self._log,
            options['socket'],
            _PATIENCE,
            options['container'],
            key=options['key'],
            possible=options['possible'],
            since=self._since,
        )
        if found['unreadable_count']:
            _logger.warning(
                'the log does not tell the command of %d executions of docker, the first at %s',
                found['unreadable_count'],
                found['unreadable'][0]['timestamp'],
            )
        return found['findings']


def _name(finding):
    """What tells a finding from all others of a log."""
    return finding['event'] if finding['host'] is None else '%s %s' % (finding['host'], finding['event'])
