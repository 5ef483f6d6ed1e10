# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit events to findings: who stopped, removed or otherwise took away a container.

Sources: audit_log and docker_cli name theirs; how the engine resolves a reference (full id, exact name, unique id
prefix) is moby's daemon/container.go GetContainer.
"""

from __future__ import annotations

import datetime
import fnmatch
import re
from collections import namedtuple

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import records as audit_log
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli import parse as docker_cli

DEFAULT_NAME = 'claude-hooks-*'
DEFAULT_KEY = 'claude-hooks-docker'

# The engine's own socket, under both names of the same folder. An empty -H means the default one too.
_LOCAL_HOSTS = ('', 'unix://', 'unix:///var/run/docker.sock', 'unix:///run/docker.sock')
_LOCAL_CONTEXTS = ('', 'default')

_INERT = frozenset(word.encode() for word in docker_cli.INERT)

_ID = re.compile(r'[0-9a-f]{1,64}\Z')
_Judgement = namedtuple('_Judgement', 'unreadable match action told argv complete argv_hex program keys')
_NOTHING = _Judgement(*[None] * len(_Judgement._fields))
_SUCCESS = {'started': True, 'failed': False, 'unknown': None}
_REMEMBERED_CALLS = 2000
_REMEMBERED_BYTES = 500

_SHOWN_UNREADABLE = 20
_SHOWN_BYTES = 300
_COMM_LENGTH = 15  # TASK_COMM_LEN less the final NUL, include/linux/sched.h


class FindingsError(ValueError):
    """An option of find() cannot be used."""


def find(
    events,
    name=DEFAULT_NAME,
    key=DEFAULT_KEY,
    possible=True,
    containers=None,
    host=None,
    actions=None,
    since=None,
    until=None,
):
    """The findings of audit events, with what was counted on the way.

    since and until are milliseconds since 1970, both included. containers maps container ids to names.
    The result: findings (ordered by time, then serial), executions (with our key), failed (of these: those that did
    not start), unreadable (of these: those whose command is not known; the first few) and unreadable_count.
    """
    judge = _Judge(_resolver(containers or {}, name))
    key = key.encode('utf-8', 'surrogateescape')
    found = {}
    unreadable = _Unreadable()
    executions = failed = 0
    bounded = since is not None or until is not None
    for event in events:
        outcome = audit_log.outcome(event)
        if outcome is None or not audit_log.has_key(event, key) or (bounded and not _is_within(event, since, until)):
            continue
        executions += 1
        if outcome == 'failed':
            failed += 1
            unreadable.add(event, 'failed')
            continue
        judgement = judge.of(event)
        if judgement is _NOTHING:
            continue
        if judgement.unreadable:
            unreadable.add(event, judgement.unreadable)
        elif (possible or judgement.match != 'possible') and (actions is None or judgement.action in actions):
            found.setdefault((event.node, event.ident), (_order(event), _finding(event, host, judgement)))
    ordered = [finding for _moment, finding in sorted(found.values(), key=lambda item: item[0])]
    return {
        'findings': _without_plugins(ordered),
        'executions': executions,
        'failed': failed,
        'unreadable': [_unreadable(event, host, reason) for event, reason in unreadable.first()],
        'unreadable_count': unreadable.count,
    }


def connects(events):
    """Connects to the engine's socket: who connected, not what was asked."""
    found = {}
    for event in events:
        if audit_log.is_connect(event):
            entry = _identity(event, None)
            _add_process(entry, event, _program(event))
            entry['success'] = True
            entry['keys'] = [_shown(key) for key in audit_log.keys(event)]
            _add_names(entry, event)
            found.setdefault((event.node, event.ident), (_order(event), entry))
    return [entry for _moment, entry in sorted(found.values(), key=lambda item: item[0])]


