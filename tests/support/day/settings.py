# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings: a recorded day as another host would have recorded it, with the records taken out that it would not have,
those of the rules that came and went included."""

from __future__ import annotations

import gzip
import json
import re

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import witness
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import host as host_facts
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import on_host

NOTHING_KEPT = {'events': [], 'gone': [], 'connects': [], 'gaps': [], 'marks': witness.Marks()}
IDENT = re.compile(r'msg=audit\(([0-9]+)\.([0-9]{3}):([0-9]+)\)')


def read(path):
    with gzip.open(path, 'rt', encoding='utf-8') as file:
        return json.load(file)


def _later(record, shift):
    """A record of /dev/kmsg with its time (microseconds since the boot) moved by milliseconds; None before the boot."""
    head, separator, words = record.partition(';')
    fields = head.split(',')
    fields[2] = str(int(fields[2]) + int(shift * 1000))
    return None if fields[2].startswith('-') else (','.join(fields) + separator + words).encode('latin-1')


class Day(object):
    """A recorded day, and what can be taken out of it."""

    def __init__(self, recorded):
        self.__dict__.update(recorded)
        # The machine had audit switched on hours after its boot; a host has it from the start
        began = 'type=DAEMON_START msg=audit(%d.%03d:1): op=start res=success' % divmod(self.start, 1000)
        self.lines = [began] + [line for line in self.log.split('\n') if line]
        self.noon = (self.start + self.end) // 2
        self.full = False
        self.kept = dict(NOTHING_KEPT)
        self.engine_since = None
        self.remembered_since = None
        self.lost = recorded.get('lost')
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
            kept=self.kept,
            containers={},
            engine_since=self.engine_since,
            remembered_since=self.remembered_since,
            reasons=[],
            own=[],
            states=[],
            kernel=self.kernel,
            real=None,
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
    key = day.key + '-socket'
    day.drop(key)
    day.drop_changes(key)
    day.unlist(key)


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
    day.drop(day.key)
    day.drop_changes(day.key)
    day.unlist(day.key)


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
