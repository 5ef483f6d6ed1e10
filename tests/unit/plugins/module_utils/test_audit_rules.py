# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: two spellings of one rule are equal, two different rules are not, and a load's effects are foreseen."""

from __future__ import annotations

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import forecast
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import rules as ar

CLASSIC = '-a always,exit -F path=/usr/bin/docker -F perm=x -F uid=0 -F key=claude-hooks-docker'
KEY = 'claude-hooks-docker'


def ids(kind, name):
    return {('uid', 'root'): 0, ('uid', 'anna'): 1000, ('gid', 'docker'): 998}.get((kind, name))


def same(left, right):
    return ar.meaning(ar.parse_rule(left, ids)) == ar.meaning(ar.parse_rule(right, ids))


@pytest.mark.parametrize(
    'spelling',
    [
        # auditctl -l of audit 3.0.9 and 3.1.2
        '-a always,exit -S all -F path=/usr/bin/docker -F perm=x -F uid=0 -F key=claude-hooks-docker',
        # the two calls that perm=x lets through, named
        '-a always,exit -S execve,execveat -F path=/usr/bin/docker -F perm=x -F uid=0 -F key=claude-hooks-docker',
        '-a always,exit -S execve -S execveat -F path=/usr/bin/docker -F perm=x -F uid=0 -F key=claude-hooks-docker',
        '-a exit,always -F uid=0 -F path=/usr/bin/docker -F perm=x -k claude-hooks-docker',
        '-A always,exit -F path=/usr/bin/docker -F perm=x -F uid=root -F key=claude-hooks-docker',
        '  -a   always,exit  -F path=/usr/bin/docker -F perm=x -F uid=0 -F key=claude-hooks-docker  ',
    ],
)
def test_spellings_of_the_classic_rule_are_equal(spelling):
    assert same(CLASSIC, spelling)


@pytest.mark.parametrize(
    'arch, written, listed',
    [
        # auditctl -l of audit 3.0.9
        ('b64', 'connect', 'connect'),
        ('b32', 'connect,socketcall', 'socketcall,connect'),
        ('b32', 'connect,socketcall', 'connect -S socketcall'),
    ],
)
def test_spellings_of_the_rule_for_the_socket_are_equal(arch, written, listed):
    rule = '-a always,exit -F arch=%s -S %s -F path=/run/docker.sock -F key=claude-hooks-docker-socket'
    assert same(rule % (arch, written), rule % (arch, listed))
    assert not same(rule % (arch, written), rule % ('b64' if arch == 'b32' else 'b32', listed))


@pytest.mark.parametrize(
    'other',
    [
        CLASSIC.replace('uid=0', 'uid=1000'),
        CLASSIC.replace('uid=0', 'auid=0'),
        CLASSIC.replace('uid=0', 'uid!=0'),
        CLASSIC.replace(' -F uid=0', ''),
        CLASSIC.replace('perm=x', 'perm=wx'),
        CLASSIC.replace('/usr/bin/docker', '/usr/bin/dockerd'),
        CLASSIC.replace('always', 'never'),
        CLASSIC.replace('key=', 'key=x-'),
        CLASSIC + ' -F key=second',
        CLASSIC.replace('-F path', '-S execve -F path'),
        CLASSIC.replace('-F path', '-F arch=b64 -F path'),
    ],
)
def test_a_different_rule_is_not_equal(other):
    assert not same(CLASSIC, other)


