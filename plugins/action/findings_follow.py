# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import collections
import contextlib
import ctypes
import errno
import hashlib
import json
import math
import os
import select
import signal
import time

from ansible.errors import AnsibleActionFail
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import hiding
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import (
    answers,
    asking_action,
    escape,
    findings_view,
    formats,
    parts,
    printed,
)

# Seconds that one call waits for something new. It is what an idle host costs, one start of a module a minute, and how
# long a host that lost its controller without a word keeps the reader's name to itself.
_WAIT = 60
_LONGEST_PAUSE = 60
# Findings of this run that are known again when a batch comes twice
_REMEMBERED = 10000
# Seconds to wait for a main process that takes no line: Ctrl-C ends a run within two
_PATIENCE = 1
_STOPPING = (signal.SIGINT, signal.SIGTERM)
# Seconds from the start of a call until the module is on the host as a whole. Half a module stays there for ever: its
# Python complains with the whole line at stderr, which sshd neither reads nor closes once the ssh that shared a
# connection has ended (channels.c of OpenSSH, chan_rcvd_eow)
_SENDING = 1
# A host that went away is noticed after 45 seconds at most (ssh_config(5))
_SSH_ALIVE = '-o ServerAliveInterval=15 -o ServerAliveCountMax=2'
_SHOWN_HOSTS = 8
_PR_SET_PDEATHSIG = 1  # prctl(2)

_OPTIONS = {
    'container': {'type': 'str'},
    'key': {'type': 'str', 'default': names.DEFAULT_KEY, 'no_log': False},
    'possible': {'type': 'bool'},
    'reader': {'type': 'str', 'default': 'tail'},
    'output': {'type': 'str', 'choices': ['text', 'jsonl'], 'default': 'text'},
    'duration': {'type': 'raw'},
    'secrets': {'type': 'bool', 'default': False, 'no_log': False},
}


