# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what verdicts need of a host: its engine, its audit log and its files, each once."""

from __future__ import annotations

import functools
import os
import re
import stat
import time
from typing import Any, Iterable, NamedTuple, Sequence

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import (
    argv,
    config,
    hits,
    journal,
    logs,
    scan,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import events as audit_events
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import files, names
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._coverage import listeners
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import connection, engine, states
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import connects as own_connects
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import events as kept_events
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli import parse as docker_cli
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import processes
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import (
    incidents,
    kernel_log,
    reasons,
    world,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.reasons import Reason

_LONGEST_KEPT = 64 << 20
_APT_HISTORY, _DPKG_LOG, _SNAPD = '/var/log/apt/history.log', '/var/log/dpkg.log', '/run/snapd.socket'
_LONGEST_LOG = 16 << 20
VICTIM = re.compile(rb'type=OBJ_PID msg=audit\((\d{1,11}\.\d{3}:\d{1,10})\): opid=(\d{1,10}) ')
# Which socket a connect went to: the only path of such an event that is a socket (S_IFSOCK)
_SOCKET = re.compile(
    rb'type=PATH msg=audit\((\d{1,11}\.\d{3}:\d{1,10})\): item=\d+ name=\S+ inode=(\d{1,20}) '
    rb'dev=([0-9a-f]{2,4}:[0-9a-f]{2,6}) mode=0140'
)
_PASSIVE = frozenset(word.encode() for word in docker_cli.PASSIVE)
# What callers, sources and reasons take, and VICTIM: one search is faster than four, and each takes only its own.
# Most records of a log are of the kinds that are left out first.
_OTHERS = re.compile(
    rb'type=(?=[LUCDOS])(?!SYSCALL|CWD)(?:LOGIN|USER_START|USER_LOGIN|USER_CMD|CONFIG_CHANGE|DAEMON_START|'
    rb'DAEMON_END|DAEMON_ABORT|OBJ_PID|SERVICE_START|SERVICE_STOP|SYSTEM_BOOT|SYSTEM_SHUTDOWN|SOFTWARE_UPDATE) '
)


class Logged(NamedTuple):
    """What the audit logs say, from one reading."""

    executions: list[Any]
    connects: list[Any]
    signals: list[Any]
    #: Executions of programs that start and stop services.
    services: list[Any]
    #: Other lines, for each file, the newest first.
    lines: list[list[bytes]]
    first: int | None
    last: int | None


class _Passive:
    """Leaves out executions that ask for nothing and wait for nothing: they only matter where connects are logged."""

    @staticmethod
    @functools.lru_cache(maxsize=2000)
    def is_inert(execve: bytes) -> bool:
        plain = argv.plain_argv(execve)
        return plain is not None and len(plain[0]) > 1 and plain[0][1] in _PASSIVE and plain[0][0].endswith(b'docker')

    @staticmethod
    def takes(_execve: bytes, _syscall: bytes) -> bool:
        return False

    def count(self, idents: list[bytes]) -> None:
        """Nobody asks how many they are."""


def read_logs(key: str, log: str, others: Sequence[listeners.Listener] = ()) -> Logged:
    """One pass through the logs for everything that verdicts need of them; a second one where they hold connects.

    Those to the sockets of other engines are left out.
    """
    logged = _read_logs(key, log, _Passive())
    if not logged.connects:
        return logged
    logged = _read_logs(key, log)
    elsewhere = _elsewhere(log, others) if others else frozenset()
    here = [event for event in logged.connects if event.ident not in elsewhere]
    return logged._replace(connects=here)


def _elsewhere(log: str, others: Sequence[listeners.Listener]) -> frozenset[bytes]:
    """The connects to other sockets, by the names of their events."""
    made = {(str(one.inode).encode(), one.device.encode()): one.since for one in others}
    found = [_SOCKET.search(line) for lines in logs.lines_with(_SOCKET, log) for line in lines]
    told = [line.groups() for line in found if line]
    return frozenset(
        ident
        for ident, inode, device in told
        if (audit_events.moment_of(ident)[0] or 0) >= made.get((inode, device), float('inf'))
    )


def _read_logs(key: str, log: str, idle: hits.Idle | None = None) -> Logged:
    executing = scan.Scan(key, idle=idle)
    connecting = scan.Scan(key + names.SOCKET_SUFFIX, audit_events.is_connect)
    signalling = scan.Scan(key + names.SIGNALS_SUFFIX, _is_signal)
    # Those without a key are among executing's
    serving = scan.Scan(key + names.SERVICES_SUFFIX, _is_started)
    executions: list[Any] = []
    connects: list[Any] = []
    signals: list[Any] = []
    services: list[Any] = []
    by_file: dict[int, list[bytes]] = {}
    opened = logs.Logs(log)
    try:
        for piece in opened.pieces(logs.BLOCK):
            executions += executing.feed(piece.block, piece.end)
            connects += connecting.feed(piece.block, piece.end)
            signals += signalling.feed(piece.block, piece.end)
            services += serving.feed(piece.block, piece.end)
            by_file.setdefault(id(piece.file), []).extend(logs.lines_of(piece, _OTHERS))
        executions += executing.finish()
        connects += connecting.finish()
        signals += signalling.finish()
        services += serving.finish()
    finally:
        opened.close()
    lines = list(by_file.values())[::-1]
    return Logged(executions, connects, signals, services, lines, executing.first, executing.last)


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
    reasons: list[Reason]
    own: list[tuple[int, float, float]]
    #: What `inspect` shows of the containers that are there, and the records of the kernel's log.
    states: list[states.State]
    kernel: list[bytes]
    real: dict[str, str | None] | None
    socket: str = names.SOCKET
    #: When the auditd that runs now was started.
    auditd_since: float | None = None
    #: Where events were kept: when the first of those was that the engine itself remembers.
    remembered_since: float | None = None
    #: How many records the kernel has lost since its boot; None: not known.
    lost: int | None = None
    #: How many containers the engine was not asked about in time.
    unasked: int = 0
    #: When the engine had events that could not be read.
    unread: tuple[tuple[float, float], ...] = ()
    #: Whose sockets are whose, where there are several engines.
    sockets: listeners.Apart = listeners.Apart()


# Long, as each thing that is read has its line.
def read(
    key: str,
    socket: str,
    kept_path: str,
    listing: str | None,
    containers: dict[str, list[str]],
    living: processes.Processes,
    lost: int | None,
) -> tuple[Host, str | None]:
    """What the host says of itself, and why the engine could not be asked, or None."""
    kept = kept_events.read(list(_kept_texts(kept_path)))
    reason = None
    try:
        remembered = engine.events(socket)
    except connection.EngineError as error:
        if not kept['events'] and not kept['gone']:
            raise
        remembered, reason = engine.Remembered([], 0, []), str(error)
    ended, unasked = states.states(containers, socket) if reason is None else ([], 0)
    happened = kept_events.joined(remembered.events, kept['events'])
    sockets = listeners.apart(socket)
    logged = read_logs(key, config.log_path(), sockets.others)
    # The engine at another socket is another process
    is_usual = os.path.realpath(socket) == os.path.realpath(names.SOCKET)
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
            reasons=_package_reasons(),
            own=[*kept['connects'], *own_connects.own()],
            states=ended,
            unasked=unasked,
            kernel=list(kernel_log.read()),
            real=_real_paths(happened),
            auditd_since=_written(journal.AUDITD_PID),
            socket=socket,
            remembered_since=_first(remembered.events) if kept['events'] else None,
            lost=lost,
            sockets=sockets,
            # No engine had one before the boot
            unread=tuple((start or min(living.booted(), end), end) for start, end in remembered.gaps),
        ),
        reason,
    )


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


def _package_reasons() -> list[Reason]:
    found = reasons.of_packages(_log_text(_APT_HISTORY), _log_text(_DPKG_LOG))
    if os.path.exists(_SNAPD):
        try:
            found += reasons.of_snap(connection.whole(_SNAPD, '/v2/changes?select=all', 5))
        except connection.EngineError:
            pass
    return found


def _log_text(path: str) -> str:
    """A log of the package manager, or nothing."""
    try:
        return files.read_regular(path, _LONGEST_LOG).decode('utf-8', 'replace')
    except OSError:
        return ''


def _is_started(event: Any) -> bool:
    return audit_events.outcome(event) == 'started'


def _is_signal(event: Any) -> bool:
    return audit_events.outcome(event) is None and not audit_events.is_connect(event)


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