def harmless(events, key=DEFAULT_KEY):
    """(pid, milliseconds) of executions of docker that are sure to take nothing away, and to hand on no signal."""
    key = key.encode('utf-8', 'surrogateescape')
    found = []
    for event in events:
        if audit_log.outcome(event) != 'started' or not audit_log.has_key(event, key):
            continue
        argv, gap = audit_log.argv(event)
        if gap is not None or len(argv) < 2 or _base(argv[0]) != b'docker':
            continue
        if docker_cli.parse([_text(word) for word in argv]).harmless:
            found.append((audit_log.number(audit_log.fields(event).get('pid')), audit_log.when(event)[0]))
    return found


def is_foreign(docker_host, context):
    """Whether a command talked to another engine than the one behind this host's socket."""
    return (docker_host is not None and docker_host not in _LOCAL_HOSTS) or (
        context is not None and context not in _LOCAL_CONTEXTS
    )


def moment(text, zone=None):
    """ISO 8601 to milliseconds since 1970. A time without offset is taken in zone, or in this machine's own."""
    try:
        parsed = datetime.datetime.fromisoformat(re.sub(r'[zZ]\Z', '+00:00', text.strip()))
        if parsed.tzinfo is None:
            parsed = parsed.replace(tzinfo=zone)
        seconds = parsed.timestamp()
    except (AttributeError, ValueError, OverflowError, OSError):
        raise FindingsError(
            '%r is no ISO 8601 time: write it like 2026-11-24, 2026-11-24T03:57:43 or 2026-11-24T03:57:43.051Z'
            % (text,)
        ) from None
    return int(round(seconds * 1000))


def period(since, until=None):
    """Milliseconds since 1970 of the two ends of a time that was asked for. since can be today, until None: now."""
    first = moment(datetime.date.today().isoformat() if since == 'today' else since)
    last = None if until is None else moment(until)
    if last is not None and first > last:
        raise FindingsError('since is later than until: nothing can be found')
    return first, last


class _Unreadable(object):
    """The first executions whose command the log does not tell, and how many there are."""

    def __init__(self):
        self.count = 0
        self._noted = []

    def add(self, event, reason):
        self.count += 1
        self._noted.append((event, reason))
        if len(self._noted) > 10 * _SHOWN_UNREADABLE:
            self._noted = self.first()

    def first(self):
        return sorted(self._noted, key=lambda noted: _order(noted[0]))[:_SHOWN_UNREADABLE]


def _order(event):
    """Findings are ordered by time, then serial; then by node, so that the order never depends on that of the log."""
    time, serial = audit_log.when(event)
    return time or 0, serial, event.node or b''


def _is_within(event, since, until):
    time = audit_log.when(event)[0]
    if time is None:
        raise FindingsError(
            '`ausearch -i` prints local times without a zone: give the timezone of that host to use since or until'
        )
    return (since is None or time >= since) and (until is None or time <= until)


