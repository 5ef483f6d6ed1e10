# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the verdicts of a host, from what was read of it."""

from __future__ import annotations

import grp
import itertools
import pwd
import re
from typing import Any, Callable, Iterable, Match

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import events as audit_events
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import rules as audit_rules
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import files, names, times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import engine
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import events as kept_events
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import callers, find, processes
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import entries as audit_entries
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import (
    decide,
    kernel_log,
    reasons,
    sources,
    units,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import host as host_facts
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.answers import Entry

# auditd starts before the services of a host: what is there only later began after audit was switched on
_EARLY = 120 * 1000
# Sent to whom: the number of the call, and its first argument
_SENT = re.compile(rb' ?arch=[0-9a-f]+ syscall=(\d{1,5})(?: per=\S+)? success=yes exit=\S+ a0=([0-9a-f]{1,16}) ')
_PIDFD_SEND_SIGNAL = 424  # on every machine; MIPS adds thousands


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
    lost: int | None = None,
) -> dict[str, Any]:
    """The verdicts of this host, and what they rest on.

    listing is what `auditctl -l` prints, None where it fails; show_units runs systemctl with arguments; lost is how
    many records the kernel has lost, None where that is not known.
    """
    containers, _reason = engine.container_names(socket)
    with processes.Processes(containers) as living:
        read, reason = host_facts.read(key, socket, kept_path, listing, containers, living, lost)
        known = material(read)
        judged, others = decide.with_others(
            known._replace(events=kept_events.still_there(read.events, since)), container, host, since, before
        )
        askers = list({id(who): who for verdict in judged for who in verdict['who']}.values())
        callers.add(askers, read.logged.lines, living)
    if any(who.get('ppid') == 1 and who.get('argv') for who in askers):
        units.add(askers, units.known(show_units))
    for who in askers:
        who['host'] = who['host'] if host is None else host
    audit_entries.drop_nodes(askers)
    return {
        'verdicts': judged,
        'others': others,
        'events': _reach(read, reason),
        'connects': len(known.connects),
        'span': {'first': times.timestamp(read.logged.first), 'last': times.timestamp(read.logged.last)},
        'watched': _watched(known.sources),
    }


def material(host: host_facts.Host) -> decide.Material:
    """What the decision rests on, from what was read."""
    lines = list(itertools.chain.from_iterable(host.logged.lines))
    noted = reasons.of_records(lines)
    typed = reasons.of_commands(audit_entries.executions(host.logged.services, host.key + names.SERVICES_SUFFIX))
    kills, covered = kernel_log.kills(host.kernel, host.booted, host.now)
    executed, unreadable = entries(host.logged.executions, host.key)
    set_back = [
        period
        for events in (host.logged.executions, host.logged.connects)
        for period in sources.twice(audit_events.when(event) for event in events)
    ]
    looking = _sources(host, sources.changes(lines))._replace(
        kernel=covered, unreadable=tuple(unreadable), set_back=tuple(set_back)
    )
    return decide.Material(
        events=host.events,
        executions=executed,
        connects=audit_entries.connects(host.logged.connects),
        sources=looking,
        containers=host.containers,
        engine_ends=sorted({*host.kept['gone'], *noted.ends}),
        reasons=noted.reasons + typed + reasons.of_boot(host.booted, noted) + host.reasons,
        engine_since=host.engine_since,
        own=host.own,
        oom_kills=kills,
        signals=_signals(host.logged.signals, lines),
        states=host.states,
        real=host.real,
        socket=host.socket,
        marks=host.kept['marks'],
    )


