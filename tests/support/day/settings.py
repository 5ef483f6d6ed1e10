# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings: a recorded day as another host would have recorded it, with the records taken out that it would not have,
those of the rules that came and went included."""

from __future__ import annotations

import gzip
import json
import re

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import engine, witness
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import events as kept_events
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import host as host_facts
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import on_host

NOTHING_KEPT = {'events': [], 'gone': [], 'connects': [], 'gaps': [], 'marks': witness.Marks()}
IDENT = re.compile(r'msg=audit\(([0-9]+)\.([0-9]{3}):([0-9]+)\)')


def read(path):
    with gzip.open(path, 'rt', encoding='utf-8') as file:
        return json.load(file)


def parts(recorded):
    """A recorded day as each of its engines had it: the main one, and those with a socket and a rule of their own."""
    yield recorded
    usual = 'key="%s-socket"' % recorded['key']
    for name, beside in recorded.get('beside', {}).items():
        own = 'key="%s-%s-socket"' % (recorded['key'], name)
        lines = recorded['log'].split('\n')
        others = {IDENT.search(line).group() for line in lines if usual in line}
        kept = [line for line in lines if line and IDENT.search(line).group() not in others]
        rules = [line for line in recorded['rules'].split('\n') if not line.endswith(usual.replace('"', ''))]
        yield dict(
            recorded,
            **beside,
            log='\n'.join(kept).replace(own, usual),
            rules='\n'.join(rules).replace(own.replace('"', ''), usual.replace('"', '')),
        )


def _later(record, shift):
    """A record of /dev/kmsg with its time (microseconds since the boot) moved by milliseconds; None before the boot."""
    head, separator, words = record.partition(';')
    fields = head.split(',')
    fields[2] = str(int(fields[2]) + int(shift * 1000))
    return None if fields[2].startswith('-') else (','.join(fields) + separator + words).encode('latin-1')


class Day(object):
    """A recorded day, and what can be taken out of it."""

    def __init__(self, recorded):
        self.gone = []
        self.__dict__.update(recorded)
        # The machine had audit switched on hours after its boot; a host has it from the start
        began = 'type=DAEMON_START msg=audit(%d.%03d:1): op=start res=success' % divmod(self.start, 1000)
        self.lines = [began] + [line for line in self.log.split('\n') if line]
        self.noon = (self.start + self.end) // 2
        self.full = False
        self.kept = dict(NOTHING_KEPT)
        self.own = []
        self.engine_since = None
        self.remembered_since = None
        self.lost = recorded.get('lost')
        # What only a host has that watches all
        self.everything = (self.lines, self.rules)
        for suffix in (names.SIGNALS_SUFFIX, names.SERVICES_SUFFIX):
            self.forget(self.key + suffix)
        shift = recorded.get('booted', 0) - self.start
        shifted = [_later(line, shift) for line in recorded.get('kmsg', ())]
        self.kernel = [line for line in shifted if line is not None]

    def drop(self, key, uid=None, first=float('-inf'), last=float('inf')):
        """Take out the events with a key, of a user, from first to last, and their rules."""
        gone = set()
        for line in self.lines:
            if 'type=SYSCALL' in line and 'key="%s"' % key in line and first <= moment(line) <= last:
                if uid is None or ' uid=%d ' % uid in line:
                    gone.add(IDENT.search(line).group())
        self.lines = [line for line in self.lines if not gone & {IDENT.search(line).group()}]

    def drop_changes(self, key):
        """Take out that a rule came."""
        self.lines = [line for line in self.lines if not ('CONFIG_CHANGE' in line and 'key="%s"' % key in line)]

    def forget(self, key):
        """Take out a rule as if it had never been there."""
        self.drop(key)
        self.drop_changes(key)
        self.unlist(key)

    def unlist(self, key):
        """Take a rule from those that the kernel holds now."""
        self.rules = '\n'.join(line for line in self.rules.split('\n') if not line.endswith('key=' + key))

    def note(self, op, key, at):
        """Write that a rule came or went."""
        self.lines.append(
            'type=CONFIG_CHANGE msg=audit(%d.%03d:1): auid=0 ses=1 op=%s key="%s" list=4 res=1'
            % (at // 1000, at % 1000, op, key)
        )

    def material(self, folder):
        log = folder / 'audit.log'
        log.write_bytes('\n'.join(self.lines + ['']).encode('latin-1'))
        host = host_facts.Host(
            key=self.key,
            logged=host_facts.read_logs(self.key, str(log)),
            listing=self.rules,
            now=self.end,
            booted=self.start,
            events=self.events,
            full=self.full,
            # That the engine went away the audit log says, too
            kept=dict(self.kept, gone=sorted({*self.kept['gone'], *self.gone})),
            containers={},
            engine_since=self.engine_since,
            remembered_since=self.remembered_since,
            reasons=[],
            own=[*self.kept['connects'], *self.own],
            states=[],
            kernel=self.kernel,
            real=None,
            socket=self.socket,
            lost=self.lost,
        )
        return on_host.material(host)


def moment(line):
    seconds, milli, _serial = IDENT.search(line).groups()
    return int(seconds) * 1000 + int(milli)


def whole(day):
    pass


def engine_since_the_rules(day):
    """The engine was started after the rules: every connection that it ever had is in the log."""
    day.engine_since = day.start + 100


def without_connects(day):
    day.forget(day.key + '-socket')


def connects_until_noon(day):
    key = day.key + '-socket'
    day.drop(key, first=day.noon)
    day.note('remove_rule', key, day.noon)
    day.unlist(key)


def connects_from_noon(day):
    key = day.key + '-socket'
    day.drop(key, last=day.noon)
    day.drop_changes(key)
    day.note('add_rule', key, day.noon)


def connects_in_the_middle(day):
    key = day.key + '-socket'
    quarter = (day.end - day.start) // 4
    day.drop(key, last=day.start + quarter)
    day.drop(key, first=day.end - quarter)
    day.drop_changes(key)
    day.note('add_rule', key, day.start + quarter)
    day.note('remove_rule', key, day.end - quarter)
    day.unlist(key)


def without_commands(day):
    day.forget(day.key)


def commands_until_noon(day):
    day.drop(day.key, first=day.noon)
    day.note('remove_rule', day.key, day.noon)
    day.unlist(day.key)


def commands_from_noon(day):
    day.drop(day.key, last=day.noon)
    day.drop_changes(day.key)
    day.note('add_rule', day.key, day.noon)


def root_is_not_watched(day):
    day.drop(day.key, uid=0)
    day.rules = day.rules.replace('-F uid=0 ', '-F uid=1000 ')


def without_anything(day):
    without_connects(day)
    without_commands(day)


def only_connects_until_noon_and_no_commands(day):
    connects_until_noon(day)
    without_commands(day)


def the_rules_are_not_known(day):
    """auditctl could not be asked."""
    day.rules = None


def the_log_was_rotated_away(day):
    day.lines = [line for line in day.lines if moment(line) >= day.noon]


def auditd_was_down(day):
    """From the first third to the second one: the records went to the syslog."""
    third = (day.end - day.start) // 3
    first, last = day.start + third, day.end - third
    day.lines = [line for line in day.lines if not first <= moment(line) <= last]
    for at, kind in ((first, 'END'), (last, 'START')):
        day.lines.append('type=DAEMON_%s msg=audit(%d.%03d:9): op=x res=success' % (kind, at // 1000, at % 1000))


def events_are_forgotten(day):
    day.events = [event for event in day.events if event['timeNano'] / 1e6 >= day.noon]
    day.full = True


def kept_events_have_a_gap(day):
    third = (day.end - day.start) // 3
    gap = (day.start + third, day.end - third)
    day.events = [event for event in day.events if not gap[0] <= event['timeNano'] / 1e6 <= gap[1]]
    day.kept = dict(NOTHING_KEPT, gaps=[gap], events=day.events)


def events_are_kept_alone(day):
    """The engine was started again since and has forgotten all; what was started inside is not kept."""
    day.kept = dict(NOTHING_KEPT, events=day.events)
    day.events = [event for event in day.events if not event['Action'].startswith('exec_')]
    day.remembered_since = day.end


SETTINGS = (
    whole,
    engine_since_the_rules,
    without_connects,
    connects_until_noon,
    connects_from_noon,
    connects_in_the_middle,
    without_commands,
    commands_until_noon,
    commands_from_noon,
    root_is_not_watched,
    without_anything,
    only_connects_until_noon_and_no_commands,
    the_rules_are_not_known,
    the_log_was_rotated_away,
    auditd_was_down,
    events_are_forgotten,
    kept_events_have_a_gap,
    events_are_kept_alone,
)


# --- With all that docker_audit_watch=all and docker_audit_witness=true record ---


def everything(day):
    day.lines, day.rules = day.everything
    day.kept = kept_events.read([day.witnessed.encode()])
    day.events = kept_events.joined(day.events, day.kept['events'])
    # As the collection notes of its own connects
    day.own = [(day.recorder, float('-inf'), float('inf'))]


def everything_from_the_witness(day):
    """The engine remembers its last events alone."""
    last = day.events[-engine.REMEMBERED :]
    everything(day)
    day.events = kept_events.joined(last, day.kept['events'])
    day.remembered_since = min((event['timeNano'] / 1e6 for event in last), default=day.end)
    day.full = True


def everything_but_connects(day):
    everything(day)
    without_connects(day)


def everything_but_commands(day):
    everything(day)
    without_commands(day)


def everything_but_users(day):
    everything(day)
    root_is_not_watched(day)


def everything_but_signals(day):
    everything(day)
    day.forget(day.key + names.SIGNALS_SUFFIX)


def everything_but_witness(day):
    """Nobody kept what the engine has forgotten, or looked at who was connected."""
    day.lines, day.rules = day.everything
    day.events = day.events[-engine.REMEMBERED :]
    day.full = True


def looks_from_noon(day):
    """The witness was started at noon."""
    everything(day)
    marks = day.kept['marks']
    looks = [look for look in marks.looks if look.time >= day.noon]
    firsts = [first for first in marks.firsts if first.time >= day.noon]
    day.kept['marks'] = marks._replace(looks=tuple(looks), firsts=tuple(firsts))


WITH_WITNESS = (
    everything,
    everything_from_the_witness,
    everything_but_connects,
    everything_but_commands,
    everything_but_users,
    everything_but_signals,
    everything_but_witness,
    looks_from_noon,
)