@pytest.mark.parametrize(
    'left, right',
    [
        ('-w /usr/bin/docker -p x -k K', '-a always,exit -F path=/usr/bin/docker -F perm=x -F key=K'),
        ('-w /etc/docker/ -p wa -k K', '-a always,exit -F dir=/etc/docker -F perm=aw -F key=K'),
        ('-w /etc/docker -k K', '-w /etc/docker -p rwxa -k K'),
        (
            '-a always,exit -F arch=b64 -S unlink,rename -F auid>=1000 -F auid!=unset -k K',
            '-a always,exit -F arch=b64 -S rename -S unlink -F auid>=1000 -F auid!=-1 -F key=K',
        ),
        (
            '-a always,exit -F arch=x86_64 -S all -F auid!=4294967295 -k K',
            '-a always,exit -F arch=b64 -F loginuid!=-1 -F key=K',
        ),
        ('-a always,exit -F gid=docker -k K', '-a always,exit -S all -F gid=998 -F key=K'),
        ('-a always,exit -F a1&0100 -k K', '-a always,exit -F a1&0100 -F key=K'),
        ('-a always,exit -S openat -F a2=0x40 -k K', '-a always,exit -S openat -F a2=64 -F key=K'),
    ],
)
def test_listing_and_file_spell_other_rules_alike(left, right):
    assert same(left, right)


@pytest.mark.parametrize(
    'line, reason',
    [
        ('-D', 'not an option of a rule: -D'),
        ('--loginuid-immutable', 'not an option of a rule: --loginuid-immutable'),
        ('-F path=/x', 'neither -a, -A nor -w'),
        ('-a always', 'not a list and an action: always'),
        ('-a always,exit -F', '-F needs a value'),
        ('-a always,exit -F path', '-F without an operator: path'),
        ('', 'neither -a, -A nor -w'),
    ],
)
def test_what_is_no_rule_says_why(line, reason):
    with pytest.raises(ar.AuditRuleError, match='^' + reason):
        ar.parse_rule(line)


def test_no_rules_is_an_empty_listing():
    assert ar.parse_listing('No rules\n') == ([], [])


def test_a_line_of_the_listing_that_is_no_rule_is_returned_apart():
    rules, unknown = ar.parse_listing(CLASSIC + '\nNLMSG_ERROR 1 (Operation not permitted)\n')
    assert [rule['rule'] for rule in rules] == [CLASSIC]
    assert unknown == ['NLMSG_ERROR 1 (Operation not permitted)']


def test_status_keeps_the_names_of_auditctl():
    text = 'enabled 1\nfailure 1\npid 611\nrate_limit 0\nbacklog_limit 8192\n'
    text += 'lost 3\nbacklog 0\nloginuid_immutable 0 unlocked\n'
    status = ar.parse_status(text)
    assert status['pid'] == 611
    assert status['lost'] == 3
    assert status['loginuid_immutable'] == 0


@pytest.mark.parametrize(
    'listed, words',
    [
        (CLASSIC, ['-d'] + CLASSIC.split()[1:]),
        ('-w /usr/bin/docker -p x -k K', ['-W', '/usr/bin/docker', '-p', 'x', '-k', 'K']),
    ],
)
def test_deletion_names_the_whole_rule(listed, words):
    assert ar.deletion(ar.parse_rule(listed)) == words


@pytest.mark.parametrize(
    'line, ours',
    [
        (CLASSIC, True),
        (CLASSIC.replace('key=', 'key=x-'), False),
        (CLASSIC + '-2', False),
        (CLASSIC + ' -F key=other', True),
        ('# ' + CLASSIC, False),
        ('-b 8192', False),
    ],
)
def test_a_key_is_compared_whole(line, ours):
    assert ar.has_key(line, [KEY]) is ours
    assert ar.used_key(line, ['another', KEY]) == (KEY if ours else None)


@pytest.mark.parametrize(
    'given, expected',
    [
        (['a'], ['a', 'a-socket', 'a-signals', 'a-services']),
        (['a', 'b'], ['a', 'a-socket', 'a-signals', 'a-services', 'b', 'b-socket', 'b-signals', 'b-services']),
        # What an earlier call gave stays as it is.
        (['a', 'a-socket', 'a-signals', 'a-services'], ['a', 'a-socket', 'a-signals', 'a-services']),
        (['a-services', 'a'], ['a-services', 'a', 'a-socket', 'a-signals']),
        (['my-socket'], ['my-socket', 'my-socket-socket', 'my-socket-signals', 'my-socket-services']),
        (['a', 'a'], ['a', 'a-socket', 'a-signals', 'a-services']),
    ],
)
def test_the_keys_with_a_suffix_are_ours_too(given, expected):
    assert ar.with_suffixes(given) == expected


