# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends what is new to the journal of the host: each finding once, each verdict when it is settled.

It runs once and ends, with a state folder that only root can enter. The position moves when something was sent,
so that what a killed run sent comes again, with the same id, and nothing is lost.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.parse
from typing import Any, Sequence

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import config, forms, logs
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.position import StateError, state_folder
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import files, names, text, times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import connection, engine
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings.follower import Follower
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings.on_host import Question
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._forward import messages

READER = 'forward'
# Milliseconds after its last event from which nothing is added to a verdict
SETTLED = 60 * 1000

# What the service of docker_audit_witness writes
_LONGEST_STATE = 16 << 20
# A verdict can turn up late, as where the engine did not answer
_MARGIN = 3600 * 1000
_ENDS = ('die', 'destroy', 'stop', 'rename', 'oom')
_NEW = {'since': 0, 'sent': [], 'newest': None, 'engine': None, 'look': 0, 'looked': 0}


def main(words: Sequence[str] | None = None) -> None:
    """Forward what is new. Ends the process with a sentence where that cannot be done."""
    given = _options(words)
    question = Question(container=given.container, key=given.key, host=given.host)
    try:
        with contextlib.closing(messages.Journal()) as journal:
            forward(question, config.log_path(), journal)
    except (logs.LogReaderError, forms.AuditLogError, text.PatternError, StateError) as error:
        raise SystemExit(str(error)) from error
    except OSError as error:
        where = error.filename or 'the journal takes nothing'
        raise SystemExit('%s: %s' % (where, error.strerror or error)) from error


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='claude-hooks-forward', description=(__doc__ or '').partition('\n')[0])
    parser.add_argument('--host', default=os.uname().nodename, help='what to call this host')
    parser.add_argument('--container', default=names.DEFAULT_CONTAINER, help='pattern of the names of containers')
    parser.add_argument('--key', default=names.DEFAULT_KEY, help='key of the audit rules')
    return parser.parse_args(words)


def forward(question: Question, log: str, journal: messages.Journal, now: float | None = None) -> None:
    """One pass, alone: another one that runs at the same time is a StateError. now is in milliseconds since 1970."""
    since = times.period('today')[0]
    follower = Follower(question, READER, log, since)
    with contextlib.closing(follower):
        damage = follower.open()
        if damage:
            _say('%s: sending again what happened today' % damage)
        _forward_findings(follower, journal)
        # Under the same lock
        _Verdicts(question, since, time.time() * 1000 if now is None else now).forward(journal)


def _forward_findings(follower: Follower, journal: messages.Journal) -> None:
    batch = follower.next(0)
    if batch is None or not follower.goes_on(batch):
        return
    token = follower.offer(batch)
    for finding in batch.answer['findings']:
        message = messages.of_finding(finding)
        if follower.is_new(message['id']):
            journal.send(message)
            follower.take(message['id'])
    for gap in batch.gaps:
        _say(
            'logs were gone before they were read, findings may be missing: from %s to %s'
            % (gap['first'] or 'an unknown time', gap['last'] or 'an unknown time')
        )
    unreadable = batch.answer['counts']['unreadable']
    if unreadable:
        _say('executions of docker whose command is not in the log: %d (findings.yml shows them)' % unreadable)
    if token is not None:
        follower.acknowledge(token)


