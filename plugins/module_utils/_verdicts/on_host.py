# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the verdicts of a host; reads its engine, its audit log and its files once each."""

from __future__ import annotations

import grp
import itertools
import os
import pwd
import re
import stat
import time
from typing import Any, Callable, Iterable, NamedTuple

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import config, logs, scan
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import events as audit_events
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import rules as audit_rules
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import files, names, times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import connection, engine, states
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import connects as own_connects
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import events as kept_events
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import callers, find, processes
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import entries as audit_entries
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import (
    decide,
    incidents,
    kernel_log,
    reasons,
    sources,
    units,
    world,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.answers import Entry, Evidence

KEPT = '/var/lib/claude-hooks/events.jsonl'
_LONGEST_KEPT = 64 << 20
_APT_HISTORY, _DPKG_LOG = '/var/log/apt/history.log', '/var/log/dpkg.log'
_LONGEST_LOG = 16 << 20
_VICTIM = re.compile(rb'type=OBJ_PID msg=audit\((\d{1,11}\.\d{3}:\d{1,10})\): opid=(\d{1,10}) ')
# auditd writes it once it is up (src/auditd.c write_pid_file)
_AUDITD_PID = '/run/auditd.pid'
# auditd starts before the services of a host: what is there only later began after audit was switched on
_EARLY = 120 * 1000


class Logged(NamedTuple):
    """What the audit logs say, from one reading."""

    executions: list[Any]
    connects: list[Any]
    signals: list[Any]
    #: Other lines, for each file, the newest first.
    lines: list[list[bytes]]
    first: int | None
    last: int | None


def read_logs(key: str, log: str) -> Logged:
    """One pass through the logs for everything that verdicts need of them."""
    executing = scan.Scan(key)
    connecting = scan.Scan(key + names.SOCKET_SUFFIX, audit_events.is_connect)
    signalling = scan.Scan(key + names.SIGNALS_SUFFIX, _is_signal)
    executions: list[Any] = []
    connects: list[Any] = []
    signals: list[Any] = []
    by_file: dict[int, list[bytes]] = {}
    opened = logs.Logs(log)
    try:
        for piece in opened.pieces(logs.BLOCK):
            executions += executing.feed(piece.block, piece.end)
            connects += connecting.feed(piece.block, piece.end)
            signals += signalling.feed(piece.block, piece.end)
            found = by_file.setdefault(id(piece.file), [])
            for pattern in (callers.LINES, sources.LINES, reasons.LINES, _VICTIM):
                for hit in pattern.finditer(piece.block, 0, piece.end):
                    start = piece.block.rfind(b'\n', 0, hit.start()) + 1
                    end = piece.block.find(b'\n', hit.start())
                    found.append(piece.block[start : end if end >= 0 else piece.end])
        executions += executing.finish()
        connects += connecting.finish()
        signals += signalling.finish()
    finally:
        opened.close()
    return Logged(executions, connects, signals, list(by_file.values())[::-1], executing.first, executing.last)


class Host(NamedTuple):
    """What was read of a host."""

    key: str
    logged: Logged
    #: What `auditctl -l` prints, None where the kernel's rules are not known.
    listing: str | None
    #: When that was.
    now: float
    booted: float
    events: list[Any]
    #: Whether the engine pushed out older events.
    full: bool
    #: What events.read() makes of the kept events.
    kept: kept_events.Kept
    #: Containers that are there now, id to names.
    containers: dict[str, list[str]]
    engine_since: float | None
    #: What package managers say of the engine's own end.
    reasons: list[Evidence]
    own: list[tuple[int, float, float]]
    #: What `inspect` shows of the containers that are there, and the records of the kernel's log.
    states: list[states.State]
    kernel: list[bytes]
    real: dict[str, str | None] | None
    socket: str = engine.SOCKET
    #: When the auditd that runs now was started.
    auditd_since: float | None = None
    #: Where events were kept: when the first of those was that the engine itself remembers.
    remembered_since: float | None = None


def verdicts(
    key: str,
    container: str,
    socket: str,
    kept_path: str,
    host: str | None,
    since: float,
    before: float | None,
    listing: str | None,
    show_units: Callable[[list[str]], str],
) -> dict[str, Any]:
    """The verdicts of this host, and what they rest on.

    listing is what `auditctl -l` prints, None where it fails; show_units runs systemctl with arguments.
    """
    containers, _reason = engine.container_names(socket)
    with processes.Processes(containers) as living:
        read, reason = _read_host(key, socket, kept_path, listing, containers, living)
        known = material(read)
        judged, others = decide.with_others(
            known._replace(events=kept_events.still_there(read.events, since)), container, host, since, before
        )
        askers = list({id(who): who for verdict in judged for who in verdict['who']}.values())
        callers.add(askers, read.logged.lines, living)
    if any(who.get('ppid') == 1 and who.get('argv') for who in askers):
        units.add(askers, units.lines(show_units(units.ARGUMENTS)))
    for who in askers:
        who['host'] = who['host'] if host is None else host
    audit_entries.shown(askers)
    return {
        'verdicts': judged,
        'others': others,
        'events': _reach(read, reason),
        'connects': len(known.connects),
        'span': {'first': times.timestamp(read.logged.first), 'last': times.timestamp(read.logged.last)},
        'watched': _watched(known.sources),
    }


def _read_host(
    key: str,
    socket: str,
    kept_path: str,
    listing: str | None,
    containers: dict[str, list[str]],
    living: processes.Processes,
) -> tuple[Host, str | None]:
    """What the host says of itself, and why the engine could not be asked, or None."""
    kept = kept_events.read(list(_kept_texts(kept_path)))
    reason = None
    try:
        remembered = engine.events(socket)
    except connection.EngineError as error:
        if not kept['events'] and not kept['gone']:
            raise
        remembered, reason = engine.Remembered([], 0, 0), str(error)
    happened = kept_events.joined(remembered.events, kept['events'])
    logged = read_logs(key, config.log_path())
    # The engine at another socket is another process
    is_usual = os.path.realpath(socket) == os.path.realpath(engine.SOCKET)
    return (
        Host(
            key=key,
            logged=logged,
            listing=listing,
            now=time.time() * 1000,
            booted=living.booted(),
            events=happened,
            full=remembered.total >= engine.REMEMBERED,
            kept=kept,
            containers=containers,
            engine_since=living.engine_since() if is_usual else None,
            reasons=reasons.of_apt(_log_text(_APT_HISTORY)) + reasons.of_dpkg(_log_text(_DPKG_LOG)),
            own=[*kept['connects'], *own_connects.own()],
            states=states.states(containers, socket) if reason is None else [],
            kernel=list(kernel_log.read()),
            real=_real_paths(happened),
            auditd_since=_written(_AUDITD_PID),
            socket=socket,
            remembered_since=_first(remembered.events) if kept['events'] else None,
        ),
        reason,
    )


def material(host: Host) -> decide.Material:
    """What the decision rests on, from what was read."""
    lines = list(itertools.chain.from_iterable(host.logged.lines))
    ends, why = reasons.of_records(lines)
    kills, covered = kernel_log.kills(host.kernel, host.booted, host.now)
    return decide.Material(
        events=host.events,
        executions=entries(host.logged.executions, host.key),
        connects=audit_entries.connects(host.logged.connects),
        sources=_sources(host, sources.changes(lines))._replace(kernel=covered),
        containers=host.containers,
        engine_ends=sorted({*host.kept['gone'], *ends}),
        reasons=why + host.reasons,
        engine_since=host.engine_since,
        own=host.own,
        oom_kills=kills,
        signals=_signals(host.logged.signals, lines),
        states=host.states,
        pids={state.id: [state.pid] for state in host.states if state.is_running},
        real=host.real,
        socket=host.socket,
    )


def _reach(host: Host, reason: str | None) -> dict[str, Any]:
    return {
        'count': len(host.events),
        'first': times.timestamp(int(host.events[0]['timeNano'] // 1000000)) if host.events else None,
        'full': host.full,
        'kept': len(host.kept['events']),
        'gaps': [
            {'first': times.timestamp(int(start)), 'last': times.timestamp(int(end))}
            for start, end in host.kept['gaps']
        ],
        'engine': engine.status(reason),
    }


def _watched(looking: sources.Sources) -> dict[str, Any]:
    """Whose docker commands and what else is logged now, as the view says it."""
    now = [watch for watch in looking.commands if watch.known]
    uids = None if not now else now[-1].uids
    return {
        'commands': bool(looking.commands),
        'uids': None if uids is None else list(uids),
        'connects': bool(looking.connects),
        'unwatched': list(looking.unwatched),
    }


def _kept_texts(path: str) -> Iterable[bytes]:
    """The kept files, where only root can have written them. The newer one first: one that is put aside meanwhile is
    read twice, and not missed."""
    for name in (path, path + '.1'):
        try:
            handle = files.open_regular(name)
        except OSError:
            continue
        with os.fdopen(handle, 'rb') as file:
            status = os.fstat(handle)
            if status.st_uid == 0 and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                yield file.read(_LONGEST_KEPT)


def _log_text(path: str) -> str:
    """A log of the package manager, or nothing."""
    try:
        return files.read_regular(path, _LONGEST_LOG).decode('utf-8', 'replace')
    except OSError:
        return ''


def _is_signal(event: Any) -> bool:
    return audit_events.outcome(event) is None and not audit_events.is_connect(event)


def _signals(events: list[Any], lines: list[bytes]) -> list[Entry]:
    """Who sent SIGKILL, and to which process: an OBJ_PID record says it, which has no key of its own."""
    victims = {}
    for line in lines:
        victim = _VICTIM.search(line)
        if victim:
            victims[victim.group(1).decode()] = int(victim.group(2))
    return [{**entry, 'opid': victims.get(entry['event'])} for entry in audit_entries.signals(events)]


def entries(executed: Iterable[Any], key: str) -> list[Entry]:
    """All executions of docker: findings as users see them, and the others with the same fields of a process."""
    executed = list(executed)
    found: list[Entry] = list(find.search(executed, '*', key)['findings'])
    seen = {(entry['event'], entry['node']) for entry in found}
    # Compose as a plugin is the same command again, run by docker
    composing = {(entry['node'], entry['pid']) for entry in found if entry['action'].startswith('compose')}
    return found + [
        entry
        for entry in audit_entries.executions(executed, key)
        if (entry['event'], entry['node']) not in seen
        and not (entry['comm'] == 'docker-compose' and (entry['node'], entry['ppid']) in composing)
    ]


def _sources(host: Host, changed: list[sources.Change]) -> sources.Sources:
    rules = None if host.listing is None else rules_of(host.listing, host.key)
    commands, connects, signals = sources.watched(changed, rules, host.key, host.now, host.logged.first)
    moments = [event['timeNano'] / 1e6 for event in host.events]
    first = moments[0] if moments else host.now
    blind = list(host.kept['gaps'])
    if moments and (host.full or host.kept['events']):
        blind.append((0, first))
    elif host.engine_since is not None:
        blind.append((0, host.engine_since))
    if host.kept['events']:
        # The service notes when the engine goes away, and when it did not look itself
        edges = [first, *itertools.chain.from_iterable(sorted(host.kept['gaps'])), host.now]
        ends = list(zip(edges[::2], edges[1::2]))
    else:
        # What an engine remembers is of its own time
        ends = [(first, host.now)]
    return sources.Sources(
        commands=commands,
        connects=connects,
        signals=signals,
        blind=tuple(blind),
        ends=tuple(ends),
        execs=((host.remembered_since or 0, host.now),),
        unwatched=tuple(_unwatched(rules, host.key)),
        unseen=_unseen(changed, host),
        log_first=host.logged.first,
    )


def rules_of(listing: str, key: str) -> list[sources.Rule]:
    """The rules of ours that the kernel holds, by what they watch."""
    found = []
    for rule in audit_rules.parse_listing(listing)[0]:
        fields = {name: value for name, operator, value in rule['fields'] if operator == '='}
        uid = fields.get('uid')
        for own in rule['keys']:
            if own == key or own.startswith(key + '-'):
                uids = () if uid is None else (int(uid),) if uid.isdigit() else (-1,)
                found.append(sources.Rule(own, tuple(filter(None, [fields.get('path')])), uids))
    return found


def _unwatched(rules: list[sources.Rule] | None, key: str) -> list[str]:
    """Members of the docker group whose docker is not logged."""
    watched: set[int] = set()
    for rule in rules or ():
        if rule.key == key:
            if not rule.uids:
                return []
            watched.update(rule.uids)
    try:
        members = grp.getgrnam('docker').gr_mem
    except KeyError:
        return []
    return [name for name in members if _uid(name) not in watched]


def _uid(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def _unseen(changed: list[sources.Change], host: Host) -> tuple[str, ...]:
    """What audit never sees: a process that was there before it was first switched on in this boot has no context
    (kernel/auditsc.c audit_alloc), unless the kernel was booted with audit=1."""
    try:
        if 'audit=1' in files.read_regular('/proc/cmdline', 4096).decode('utf-8', 'replace').split():
            return ()
    except OSError:
        pass
    starts = [change.time for change in changed if change.op == 'start' and change.time >= host.booted - 1000]
    # The log can have been rotated since, and auditd started again
    started = min([*starts, *([] if host.auditd_since is None else [host.auditd_since])], default=host.logged.first)
    if started is None or started <= host.booted + _EARLY:
        return ()
    return ('all that ran before %s' % times.timestamp(int(started)),)


def _first(events: list[Any]) -> float:
    return min((event['timeNano'] / 1e6 for event in events), default=float('inf'))


def _written(path: str) -> float | None:
    """When a file was written, in milliseconds, or None where it is not there."""
    try:
        return os.stat(path).st_mtime * 1000
    except OSError:
        return None


def _real_paths(happened: list[Any]) -> dict[str, str | None]:
    """Where the folders and files of Compose projects lead on this host: a label holds the links that were typed."""
    found: dict[str, str | None] = {}
    for one in map(incidents.event, happened):
        if one is None or world.PROJECT not in one.attributes:
            continue
        for label in (one.attributes.get(world.FOLDER, ''), *one.attributes.get(world.FILES, '').split(',')):
            if label.startswith('/') and label not in found:
                found[label] = os.path.realpath(label) if os.path.exists(label) else None
    return found