class ActionModule(asking_action.AskingAction):
    """Prints the findings of a host as they arrive. It runs in the host's own worker, so no host waits for another."""

    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(argument_spec=_OPTIONS)
        duration = _duration(options['duration'])
        self._host = str(task_vars['inventory_hostname'])
        self._with_secrets = options['secrets']
        self._as_json = options['output'] == 'jsonl'
        self._task_vars = task_vars
        self._asked = {name: options[name] for name in ('container', 'key', 'possible') if options[name] is not None}
        self._asked.update(host=self._host, cursor=options['reader'])
        self._seen = collections.OrderedDict()
        self._counts = {'findings': 0, 'gaps': 0, 'reconnects': 0}
        self._others = 0
        self._printed = printed.Printed(options['reader'], options['key'], self._host)
        self._ends, self._calling_since = False, -math.inf
        self._end_with_parent()
        self._begin(options)
        self._notice_dead_hosts()
        try:
            with contextlib.nullcontext() if self._task.check_mode else self._printed.kept():
                away = self._follow(duration)
        except printed.PrintedError as error:
            raise AnsibleActionFail(str(error)) from error
        summary = '%s: %s' % (
            escape.quoted(self._host),
            ', '.join(parts.counted(number, name[:-1]) for name, number in self._counts.items()),
        )
        self._print([] if self._as_json else [summary])
        if self._as_json:
            self._say(summary, stderr=True)
        for line in parts.left_out(self._others, 'finding', options['container']):
            self._notice(line)
        if away:
            return dict(self._counts, changed=False, failed=True, msg='The host was still away at the end: ' + away)
        return dict(self._counts, changed=False)

    def _begin(self, options):
        """Say once for all hosts what is followed."""
        hosts = [escape.quoted(str(host)) for host in self._task_vars.get('ansible_play_hosts_all') or [self._host]]
        if escape.quoted(self._host) == hosts[0]:
            shown = ', '.join(hosts[:_SHOWN_HOSTS]) + (', ...' if hosts[_SHOWN_HOSTS:] else '')
            self._say(
                'Following %s: %s (container=%s, reader=%s)'
                % (
                    parts.counted(len(hosts), 'host'),
                    shown,
                    escape.quoted(options['container'] or names.DEFAULT_CONTAINER),
                    escape.quoted(options['reader']),
                ),
                stderr=True,
            )

    def _follow(self, duration):
        """Print what is new until the time is over. Returns why the host could not be read at the end, or None."""
        end = time.monotonic() + duration
        ack = self._printed.token()
        pause = closing = calls = 0
        told = None
        while True:
            left = max(0, end - time.monotonic())
            is_last = left == 0 or self._task.check_mode
            # The first one does not wait: its warnings are to be seen at once
            result = self._call(0 if is_last or not calls else math.ceil(min(_WAIT, left)), ack)
            calls += 1
            reason = parts.unread_reason(result)
            if reason:
                if calls == 1 and not result.get('unreachable'):
                    raise AnsibleActionFail(reason)
                if is_last:
                    return reason
                pause = min(2 * pause or 1, _LONGEST_PAUSE, max(0, end - time.monotonic()))
                if reason != told:
                    self._notice('%s, trying again with growing pauses' % reason)
                told = reason
                time.sleep(pause)
                continue
            if pause:
                self._counts['reconnects'] += 1
                self._notice('back')
                pause, told = 0, None
            if calls > 1 and ack is not None and not result['acked']:
                self._begin_again()
            had_news = self._show(result)
            ack = result['token']
            if is_last:
                # What was printed is acknowledged with another call, that can bring something new
                closing += 1
                if self._task.check_mode or not had_news or closing > 1:
                    return None

    def _begin_again(self):
        """The host gives what it gave before: it is counted anew, and not printed again. Said once."""
        self._others = 0
        if self._is_new('moved'):
            self._notice(
                'the position of this reader was moved or lost on the host, as by a run from another machine: what '
                'this run printed is not printed again'
            )

    def _call(self, wait, ack):
        """The result of the module, also where the host cannot be reached."""
        arguments = dict(self._asked, wait=wait)
        if ack is not None:
            arguments['ack'] = ack
        if self._ends:
            _end_group()
        self._calling_since = time.monotonic()
        # Never templated: anybody can choose the words of a command line
        result = self.ask('docker_findings_info', arguments, self._task_vars, answers.FOLLOWED)
        self._calling_since = -math.inf
        result = result if self._with_secrets else hiding.of_answer(result)
        if result.get('failed') or result.get('unreachable'):
            # It may have gone with the host's last boot
            self._connection._shell.tmpdir = None
        return result

    # --- What a call brought -----------------------------------------------------------------------------------------

    def _show(self, result):
        """Print what is new in a result. Returns whether it held anything."""
        self._others += result['counts'].get('others', 0)
        for warning in result.get('warnings') or []:
            if self._is_new('warning', str(warning)):
                self._notice(str(warning))
        unreadable = [
            execution
            for execution in result['unreadable']
            if self._is_new('unreadable', execution['event'], execution['pid'])
        ]
        for execution in unreadable:
            self._say(parts.unreadable_line(execution), stderr=True)
        more = result['counts']['unreadable'] - len(result['unreadable'])
        if more > 0:
            self._notice('the command of %d more executions of docker is not in the log' % more)
        lines = []
        for span in result['gaps']:
            self._counts['gaps'] += 1
            lines.append(
                _json({'host': self._host, 'gap': True, 'first': span['first'], 'last': span['last']})
                if self._as_json
                else findings_view.gap_line(self._host, span)
            )
        for finding in result['findings']:
            if self._is_new('finding', finding['event'], finding['pid'], finding.get('argv_hex') or finding['argv']):
                self._counts['findings'] += 1
                lines.append(_json(finding) if self._as_json else findings_view.line(finding))
        had_news = bool(result['findings'] or result['unreadable'] or result['gaps'])
        self._print(lines, result['token'] if had_news else None)
        return had_news

    def _is_new(self, *thing):
        """Whether this was not met before in this run: what was on its way when a connection broke comes again."""
        digest = hashlib.sha256(json.dumps(thing).encode()).digest()
        is_new = digest not in self._seen
        self._seen[digest] = None
        self._seen.move_to_end(digest)
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return is_new

    def _notice(self, text):
        self._say('%s: %s' % (escape.quoted(self._host), escape.printable(text)), stderr=True)

    def _print(self, lines, token=None):
        """Print lines, note the token of their batch once they are out. A signal to end comes before or after that."""
        with _signals_put_off() as came:
            if lines:
                # As one, so that a batch is printed whole or not at all
                self._say('\n'.join(lines))
            if (lines or token) and self._is_out(came) and token:
                self._printed.record(token)

    def _is_out(self, came):
        """Whether the main process printed all lines, which it gets from its workers one by one. Waits for it."""
        queue = getattr(self._display, '_final_q', None)
        if not hasattr(queue, 'empty'):
            return True
        # When the main process takes this one, those before it are written
        self._display.display('', newline=False, screen_only=True)
        deadline = time.monotonic() + _PATIENCE
        while not queue.empty():
            if time.monotonic() > deadline:
                if came:
                    return False  # the batch comes again
                _end_without_reader()
                deadline = time.monotonic() + _PATIENCE
            time.sleep(0.003)
        return True

    def _say(self, text, stderr=False):
        # Command lines can hold secrets: they are for the screen, not for the log that log_path may name.
        self._display.display(text, screen_only=True, stderr=stderr)

    # --- The end -----------------------------------------------------------------------------------------------------

    def _end_with_parent(self):
        """Whatever ends the run ends this worker, and the ssh or module that it waits for."""
        if os.getpgrp() != os.getpid():
            os.setsid()  # from ansible-core 2.19 on, workers do so themselves
        for number in _STOPPING:
            signal.signal(number, self._end)
        # A main process that was killed cannot tell its workers: let the kernel tell them.
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    def _end(self, _number, _frame):
        left = self._calling_since + _SENDING - time.monotonic()
        if left <= 0:
            _end_group()
        self._ends = True
        signal.signal(signal.SIGALRM, self._end)
        signal.setitimer(signal.ITIMER_REAL, left)

    # --- The connection ----------------------------------------------------------------------------------------------

    def _notice_dead_hosts(self):
        """Let ssh find out that a host is gone: it sends nothing while the module waits."""
        try:
            words = [
                self._connection.get_option(name) or '' for name in ('ssh_args', 'ssh_common_args', 'ssh_extra_args')
            ]
        except KeyError:
            return  # another connection plugin
        if 'serveralive' in ' '.join(words).lower():
            return
        self._connection.set_option('ssh_extra_args', (words[-1] + ' ' + _SSH_ALIVE).strip())
        # A connection that an earlier play left open would not have it
        self._connection.reset()