class _Verdicts:
    """The verdicts that were not sent yet. To make them costs much more than to see that nothing happened.

    The state is a dict that JSON can hold:
      since   from when on there may be verdicts that were not sent (milliseconds since 1970)
      sent    the ids of those that were sent, of the last hour before
      newest  the time of the engine's last event (nanoseconds), None before there was one
      engine  why the engine could not be asked, or None
      look    when to make verdicts next (milliseconds since 1970), None where nothing happened
      looked  when they were made last, as a host where something ends all the time makes them once a minute
    """

    def __init__(self, question: Question, since: float, now: float) -> None:
        self._question = question
        self._now = now
        self._name = 'forward-verdicts@%s.json' % urllib.parse.quote(question.key, safe='')
        self._folder = state_folder()
        self._state = self._load(since)

    def forward(self, journal: messages.Journal) -> None:
        kept = dict(self._state)
        self._note_events()
        look = self._state['look']
        if look is not None and max(look, self._state['looked'] + SETTLED) <= self._now:
            self._judge(journal)
        if self._state != kept:
            with files.OwnFolder(self._folder) as folder:
                folder.write(self._name, json.dumps(self._state).encode('ascii'))

    def _note_events(self) -> None:
        """See whether something ended since the last call, and when what is known of it is settled."""
        state = self._state
        try:
            happened = engine.events(self._question.socket).events
            reason = None
        except connection.EngineError as error:
            happened, reason = [], str(error)
        if reason != state['engine']:
            if reason is not None:
                _say('verdicts wait for the engine: %s' % reason)
            # It can have been started anew, and what it ended then is in the states of its containers
            state.update(engine=reason, look=self._earliest(self._now + SETTLED))
        seen = {event['timeNano'] for event in happened}
        if seen and state['newest'] not in seen:
            # It has forgotten what was seen last: it was started anew, or has pushed that out
            state['look'] = self._earliest(self._now + SETTLED)
        ends = [
            event['timeNano']
            for event in happened
            if event['Action'] in _ENDS and (state['newest'] is None or event['timeNano'] > state['newest'])
        ]
        if ends:
            state['look'] = self._earliest(min(ends) / 1e6 + SETTLED)
        if seen:
            state['newest'] = max(seen)

    def _earliest(self, moment: float) -> float:
        look = self._state['look']
        return moment if look is None else min(look, moment)

    def _judge(self, journal: messages.Journal) -> None:
        """Send the verdicts that are settled and were not sent."""
        # Only now, since to import them takes as long as all the rest
        from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import on_host

        question, state = self._question, self._state
        try:
            judged = on_host.verdicts(
                question.key,
                question.container,
                question.socket,
                names.KEPT,
                question.host,
                state['since'] - _MARGIN,
                None,
                _output(['auditctl', '-l']),
                lambda arguments: _output(['systemctl', *arguments]) or '',
            )['verdicts']
        except connection.EngineError as error:
            _say('verdicts wait for the engine: %s' % error)
            state.update(engine=str(error), look=None)
            return
        sent = set(state['sent'])
        waiting = []
        kept = []
        for verdict in judged:
            message = messages.of_verdict(verdict)
            if message['id'] in sent:
                kept.append(message['id'])
            elif abs(_last(verdict) - self._now) < SETTLED:
                waiting.append(_last(verdict))
            elif times.moment(verdict['timestamp']) >= state['since'] - _MARGIN:
                journal.send(message)
                kept.append(message['id'])
        state.update(
            since=min([self._now, *waiting]),
            sent=kept,
            look=min(waiting) + SETTLED if waiting else None,
            looked=self._now,
        )

    def _load(self, since: float) -> dict[str, Any]:
        state = dict(_NEW, since=since + _MARGIN)  # from since on, as it is asked for with the margin
        try:
            with files.OwnFolder(self._folder) as folder:
                kept = json.loads(folder.read(self._name, _LONGEST_STATE))
            if not isinstance(kept, dict) or kept.keys() != state.keys():
                raise ValueError('it has an unknown form')
            return self._not_ahead(kept)
        except FileNotFoundError:
            pass
        except (OSError, ValueError, RecursionError) as error:
            _say('%s cannot be used: %s: sending the verdicts of today again' % (self._name, error))
        return state

    def _not_ahead(self, kept: dict[str, Any]) -> dict[str, Any]:
        """The state as it is where the clock was set back since: else no verdict would be made until it has caught up.

        What was sent more than an hour before, in the time that comes twice, can be sent again, with the same id.
        """
        if kept['looked'] <= self._now:
            return kept
        return {**kept, 'since': min(kept['since'], self._now), 'looked': 0, 'look': self._now}


def _last(verdict: dict[str, Any]) -> float:
    """When the last thing happened that a verdict is on, or rests on; when audit was turned on is no such thing."""
    lines = [line for line in verdict['evidence'] if line['code'] != 'processes_before_audit']
    happened = [verdict['timestamp'], *(line.get('time') for line in lines)]
    return max(times.moment(moment) for moment in happened if isinstance(moment, str))


def _output(words: list[str]) -> str | None:
    """What a program prints, or None where it is missing or fails."""
    path = shutil.which(words[0])
    if path is None:
        return None
    try:
        done = subprocess.run(
            [path, *words[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, 'LC_ALL': 'C'},
            timeout=60,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    return done.stdout.decode('utf-8', 'replace') if done.returncode == 0 else None


def _say(sentence: str) -> None:
    """Into the journal, by systemd."""
    sys.stderr.write(sentence + '\n')
