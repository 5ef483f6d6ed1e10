# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads login sessions from the audit log: who logged in, from where, and how sure that is.

A login session has a number that is unique until the next boot: the kernel counts it up whenever a login uid is set,
and writes a LOGIN record with both (kernel/auditsc.c audit_set_loginuid and audit_log_set_loginuid). The program that
let the user in says who and from where in the records that follow: USER_START from the same process by PAM (Linux-PAM
libpam/pam_audit.c), USER_LOGIN by sshd and login where there is a terminal (audit-userspace lib/audit_logging.c
audit_log_acct_message). Measured with sshd, sudo, su, cron and systemd: the records are in tests/unit/fixtures/logins.

The kernel writes LOGIN, but any process without a login may set a login uid of its choice, once. What programs say can
be said by any process with CAP_AUDIT_WRITE, which docker gives to containers by default; the kernel sets only pid,
uid, auid and ses of such a record. So no login is ever certain.

Whether the host was booted in between is told by the kernel's own boot time for this host, else by what auditd writes
at its start and at its end, and by systemd-update-utmp: no record of a later boot gets into a log without an auditd
that started before. An auditd that was started again without a boot looks the same, unless the login came after the
last boot.
"""

from __future__ import annotations

import bisect
import re
from binascii import unhexlify
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypedDict

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import events, records
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import text, times

# What is to be looked for in the logs: a literal start makes the search fast
LINES = re.compile(rb'type=(?:LOGIN|USER_START|USER_LOGIN|SYSTEM_BOOT|DAEMON_START|DAEMON_END) ')

# How sure a login is, the most first
LIKELY, RECORD, SELF = 'likely', 'record', 'self'

_LOGIN = re.compile(
    rb'pid=(\d{1,10}) uid=(\d{1,10}) (?:.{0,300} )?old-auid=\d{1,10} auid=(\d{1,10}) (?:.{0,40} )?old-ses=\d{1,10} '
    rb'ses=(\d{1,10}) res=1(?=\D|\Z)'
)
_USER = re.compile(
    rb'pid=(\d{1,10}) uid=0 auid=(\d{1,10}) ses=(\d{1,10}) (?:subj=.{1,300}? )?'
    rb"msg='op=(?:PAM:session_open|login) (?:grantors=\S{0,500} )?"
    rb'(?:acct=("[!#-~]{0,200}"|[0-9A-F]{1,400})|id=\d{1,10}) '
    rb'exe=("[!#-~]{0,4096}"|[0-9A-F]{1,8192}) hostname=(\S{1,255}) addr=(\S{1,100}) terminal=(\S{1,100}) '
    rb"res=success'"
)
# What systemd-update-utmp sends (src/update-utmp/update-utmp.c). DAEMON records come from auditd itself: the kernel
# takes none of their types from others (kernel/audit.c audit_netlink_ok).
_BOOT = re.compile(
    rb"pid=\d{1,10} uid=0 auid=4294967295 ses=4294967295 (?:subj=.{1,300}? )?msg=' ?comm=\"systemd-update-utmp\" "
    rb'exe="/(?:usr/)?lib/systemd/systemd-update-utmp" '
)
_NAME = re.compile(rb'(?:\A|[^-])\bAUID="([^"]{1,255})"')

# Milliseconds
_LETTING_IN = 60 * 1000  # from the new session to what the program says of it
_TOGETHER = 1000  # records of logins at the same time can be out of order
_MOST_TRIED = 100


class Login(TypedDict):
    """What is known of a login."""

    account: str | None
    address: str | None
    hostname: str | None
    terminal: str | None
    exe: str | None
    auid: int
    ses: int
    timestamp: str | None
    event: str
    source: list[str]  # the kinds of records that it rests on
    sure: str


class _Login(NamedTuple):
    time: int
    serial: int
    node: str
    pid: int
    auid: int
    ses: int
    uid: int
    name: str | None  # of the login uid, where auditd noted it


class _User(NamedTuple):
    time: int
    serial: int
    kind: str
    account: str | None
    exe: str | None
    hostname: str | None
    address: str | None
    terminal: str | None


class _Index(NamedTuple):
    """What was read, in an order in which it can be found without looking at all of it."""

    marks: list[int]  # when hosts may have been booted
    sessions: dict[tuple[str, int], tuple[list[int], list[_Login]]]
    recounted: dict[_Login, int]  # when sessions were counted from 1 on again after a login
    # by node, ses, auid and pid; those with a terminal by pid -1
    users: dict[tuple[str, int, int, int], tuple[list[int], list[_User]]]


class Logins:
    """The logins that the audit log of a host tells of."""

    def __init__(self, booted: float | None = None, node: str | None = None) -> None:
        """booted is when the host of this node was booted, in milliseconds since 1970."""
        self._booted = booted
        self._own_nodes = ('', node)
        self._logins: list[_Login] = []
        self._users: dict[tuple[str, int, int, int], list[_User]] = {}
        self._marks: list[int] = []
        self._oldest: int | None = None
        self._built: _Index | None = None

    def add(self, lines: Iterable[bytes]) -> None:
        """Take lines of the audit log; those that tell of no login are left out."""
        for line in lines:
            for record in records.records(line):
                moment, serial = events.moment_of(record.ident)
                if moment is not None and record.origin == records.RAW:
                    self._add_record(record, moment, serial)
                    self._oldest = moment if self._oldest is None else min(self._oldest, moment)
        self._built = None

    def _add_record(self, record: records.Record, moment: int, serial: int) -> None:
        node = text.shown(record.node) or ''
        if record.kind in (b'DAEMON_START', b'DAEMON_END'):
            self._marks.append(moment)
        elif record.kind == b'SYSTEM_BOOT':
            if _BOOT.match(record.body):
                self._marks.append(moment)
        elif record.kind == b'LOGIN':
            found = _LOGIN.match(record.body)
            # A second one is a text in the context of the process, see records.py
            if found and record.body.count(b' old-auid=') + record.tail.count(b' old-auid=') == 1:
                pid, uid, auid, ses = (int(number) for number in found.groups())
                named = _NAME.search(record.body[found.end() :] + b' ' + record.tail)
                name = text.shown(named.group(1)) if named else None
                name = None if name == 'unset' or (name or '').startswith('unknown(') else name
                self._logins.append(_Login(moment, serial, node, pid, auid, ses, uid, name))
        elif record.kind in (b'USER_START', b'USER_LOGIN'):
            found = _USER.match(record.body)
            if found:
                pid, auid, ses = (int(number) for number in found.groups()[:3])
                has_terminal = record.kind == b'USER_LOGIN'
                self._users.setdefault((node, ses, auid, -1 if has_terminal else pid), []).append(
                    _User(
                        moment,
                        serial,
                        record.kind.decode('ascii'),
                        *(_text(raw) for raw in found.groups()[3:5]),
                        *(_word(raw) for raw in found.groups()[5:]),
                    )
                )

    def is_settled(self, entry: Mapping[str, Any]) -> bool:
        """Whether older lines cannot tell more of the login of an entry: its node, ses and event count."""
        node, ses = entry['node'], entry['ses']
        when = times.of_ident(entry['event'])
        if when is None or ses is None:
            return True
        time = when[0]
        if self._last(node, ses, time) is not None:
            return True
        if self._is_own(node) and self._booted is not None and time >= self._booted:
            return self._oldest is not None and self._oldest < self._booted
        marks = self._index().marks
        return bool(marks) and marks[0] <= time

    def of(self, entry: Mapping[str, Any]) -> Login | None:
        """The login of the session of an entry, or None where the log does not tell it."""
        node, auid, ses = entry['node'], entry['auid'], entry['ses']
        when = times.of_ident(entry['event'])
        if when is None or ses is None or auid is None:
            return None
        time, serial = when
        login = self._last(node, ses, time)
        if login is None or login.auid != auid or login.serial >= serial:
            return None
        booted = self._booted_after(login)
        return None if booted is not None and booted <= time else self._shown(login)

    def _last(self, node: str | None, ses: int, time: int) -> _Login | None:
        """The last login with a session number."""
        moments, logins = self._index().sessions.get((node or '', ses), ([], []))
        place = bisect.bisect_right(moments, time)
        return logins[place - 1] if place else None

    def _booted_after(self, login: _Login) -> float | None:
        """When the host may have been booted after a login, or None."""
        index = self._index()
        found: list[float] = []
        if self._is_own(login.node) and self._booted is not None and login.time < self._booted:
            found.append(self._booted)
        if not (self._is_own(login.node) and self._booted is not None and login.time >= self._booted):
            place = bisect.bisect_left(index.marks, login.time)
            found += index.marks[place : place + 1]
        if login in index.recounted:
            found.append(index.recounted[login])
        return min(found, default=None)

    def _is_own(self, node: str | None) -> bool:
        return (node or '') in self._own_nodes

    def _index(self) -> _Index:
        if self._built is None:
            self._logins.sort(key=lambda login: login[:2])
            self._marks.sort()
            for found in self._users.values():
                found.sort(key=lambda user: user[:2])
            sessions: dict[tuple[str, int], tuple[list[int], list[_Login]]] = {}
            nodes: dict[str, list[_Login]] = {}
            for login in self._logins:
                moments, logins = sessions.setdefault((login.node, login.ses), ([], []))
                moments.append(login.time)
                logins.append(login)
                nodes.setdefault(login.node, []).append(login)
            recounted: dict[_Login, int] = {}
            for logins in nodes.values():
                _note_recounted(logins, recounted)
            users = {key: ([user.time for user in found], found) for key, found in self._users.items()}
            self._built = _Index(self._marks, sessions, recounted, users)
        return self._built

    def _shown(self, login: _Login) -> Login:
        opened, let_in = (None, None) if login.uid else self._let_in(login)
        told = opened or let_in
        terminal = told.terminal if told else None
        if opened and let_in and (let_in.exe, let_in.address) == (opened.exe, opened.address):
            # PAM is asked before there is a terminal
            terminal = let_in.terminal or opened.terminal
        return {
            'account': told.account if told else None,
            'address': told.address if told else None,
            'hostname': told.hostname if told else None,
            'terminal': terminal,
            'exe': told.exe if told else None,
            'auid': login.auid,
            'ses': login.ses,
            'timestamp': times.timestamp(login.time),
            'event': times.ident(login.time, login.serial),
            'source': ['LOGIN'] + [user.kind for user in (opened, let_in) if user],
            'sure': SELF if login.uid else LIKELY if told else RECORD,
        }

    def _let_in(self, login: _Login) -> tuple[_User | None, _User | None]:
        """What the program that let the user in said: (USER_START, USER_LOGIN), each or None."""
        # sudo and su within the session are other processes
        return self._user(login, login.pid), self._user(login, -1)

    def _user(self, login: _Login, pid: int) -> _User | None:
        moments, users = self._index().users.get((login.node, login.ses, login.auid, pid), ([], []))
        place = bisect.bisect_left(moments, login.time)
        for user in users[place : place + _MOST_TRIED]:
            if user.time > login.time + _LETTING_IN:
                return None
            # Another name than that of the login uid is an invention
            if user.serial > login.serial and (None in (login.name, user.account) or login.name == user.account):
                return user
        return None


def _note_recounted(logins: list[_Login], recounted: dict[_Login, int]) -> None:
    """Sessions are counted from 1 on after a boot: note for each login when the first later one had no higher number.

    From the newest login on, a stack keeps the logins that have a lower number than all between; so the first with no
    higher number is found by halving.
    """
    stack: list[_Login] = []  # from the oldest that counts (at its end) to the newest, with falling numbers
    falling: list[int] = []  # their numbers, for bisect: rising from the newest to the oldest
    following = len(logins)
    for login in reversed(logins):
        while following and logins[following - 1].time > login.time + _TOGETHER:
            following -= 1
            while stack and stack[-1].ses >= logins[following].ses:
                stack.pop()
                falling.pop()
            stack.append(logins[following])
            falling.append(logins[following].ses)
        # falling rises towards its end: the last that is not above the number of this login
        place = bisect.bisect_right(falling, login.ses)
        if place:
            recounted[login] = stack[place - 1].time


def _text(raw: bytes | None) -> str | None:
    """A value that is quoted, or hex where it holds something else than plain text."""
    if raw is None or raw[:1] == b'"':
        return text.shown(raw[1:-1]) if raw else None
    return text.shown(unhexlify(raw)) if len(raw) % 2 == 0 else None


def _word(raw: bytes) -> str | None:
    """A value that stands as it is; a question mark is none."""
    return None if raw == b'?' else text.shown(raw)