@pytest.mark.parametrize(
    'machine, expected',
    [
        ('x86_64', ['b64', 'b32']),
        ('aarch64', ['b64']),
        ('ppc64le', ['b64']),
        ('s390x', ['b64']),
        ('i686', ['b32']),
        ('armv7l', ['b32']),
    ],
)
def test_a_rule_for_a_system_call_is_written_for_all_programs_of_a_machine(machine, expected):
    assert ar.arches(machine) == expected


def test_merge_hoists_the_last_controls_as_augenrules_does():
    merged = forecast.merge([('a', '-D\n-b 1\n# c\n\n-w /a -k a\n-e 1\n'), ('b', '-e 2\n-b 2\n-w /b -k b\n')])
    assert [(entry['line'], entry['file'], entry['number'], entry['compiled']) for entry in merged] == [
        ('-D', 'a', 1, 2),
        ('-b 2', 'b', 2, 3),
        ('-w /a -k a', 'a', 5, 5),
        ('-w /b -k b', 'b', 3, 6),
        ('-e 2', 'b', 1, 7),
    ]


def test_merge_glues_a_line_without_a_newline_to_the_next_file():
    merged = forecast.merge([('a', '-w /a -k a'), ('b', '-w /b -k b\n')])
    assert [entry['line'] for entry in merged] == ['-w /a -k a-w /b -k b']


def test_a_blank_first_line_survives_a_neighbour_without_a_newline():
    merged = forecast.merge([('a', '-w /a -k a'), ('b', '\n-w /b -k b\n')])
    assert [entry['line'] for entry in merged] == ['-w /a -k a', '-w /b -k b']


def effects(files, compiled='', kernel='No rules\n', status=None):
    rules = ar.parse_listing(kernel, ids)[0]
    return forecast.effects(forecast.merge(files), compiled, rules, status or {'enabled': 1, 'failure': 1}, [KEY], ids)


def test_a_generated_audit_rules_loses_nothing():
    files = [('a', '-D\n-b 8192\n-f 1\n-w /a -p wa -k a\n')]
    compiled = (
        '## This file is automatically generated from /etc/audit/rules.d\n-D\n-b 8192\n-f 1\n-w /a -p wa -k a\n\n'
    )
    assert effects(files, compiled) == {'deletes_all': True, 'lost': [], 'pending': [], 'dropped': []}


@pytest.mark.parametrize(
    'line, lost',
    [
        ('-w /etc/shadow -p wa -k identity', True),
        ('--loginuid-immutable', True),
        ('-a always,exit -F path=/a -F perm=aw -F key=a', False),  # another spelling of a rule of a file
        (CLASSIC, False),  # ours, from an earlier load
        ('-b 64', False),  # a file sets -b, which is the later word
        ('# a comment', False),
    ],
)
def test_lines_kept_by_hand_in_audit_rules_are_found(line, lost):
    files = [('a', '-D\n-b 8192\n-w /a -p wa -k a\n')]
    assert effects(files, line + '\n')['lost'] == ([line] if lost else [])


GENERATED = '## This file is automatically generated from /etc/audit/rules.d\n-D\n\n-f 1\n%s-w /a -p wa -k a\n%s\n%s'