def _reach(host: host_facts.Host, reason: str | None) -> dict[str, Any]:
    return {
        'count': len(host.events),
        'first': times.timestamp(int(host.events[0]['timeNano'] // 1000000)) if host.events else None,
        'full': host.full,
        'kept': len(host.kept['events']),
        'gaps': [
            {'first': times.timestamp(int(start)), 'last': times.timestamp(int(end))}
            for start, end in sorted({*host.kept['gaps'], *host.unread})
        ],
        'unasked': host.unasked,
        'engine': engine.status(reason),
    }


def _watched(looking: sources.Sources) -> dict[str, Any]:
    """Whose docker commands and what else is logged now, as the view says it."""
    now = [watch for watch in looking.commands if watch.known]
    uids = None if not now else now[-1].uids
    return {
        'commands': bool(now),
        'uids': None if uids is None else list(uids),
        'connects': bool(looking.sockets),
        'unwatched': list(looking.unwatched),
    }


def _signals(events: list[Any], lines: list[bytes]) -> list[Entry]:
    """Who sent SIGKILL, to each process: an OBJ_PID record says it, which has no key of its own."""
    victims: dict[str | None, list[int | None]] = {}
    for line in lines:
        victim = host_facts.VICTIM.search(line)
        if victim:
            victims.setdefault(victim.group(1).decode(), []).append(int(victim.group(2)))
    calls = {audit_events.ident(event): _SENT.match(event.syscall or b'') for event in events}
    return [
        {**entry, 'opid': opid, 'of_host': _is_of_host(calls.get(entry['event']), opid)}
        for entry in audit_entries.signals(events)
        for opid in victims.get(entry['event'], [None])
    ]


def _is_of_host(call: Match[bytes] | None, opid: int | None) -> bool:
    """Whether the sender calls a process, or the group that it leads, by the number that it has on the host: inside a
    container it has another. Of a file descriptor nobody knows which process opened it."""
    if call is None or opid is None or int(call.group(1)) % 1000 == _PIDFD_SEND_SIGNAL:
        return False
    return int(call.group(2), 16) & 0xFFFFFFFF in (opid, 2**32 - opid)


def entries(executed: Iterable[Any], key: str) -> tuple[list[Entry], list[sources.Period]]:
    """(all executions of docker, times of docker commands that are not in the log).

    Executions are findings as users see them, and the others with the same fields of a process.
    """
    executed = list(executed)
    searched = find.search(executed, '*', key)
    found: list[Entry] = list(searched['findings'])
    seen = {(entry['event'], entry['node']) for entry in found}
    # Compose as a plugin is the same command again, run by docker
    composing = {(entry['node'], entry['pid']) for entry in found if entry['action'].startswith('compose')}
    return found + [
        entry
        for entry in audit_entries.executions(executed, key)
        if (entry['event'], entry['node']) not in seen
        and not (entry['comm'] == 'docker-compose' and (entry['node'], entry['ppid']) in composing)
    ], _unreadable(searched)


def _unreadable(searched: find.Found) -> list[sources.Period]:
    """When a docker command ran that is not in the log. Of very many the first are known one by one."""
    listed = searched['unreadable']
    periods: list[sources.Period] = []
    for entry in listed:
        if entry['reason'] != 'failed':  # that did not start
            moment = times.moment(entry['timestamp']) if entry['timestamp'] else None
            periods.append((0, sources.FOREVER) if moment is None else (moment, moment))
    if searched['unreadable_count'] > len(listed):
        periods.append((max((first for first, _last in periods), default=0), sources.FOREVER))
    return periods


def _sources(host: host_facts.Host, changed: list[sources.Change]) -> sources.Sources:
    rules = None if host.listing is None else rules_of(host.listing, host.key)
    commands, connects, signals = sources.watched(changed, rules, host.key, host.now, host.logged.first)
    moments = [event['timeNano'] / 1e6 for event in host.events]
    first = moments[0] if moments else host.now
    blind = [*host.kept['gaps'], *host.unread]
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
    watched = _watched_sockets(rules, host.key)
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
        sockets=watched,
        apart_since=_apart_since(watched, host),
        unlogged=(*sorted(host.sockets.own - set(watched)), *host.sockets.tcp),
        lost=host.lost,
        booted=host.booted,
    )


def _watched_sockets(rules: list[sources.Rule] | None, key: str) -> tuple[str, ...]:
    own = [rule for rule in rules or () if rule.key == key + names.SOCKET_SUFFIX and not rule.uids]
    return tuple(path for rule in own for path in rule.paths)


def _apart_since(watched: tuple[str, ...], host: host_facts.Host) -> float:
    """Since when connects to other engines can be told from those to this one: an engine that starts again makes its
    socket anew."""
    made = {other.path: other.since for other in host.sockets.others}
    own = host.sockets.own | {host.socket}
    return max((made.get(path, sources.FOREVER) for path in watched if path not in own), default=-sources.FOREVER)


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


def _unseen(changed: list[sources.Change], host: host_facts.Host) -> float | None:
    """Audit never sees processes that ran before this: one that was there before audit was first switched on in this
    boot has no context (kernel/auditsc.c audit_alloc), unless the kernel was booted with audit=1."""
    try:
        if 'audit=1' in files.read_regular('/proc/cmdline', 4096).decode('utf-8', 'replace').split():
            return None
    except OSError:
        pass
    starts = [change.time for change in changed if change.op == 'start' and change.time >= host.booted - 1000]
    # The log can have been rotated since, and auditd started again
    started = min([*starts, *([] if host.auditd_since is None else [host.auditd_since])], default=host.logged.first)
    return None if started is None or started <= host.booted + _EARLY else started