class _Judge(object):
    """Says what executions do to a matching container.

    Hosts repeat their commands: what the EXECVE record and the program's names make of it is remembered for a while.
    """

    def __init__(self, resolve):
        self._resolve = resolve
        self._remembered = {}

    def of(self, event):
        argv, gap = audit_log.argv(event)
        if gap is None and len(argv) > 1 and argv[1] in _INERT and argv[0].endswith(b'docker'):
            return _NOTHING
        if event.interpreted or len(event.execve) != 1 or len(event.execve[0]) > _REMEMBERED_BYTES:
            return self._judge(event, argv, gap)
        call = (event.execve[0], event.syscall[event.syscall.find(b' comm=') :])
        judgement = self._remembered.get(call)
        if judgement is None:
            if len(self._remembered) >= _REMEMBERED_CALLS:
                self._remembered.clear()
            judgement = self._remembered[call] = self._judge(event, argv, gap)
        return judgement

    def _judge(self, event, argv, gap):
        if gap is not None and not argv:
            return _NOTHING._replace(unreadable='no arguments')
        command, match, matched = self._command(event, argv, gap)
        if command is None:
            return (
                _NOTHING._replace(unreadable='arguments missing')
                if gap is not None and not event.interpreted
                else _NOTHING
            )
        if match is None:
            return _NOTHING
        # In the order of a finding
        told = {'action': command.action, 'subcommand': _shown_text(command.subcommand)}
        told['targets'] = [_shown_text(target) for target in command.targets]
        told['matched'] = [_shown_text(target) for target in matched]
        for name in ('docker_host', 'context', 'project', 'signal'):
            told[name] = _shown_text(getattr(command, name))
        told['match'] = match
        shown = [_shown(word) for word in argv]
        encoded = None if all(_is_utf8(word) for word in argv) else [word.hex() for word in argv]
        keys = [_shown(key) for key in audit_log.keys(event)]
        return _Judgement(None, match, command.action, told, shown, gap is None, encoded, _program(event), keys)

    def _command(self, event, argv, gap):
        """(command or None, match or None, matched targets)"""
        words, is_script, certain = _command_words(event, [_text(word) for word in argv])
        certain = certain and not event.interpreted
        if gap is not None and certain:
            # What stands before the first missing argument may say enough by itself
            command = docker_cli.parse(words[: max(0, gap - len(argv) + len(words))], is_script)
            match, matched = _match(command, self._resolve)
            if match in ('name', 'id') and not command.podman:
                return command, match, matched
        command = docker_cli.parse(words, is_script)
        if command.action is None:
            return None, None, []
        match, matched = _match(command, self._resolve)
        if (gap is not None and not event.interpreted) or (match is not None and (command.podman or not certain)):
            # A missing argument can be another target; which program a script runs is not known
            match = 'possible'
        return command, match, matched


def _command_words(event, argv):
    """(words, is a script, certain): the command with the program in front, and whether it is sure to be docker.

    argv[0] is whatever the caller likes; comm and exe tell the program. A script is run as INTERPRETER [ARGUMENT]
    SCRIPT ARGS (fs/binfmt_script.c), with exe the interpreter and comm the name of the script: where docker is a
    script, what comes before it is left out. Where docker itself is the interpreter of some script, docker is what
    runs. A program that nowhere is called docker was logged under our key all the same: it may be docker by another
    name.
    """
    raw = audit_log.fields(event)
    comm = audit_log.text_value(event, raw.get('comm')) or b''
    exe = _base(audit_log.text_value(event, raw.get('exe')) or b'')
    first = _base(argv[0].encode('utf-8', 'surrogateescape')) if argv else b''
    is_script = False
    if argv and b'docker' not in exe and comm not in (b'', first[:_COMM_LENGTH], exe[:_COMM_LENGTH]):
        argv, is_script = docker_cli.without_interpreter(argv, comm)
        if is_script:
            exe = first = _base(argv[0].encode('utf-8', 'surrogateescape'))
    named = next((word for word in (exe, first, comm) if b'docker' in word), None)
    program = 'docker-compose' if named and named.startswith(b'docker-compose') else 'docker'
    return [program] + argv[1:], is_script, named is not None


def _text(word):
    return word.decode('utf-8', 'surrogateescape')


def _base(path):
    return path.rpartition(b'/')[2]


def _match(command, resolve):
    """(match or None, matched targets) of a command."""
    if command.action is None:
        return None, []
    if command.target_kind != 'container' or not command.targets:
        return 'possible', []
    foreign = is_foreign(command.docker_host, command.context)
    ways = [resolve(target, foreign) for target in command.targets]
    matched = [target for target, way in zip(command.targets, ways) if way in ('name', 'id')]
    for way in ('name', 'id', 'possible'):
        if way in ways:
            return way, matched
    # It names others, and acts on more than it names
    return ('possible' if command.everything else None), []