def _duration(given):
    """Seconds, infinitely many where none are given."""
    try:
        seconds = math.inf if given is None else float(given)
    except (TypeError, ValueError):
        seconds = -1
    if seconds < 0 or given is not None and not math.isfinite(seconds):
        raise AnsibleActionFail('duration must be a number of seconds from 0 on, not %s' % given)
    return seconds


def _json(item):
    return formats.jsonl(item).rstrip('\n')


@contextlib.contextmanager
def _signals_put_off():
    """Obey the first signal to end only afterwards. Yields a list of those that came.

    They are not blocked: a main process that ends takes no more lines, and a worker that waits for it must end all the
    same. It sends another signal then.
    """
    came = []

    def note(number, _frame):
        came.append(number)
        if len(came) > 1:
            obey()

    def obey():
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])

    before = {number: signal.getsignal(number) for number in _STOPPING}
    for number in _STOPPING:
        signal.signal(number, note)
    try:
        yield came
    finally:
        obey()


def _end_group():
    """By SIGTERM also after Ctrl-C: a Python that just imports modules can lose a KeyboardInterrupt, and the shell that
    started it waits for it then.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.killpg(0, signal.SIGTERM)


def _end_without_reader():
    """End the run where nobody reads the pipe at stdout, which the main process does not do (ansible-core 2.19)."""
    try:
        output = os.open('/proc/%d/fd/1' % os.getppid(), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:  # open(2): a pipe without a reader
            raise SystemExit('nobody reads the output') from error
        return
    try:
        poll = select.poll()
        poll.register(output, 0)
        if poll.poll(0):
            raise SystemExit('nobody reads the output')
    finally:
        os.close(output)
