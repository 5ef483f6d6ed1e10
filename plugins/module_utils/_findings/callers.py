# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of the asker beyond its own record: the login of its session, and processes that still live.

A login session has a number that is unique until the next boot: the kernel counts it up whenever a login uid is set,
and writes a LOGIN record with both (kernel/auditsc.c audit_set_loginuid and audit_log_set_loginuid). The program that
let the user in says who and from where in the records that follow: USER_START from the same process by PAM (Linux-PAM
libpam/pam_audit.c), USER_LOGIN by sshd and login where there is a terminal (audit-userspace lib/audit_logging.c
audit_log_acct_message). Measured with sshd, sudo, su, cron and systemd: the records are in tests/unit/fixtures/logins.

Whether the host was booted in between is told by what auditd writes at its start and at its end, and by
systemd-update-utmp: no record of a later boot gets into a log without an auditd that started before. An auditd that was
started again without a boot looks the same, unless the login came after the last boot of all.
"""

from __future__ import annotations

import re
from binascii import unhexlify
from collections import namedtuple

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times

# What is to be looked for in the logs: a literal start makes the search fast
LINES = re.compile(rb'type=(?:LOGIN|USER_START|USER_LOGIN|SYSTEM_BOOT|DAEMON_START|DAEMON_END) ')

_IDENT = rb' msg=audit\((\d{1,11})\.(\d{3}):(\d{1,10})\): '
_HEAD = re.compile(rb'(?:node=(\S{1,255}) )?type=(LOGIN|USER_START|USER_LOGIN)' + _IDENT)
# After a crash the record of a start can be glued to half a line
_MARK = re.compile(rb'type=(SYSTEM_BOOT|DAEMON_START|DAEMON_END)' + _IDENT)
_LOGIN = re.compile(
    rb'pid=(\d{1,10}) uid=\d{1,10} (?:.{0,300} )?old-auid=\d{1,10} auid=(\d{1,10}) (?:.{0,40} )?old-ses=\d{1,10} '
    rb'ses=(\d{1,10}) res=1\Z'
)
_USER = re.compile(
    rb'pid=(\d{1,10}) uid=\d{1,10} auid=(\d{1,10}) ses=(\d{1,10}) (?:subj=.{1,300}? )?'
    rb"msg='op=(?:PAM:session_open|login) (?:grantors=\S{0,500} )?"
    rb'(?:acct=("[!#-~]{0,200}"|[0-9A-F]{1,400})|id=\d{1,10}) '
    rb'exe=("[!#-~]{0,4096}"|[0-9A-F]{1,8192}) hostname=(\S{1,255}) addr=(\S{1,100}) terminal=(\S{1,100}) '
    rb"res=success'\Z"
)

_EVENT = re.compile(r'([0-9]{1,11})\.([0-9]{3}):([0-9]{1,20})\Z')

# Milliseconds
_LETTING_IN = 60 * 1000  # from the new session to what the program says of it
_TOGETHER = 1000  # records of logins at the same time can be out of order

_Login = namedtuple('_Login', 'time serial node pid auid ses')
_User = namedtuple('_User', 'time serial node pid auid ses has_terminal account exe hostname address terminal')


def add(entries, batches, living):
    """Put a caller into each of the entries, which are findings or connects with the node of their records.

    batches are lists of lines of the audit log, those of the newest log first; no more are taken than needed. living
    are the processes of this host: the node that it is, when it was booted, and how to look at one.
    """
    logins = Logins(living.booted(), living.node)
    wanted = [entry for entry in entries if entry['ses'] is not None and entry['auid'] is not None]
    if wanted:
        for lines in batches:
            logins.add(lines)
            wanted = [entry for entry in wanted if not logins.is_settled(entry)]
            if not wanted:
                break
    for entry in entries:
        time, login = _when(entry)[0], (entry['auid'], entry['ses'])
        entry['caller'] = {'login': logins.of(entry), 'process': None, 'parent': None}
        # A log can hold the records of other hosts, too
        if entry['node'] in (None, living.node):
            entry['caller'].update(
                process=living.look(entry['pid'], time, login), parent=living.look(entry['ppid'], time, login)
            )


class Logins(object):
    """The logins that the audit log of a host tells of."""

    def __init__(self, booted=None, node=None):
        """booted is when the host of this node was booted, in milliseconds since 1970."""
        self._booted = booted
        self._own_nodes = ('', node)
        self._logins = []
        self._users = []
        self._marks = []
        self._sessions = {}  # (node, ses) -> logins, in order
        self._told = {}  # login -> (from when on the host may have been booted, what is told of the login)

    def add(self, lines):
        """Take lines of the audit log; those that tell of no login are left out."""
        for line in lines:
            mark = _MARK.search(line)
            if mark:
                kind, *moment = mark.groups()
                self._marks.append((_moment(*moment)[0], kind))
            head = _HEAD.match(line)
            if head:
                self._add_record(head, line[head.end() :].partition(b'\x1d')[0])
        for records in (self._logins, self._users):
            records.sort(key=lambda record: record[:2])
        self._sessions, self._told = {}, {}
        for login in self._logins:
            self._sessions.setdefault((login.node, login.ses), []).append(login)

    def _add_record(self, head, body):
        node, kind, *moment = head.groups()
        found = (_LOGIN if kind == b'LOGIN' else _USER).match(body)
        if found:
            who = (
                _moment(*moment)
                + ('' if node is None else _shown(node),)
                + tuple(int(number) for number in found.groups()[:3])
            )
            if kind == b'LOGIN':
                self._logins.append(_Login(*who))
            else:
                self._users.append(
                    _User(
                        *who, kind == b'USER_LOGIN', *map(_text, found.groups()[3:5]), *map(_word, found.groups()[5:])
                    )
                )

    def is_settled(self, entry):
        """Whether older lines cannot tell more of the login of an entry."""
        time, _serial = _when(entry)
        return (
            time is None
            or self._last(entry, time) is not None
            or any(
                moment <= time and (kind == b'SYSTEM_BOOT' or not self._is_since_boot(entry['node'] or '', moment))
                for moment, kind in self._marks
            )
        )

    def of(self, entry):
        """The login of the session of an entry, or None where the log does not tell it for certain."""
        time, serial = _when(entry)
        if time is None or entry['ses'] is None or entry['auid'] is None:
            return None
        login = self._last(entry, time)
        if login is None or login.auid != entry['auid'] or login.serial >= serial:
            return None
        if login not in self._told:
            self._told[login] = (self._booted_after(login), self._shown_login(login))
        booted, shown = self._told[login]
        return None if booted is not None and booted <= time else dict(shown)

    def _last(self, entry, time):
        """The last login with the session number of an entry."""
        logins = self._sessions.get((entry['node'] or '', entry['ses']), ())
        return next((login for login in reversed(logins) if login.time <= time), None)

    def _booted_after(self, login):
        """When the host may have been booted after a login, or None."""
        times = [
            moment
            for moment, kind in self._marks
            if moment >= login.time and (kind == b'SYSTEM_BOOT' or not self._is_since_boot(login.node, login.time))
        ]
        # Sessions are counted from 1 on after a boot
        times += [
            other.time
            for other in self._logins
            if other.node == login.node and other.ses <= login.ses and other.time > login.time + _TOGETHER
        ]
        return min(times, default=None)

    def _is_since_boot(self, node, moment):
        """Whether a moment is after the last boot of a node for certain."""
        return self._booted is not None and node in self._own_nodes and moment >= self._booted

    def _shown_login(self, login):
        opened, let_in = self._let_in(login)
        told = opened or let_in
        shown = {name: getattr(told, name, None) for name in ('account', 'address', 'hostname', 'terminal', 'exe')}
        if opened and let_in and (let_in.exe, let_in.address) == (opened.exe, opened.address):
            # PAM is asked before there is a terminal
            shown['terminal'] = let_in.terminal or opened.terminal
        return dict(
            shown,
            auid=login.auid,
            ses=login.ses,
            timestamp=times.timestamp(login.time),
            event='%d.%03d:%d' % (login.time // 1000, login.time % 1000, login.serial),
        )

    def _let_in(self, login):
        """What the program that let the user in said: (USER_START, USER_LOGIN), each or None."""
        opened = let_in = None
        for user in self._users:
            same = (user.node, user.ses, user.auid) == (login.node, login.ses, login.auid)
            if same and login.time <= user.time <= login.time + _LETTING_IN and user.serial > login.serial:
                if user.has_terminal:
                    let_in = let_in or user
                elif user.pid == login.pid:
                    # sudo and su within the session are other processes
                    opened = opened or user
        return opened, let_in


def _moment(seconds, milli, serial):
    return int(seconds) * 1000 + int(milli), int(serial)


def _when(entry):
    """(milliseconds, serial) of an entry, or (None, None)."""
    found = _EVENT.match(entry['event'] or '')
    return _moment(*found.groups()) if found else (None, None)


def _text(raw):
    """A value that is quoted, or hex where it holds something else than plain text."""
    if raw is None or raw[:1] == b'"':
        return _shown(raw[1:-1]) if raw else None
    return _shown(unhexlify(raw)) if len(raw) % 2 == 0 else None


def _word(raw):
    """A value that stands as it is; a question mark is none."""
    return None if raw == b'?' else _shown(raw)


def _shown(value):
    return value.decode('utf-8', 'backslashreplace')