def _resolver(containers, name):
    """A function that says how a target matches the name pattern: name, id, possible, or None for not at all."""
    try:
        matches = re.compile(fnmatch.translate(name)).match
    except re.error as error:
        raise FindingsError('the name pattern %r cannot be used: %s' % (name, error)) from error
    names = {identity: label.lstrip('/') for identity, label in containers.items()}
    known_names = frozenset(names.values())

    def resolve(target, foreign):
        if not foreign and target in names:
            return 'id' if matches(names[target]) else None
        if matches(target):
            return 'name'
        if foreign:
            return 'possible' if _ID.match(target) else None
        if target in known_names or not _ID.match(target):
            return None
        candidates = [label for identity, label in names.items() if identity.startswith(target)]
        if len(candidates) == 1:
            return 'id' if matches(candidates[0]) else None
        # Unknown, or ambiguous now: then it may have been the id of a matching container that is gone.
        return 'possible'

    return resolve


def _finding(event, host, judgement):
    finding = _identity(event, host)
    finding.update(judgement.told)
    # Findings do not share lists: YAML would write aliases
    finding['targets'] = list(finding['targets'])
    finding['matched'] = list(finding['matched'])
    _add_process(finding, event, judgement.program)
    finding['argv'] = list(judgement.argv)
    finding['argv_complete'] = judgement.complete
    finding['success'] = _SUCCESS[audit_log.outcome(event)]
    finding['keys'] = list(judgement.keys)
    _add_names(finding, event)
    if judgement.argv_hex:
        finding['argv_hex'] = list(judgement.argv_hex)
    return finding


def _unreadable(event, host, reason):
    """An execution with our key whose command the log does not tell."""
    entry = _identity(event, host)
    entry['reason'] = reason
    _add_process(entry, event, _program(event))
    entry['success'] = _SUCCESS[audit_log.outcome(event)]
    entry['keys'] = [_shown(key) for key in audit_log.keys(event)]
    _add_names(entry, event)
    entry['record'] = _shown(event.syscall[:_SHOWN_BYTES])
    return entry


def _identity(event, host):
    return {
        'host': host if host is not None else _shown(event.node),
        'timestamp': audit_log.timestamp(audit_log.when(event)[0]),
        'event': audit_log.ident(event),
    }


def _program(event):
    raw = audit_log.fields(event)
    return {name: _shown(audit_log.text_value(event, raw.get(name))) for name in ('comm', 'exe')}


def _add_process(finding, event, program):
    """The process and its user, by audit's own field names. What `caller` holds comes from callers.py."""
    raw = audit_log.fields(event)
    for name in ('pid', 'ppid', 'uid', 'auid', 'ses'):
        finding[name] = audit_log.number(raw.get(name))
    finding['tty'] = _shown(audit_log.plain_value(raw.get('tty')))
    finding.update(program)
    finding['cwd'] = _shown(audit_log.cwd(event))


def _add_names(finding, event):
    """user and login_user, where the record carries names."""
    names = audit_log.names(event)
    for field, label in (('UID', 'user'), ('AUID', 'login_user')):
        if field in names:
            finding[label] = _shown(names[field])


def _without_plugins(findings):
    """Count `docker compose X` once: docker runs its plugin with the same arguments (cli-plugins/manager)."""
    callers = {}
    kept = []
    for finding in findings:
        words = finding['argv']
        if words and finding['action'].startswith('compose'):
            caller = callers.get((finding['host'], finding['ppid']))
            if finding['ppid'] is not None and caller == words[1:] and words[0].rpartition('/')[2] == 'docker-compose':
                continue
            callers[(finding['host'], finding['pid'])] = words[1:]
        kept.append(finding)
    return kept


def _shown(value):
    """Bytes as text for JSON: bytes that are not UTF-8 as \\xNN."""
    return None if value is None else value.decode('utf-8', 'backslashreplace')


def _shown_text(text):
    return None if text is None else _shown(text.encode('utf-8', 'surrogateescape'))


def _is_utf8(value):
    try:
        value.decode('utf-8')
    except UnicodeDecodeError:
        return False
    return True