@pytest.mark.parametrize(
    'compiled, kernel, lost',
    [
        # in the part that augenrules wrote: from a file that is gone by now
        (GENERATED % ('-w /gone -p wa -k gone\n', '', ''), 'No rules', []),
        (GENERATED % ('-w /gone -p wa -k gone\n', '-e 1', ''), 'No rules', []),
        (GENERATED % ('-w /gone -p wa -k gone\n', '', ''), '-w /gone -p wa -k gone', ['-w /gone -p wa -k gone']),
        # behind it: added by hand
        (GENERATED % ('', '', '-w /hand -p wa -k hand\n'), 'No rules', ['-w /hand -p wa -k hand']),
        (GENERATED % ('', '-e 1', '-w /hand -p wa -k hand\n'), 'No rules', ['-w /hand -p wa -k hand']),
    ],
)
def test_a_line_of_an_earlier_load_is_lost_only_where_it_is_in_force(compiled, kernel, lost):
    assert effects([('a', '-D\n-f 1\n-e 1\n-w /a -p wa -k a\n')], compiled, kernel)['lost'] == lost


@pytest.mark.parametrize(
    'line, status, pending',
    [
        ('-e 2', {'enabled': 1, 'failure': 1}, True),
        ('-e 2', {'enabled': 2, 'failure': 1}, False),
        ('-e 1', {'enabled': 0, 'failure': 1}, False),
        ('-e 0', {'enabled': 1, 'failure': 1}, True),
        ('-f 2', {'enabled': 1, 'failure': 1}, True),
        ('-f 2', {'enabled': 1, 'failure': 2}, False),
        ('-f 1', {'enabled': 1, 'failure': 0}, False),
    ],
)
def test_switches_that_are_not_yet_in_force_are_found(line, status, pending):
    assert [entry['line'] for entry in effects([('z', line + '\n')], status=status)['pending']] == (
        [line] if pending else []
    )


@pytest.mark.parametrize(
    'files, dropped',
    [
        ([('a', '-D\n')], ['-w /by/hand -p x -k hand']),
        ([('a', '-D\n-a always,exit -F path=/by/hand -F perm=x -k hand\n')], []),
        ([('a', '-b 8192\n')], []),
    ],
)
def test_rules_added_by_hand_are_dropped_by_a_delete_all_alone(files, dropped):
    assert effects(files, kernel='-w /by/hand -p x -k hand\n' + CLASSIC + '\n')['dropped'] == dropped


@pytest.mark.parametrize(
    'text, expected',
    [
        ('\n# claude_hooks.docker_audit key=my-key\n' + CLASSIC, 'my-key'),
        ('# claude_hooks.docker_audit key=\n', None),
        ('## claude_hooks.docker_audit key=my-key\n', None),
        (CLASSIC, None),
    ],
)
def test_a_managed_file_is_known_by_its_header(text, expected):
    assert ar.managed_key(text) == expected


@pytest.mark.parametrize(
    'text, expected',
    [
        ('# docker\n' + CLASSIC + '\n' + CLASSIC.replace('uid=0', 'uid=1000') + '\n', True),
        (CLASSIC + '\n-w /etc/shadow -p wa -k identity\n', False),
        (CLASSIC + '\n-D\n', False),
        ('# nothing\n', False),
    ],
)
def test_the_file_of_the_old_recipe_holds_our_rules_alone(text, expected):
    assert ar.is_old_recipe(text) is expected


@pytest.mark.parametrize(
    'text, kernel, stopped',
    [
        ('-D\n-w /a -p wa -k a\n-w /b -p wa -k b too many\n-w /c -p wa -k c\n', '-w /a -p wa -k a\n', 3),
        ('-D\n-w /a -p wa -k a\n-a always,exit -F dir=/a -F perm=aw -k a\n-w /c -p wa -k c\n', '-w /a -p wa -k a\n', 3),
        ('-D\n-b 8192\n-w /a -p wa -k a\n-w /c -p wa -k c\n-e 1\n', '-w /a -p wa -k a\n-w /c -p wa -k c\n', None),
    ],
)
def test_the_rule_at_which_a_load_stopped_is_found(text, kernel, stopped):
    entry = forecast.stopped_at(forecast.merge([('a', text)]), ar.parse_listing(kernel)[0])
    assert (entry and entry['number']) == stopped
