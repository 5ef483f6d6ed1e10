# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: audit.yml runs from everywhere, and refuses what it should with words that help.

Runs the real ansible-playbook on this machine, always in check mode or where nothing can be written.
Needs root and the audit tools, as the test set-up provides them.
"""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

import pytest
from ansible_collections.claude_hooks.docker_audit.tests.support import own_engine, playing

ROOT = pathlib.Path(__file__).resolve().parents[2]
FQCN = 'claude_hooks.docker_audit.audit'


def play(*words, playbook='playbooks/audit.yml', **how):
    return playing.play(playbook, *words, ANSIBLE_DISPLAY_SKIPPED_HOSTS='false', **how)


@pytest.mark.parametrize(
    'playbook, cwd',
    [
        ('playbooks/audit.yml', ROOT),
        ('audit.yml', ROOT / 'playbooks'),
        (str(ROOT / 'playbooks' / 'audit.yml'), pathlib.Path('/')),
        (FQCN, ROOT),
        (FQCN, pathlib.Path('/')),
    ],
)
def test_runs_on_this_host_without_an_inventory_from(playbook, cwd):
    code, output = play('--check', '-e', 'state=present', playbook=playbook, cwd=cwd)
    assert (code, re.findall(r'^(\S+) +: ok=\d+', output, re.MULTILINE)) == (0, ['localhost']), output


@pytest.mark.parametrize(
    'words, code, message',
    [
        (['-i', '/nonexistent/hosts.yml'], 2, 'No host in /nonexistent/hosts.yml: name hosts in it, or leave it out'),
        (['-i', 'a,b,', '--limit', 'web*'], 1, 'leaves us with no hosts to target'),
        (['--limit', 'web1'], 4, 'no host matches --limit web1: without an inventory there is localhost alone'),
    ],
)
def test_hosts_that_do_not_exist_are_an_error(words, code, message):
    found, output = play('--check', *words, playbook=FQCN, cwd='/')
    assert found == code and message in output, output


def test_an_unknown_state_is_refused_before_any_host_is_touched():
    # A host that cannot run a module: any touch would fail with another message.
    code, output = play(
        '-i', 'nowhere,', '-e', 'state=maybe', '-e', 'ansible_connection=local ansible_python_interpreter=/nonexistent'
    )
    assert code == 2 and 'is no state: use present or absent' in output, output


@pytest.mark.parametrize(
    'options, message',
    [
        ({'docker_audit_key': 'a b'}, 'docker_audit_key "a b" cannot be a key: use 1 to 24 printable ASCII characters'),
        ({'docker_audit_key': 'a\n-D'}, 'cannot be a key'),
        ({'docker_audit_key': 'key\n'}, 'cannot be a key'),
        ({'docker_audit_key': ''}, 'cannot be a key'),
        ({'docker_audit_key': 'k' * 25}, 'cannot be a key'),
        ({'docker_audit_key': 'caf\u00e9'}, 'cannot be a key'),
        ({'docker_audit_key': 'a!=b'}, 'without an operator such as !='),
        ({'docker_audit_uids': ['0\n-D']}, 'is no user id'),
        ({'docker_audit_uids': ['root']}, '"root" is no user id'),
        ({'docker_audit_uids': ['all', 0]}, '"all" is no user id'),
        ({'docker_audit_uids': ['']}, '"" is no user id'),
        (
            {'docker_audit_uids': [-1]},
            'docker_audit_uids: "-1" is no user id: use numbers from 0 to 4294967294, or all for every user',
        ),
        (
            {'docker_audit_watch': 'socket,sockets'},
            'docker_audit_watch: "sockets" cannot be watched: use docker, socket, signals, services or all',
        ),
        (
            {'docker_audit_socket': True},
            'docker_audit_socket is now docker_audit_watch: set docker_audit_watch to socket',
        ),
        ({'docker_audit_keep_events': True}, 'docker_audit_keep_events is now docker_audit_witness'),
        ({'docker_audit_uids': [4294967295]}, '"4294967295" is no user id'),
        (
            {'docker_audit_paths': ['bin/docker']},
            '"bin/docker" cannot be in a rule: use an absolute path without white space',
        ),
        ({'docker_audit_paths': ['/opt/my docker']}, 'cannot be in a rule'),
        ({'docker_audit_paths': ['/opt/docker\n-D']}, 'cannot be in a rule'),
        ({'docker_audit_paths': ['/opt/docker\x1b[2J']}, 'cannot be in a rule'),
        ({'docker_audit_paths': ['/opt/a!=b']}, 'cannot be in a rule'),
        ({'docker_audit_rule_file': '../../etc/passwd.rules'}, 'cannot be a rule file: use a name without a directory'),
        ({'docker_audit_rule_file': 'docker.conf'}, 'that ends in .rules'),
        ({'docker_audit_rule_file': 'a.rules\n'}, 'cannot be a rule file'),
        ({'docker_audit_executables': ['../docker']}, 'cannot be searched for: use a name without a directory'),
        ({'docker_audit_executables': ['docker;id']}, 'cannot be searched for'),
        ({'docker_audit_executables': []}, 'are both empty: name a docker CLI in one of them'),
        ({'docker_audit_prepend': 'perhaps'}, 'is not a valid boolean'),
        ({'docker_audit_forward_container': ''}, 'docker_audit_forward_container must not be empty'),
        # There is no systemd here
        ({'docker_audit_forward': True}, 'docker_audit_forward needs systemd and its journal, which do not run here'),
    ],
)
def test_wrong_input_is_refused(options, message):
    code, output = play('--check', options=options)
    plain = output.replace('\\"', '"')
    assert code == 2 and message in plain, output
    assert 'argument_spec_data' not in output, output


@pytest.mark.parametrize(
    'options, message',
    [
        (
            {'docker_audit_executables': ['no-such-docker']},
            'no-such-docker not found in PATH or the usual places .*/usr/local/bin, .*/snap/bin.*: '
            'install docker, or set docker_audit_paths',
        ),
        (
            {'docker_audit_paths': ['/opt/no-such-docker']},
            '/opt/no-such-docker not found; /opt/no-such-docker No such file or directory: install docker',
        ),
    ],
)
def test_a_host_without_docker_names_the_places_and_the_ways_out(options, message):
    code, output = play('--check', options=options)
    assert code == 2 and re.search(message, output), output


def test_a_host_without_docker_can_be_skipped_with_a_word():
    code, output = play(
        '--check', options={'docker_audit_executables': ['no-such-docker'], 'docker_audit_require_docker': False}
    )
    assert code == 0 and 'Skipped: no-such-docker not found' in output, output


@pytest.mark.parametrize('state', ['present', 'absent'])
def test_another_user_than_root_is_told_to_become(state, tmp_path):
    os.chown(tmp_path, 65534, 65534)
    prefix = [
        *playing.AS_ANOTHER,
        'env',
        'HOME=%s' % tmp_path,
        'ANSIBLE_HOME=%s' % tmp_path,
        'ANSIBLE_REMOTE_TMP=%s' % tmp_path,
    ]
    code, output = play('-e', 'state=' + state, prefix=prefix)
    assert code == 2 and 'Only root can change audit rules: set become' in output, output


def mounted(script, *words, options=None):
    """Runs the playbook in a mount namespace of its own in which `script` has run."""
    return play(
        '-e',
        'state=present',
        *words,
        options=options,
        prefix=['unshare', '--mount', 'sh', '-ec', script + '; exec "$@"', 'sh'],
    )


OUT_OF_THE_WAY = {
    'docker_audit_rule_file': 'zz-test.rules',
    'docker_audit_key': 'claude-hooks-test',
    'docker_audit_manage_service': False,
}
ONE_PATH = dict(OUT_OF_THE_WAY, docker_audit_paths=['/usr/bin/env'])
RULES = pathlib.Path('/etc/audit/rules.d')


@pytest.mark.parametrize(
    'script, message',
    [
        ('mount --bind /etc/audit /etc/audit; mount -o remount,ro,bind /etc/audit', '/etc/audit/rules.d not writable'),
        # A file system without a block to spare; what it held before the test is copied in.
        (
            'd=$(mktemp -d); cp -a /etc/audit/rules.d/. $d; mount -t tmpfs -o size=64k none /etc/audit/rules.d; '
            'cp -a $d/. /etc/audit/rules.d; rm -r $d;'
            ' dd if=/dev/zero of=/etc/audit/rules.d/full bs=4k 2>/dev/null || true',
            'No space left on device',
        ),
    ],
)
def test_a_file_that_cannot_be_written_fails_with_the_reason_and_stays_whole(script, message):
    before = sorted(path.name for path in RULES.iterdir())
    listing = subprocess.run(['auditctl', '-l'], capture_output=True, text=True, check=True).stdout
    code, output = mounted(script, options=OUT_OF_THE_WAY)
    assert code == 2 and message in output, output
    assert sorted(path.name for path in RULES.iterdir()) == before
    assert subprocess.run(['auditctl', '-l'], capture_output=True, text=True, check=True).stdout == listing


# A kernel cannot be unlocked again, so that here it is auditctl that says it is locked.
LOCKED_AUDITCTL = r"""#!/bin/sh
case $1 in
-s) printf 'enabled 2\npid 1\n' ;;
-l) echo '%s' ;;
*) echo "a locked kernel was asked to change: $*" >&2; exit 1 ;;
esac
"""
FILE_OF_UID_8 = (
    '# claude_hooks.docker_audit key=claude-hooks-test\n'
    '-a always,exit -F path=/usr/bin/env -F perm=x -F uid=8 -F key=claude-hooks-test\n'
)
RULE_IN_KERNEL = '-a always,exit -S all -F path=/usr/bin/env -F perm=x -F uid=%d -F key=claude-hooks-test'


@pytest.mark.parametrize(
    'listing, fact',
    [
        ('No rules', (False, True)),
        # What the old file asked for is in the kernel, what the new one asks for is not.
        (RULE_IN_KERNEL % 8, (False, True)),
        # The kernel holds the rules of the new file, as where a file is renamed: a reboot would change nothing.
        (RULE_IN_KERNEL % 7, (True, False)),
    ],
)
def test_a_locked_kernel_gets_the_file_and_the_truth_is_told_of_its_rules(listing, fact, tmp_path):
    auditctl = tmp_path / 'auditctl'
    auditctl.write_text(LOCKED_AUDITCTL % listing)
    auditctl.chmod(0o755)
    old_file = tmp_path / 'zz-test.rules'
    old_file.write_text(FILE_OF_UID_8)
    script = (
        'mount -t tmpfs none /etc/audit; mkdir /etc/audit/rules.d; cp %s /etc/audit/rules.d; '
        'mount --bind %s "$(command -v auditctl)"' % (old_file, auditctl)
    )
    options = dict(OUT_OF_THE_WAY, docker_audit_uids=[7], docker_audit_paths=['/usr/bin/env'])
    code, output = mounted(script, '-v', options=options)
    assert (code, re.search(r'changed=\d+', output).group()) == (0, 'changed=1'), output
    found = re.search(r'"docker_audit": \{\s*"active": (\w+),\s*"pending_reboot": (\w+)', output)
    assert found and tuple(word == 'true' for word in found.groups()) == fact, output
    assert ('a reboot is needed' in output) == fact[1], output


def unlocked(folder, listing='No rules'):
    """A script that mounts an auditctl whose kernel holds these rules, by default none."""
    auditctl = folder / 'unlocked'
    auditctl.write_text((LOCKED_AUDITCTL % listing).replace('enabled 2', 'enabled 1'))
    auditctl.chmod(0o755)
    return 'mount --bind %s "$(command -v auditctl)"' % auditctl


def test_check_mode_names_the_rules_that_an_unchanged_file_has_and_the_kernel_lacks(tmp_path):
    rules = tmp_path / 'rules.d'
    rules.mkdir()
    locked = tmp_path / 'auditctl'
    locked.write_text(LOCKED_AUDITCTL % 'No rules')
    locked.chmod(0o755)
    script = 'mount -t tmpfs none /etc/audit; mkdir /etc/audit/rules.d; mount --bind %s /etc/audit/rules.d; ' % rules
    code, output = mounted(script + 'mount --bind %s "$(command -v auditctl)"' % locked, options=ONE_PATH)
    assert code == 0, output
    code, output = mounted(script + unlocked(tmp_path), '--check', options=ONE_PATH)
    assert code == 0, output
    rule = '-a always,exit -F path=/usr/bin/env -F perm=x -F uid=0 -F key=claude-hooks-test'
    assert 'not in the kernel yet: ' + rule in output and 'missing: [' not in output, output


NEIGHBOUR = '-w /etc/hostname -p wa -k %s'


@pytest.mark.parametrize(
    'name, rule, listing, message',
    [
        (
            'zz-test.rules',
            NEIGHBOUR % 'other',
            'No rules',
            '/etc/audit/rules.d/zz-test.rules holds rules that are not ours. Set docker_audit_rule_file to another',
        ),
        (
            'b.rules',
            NEIGHBOUR % 'claude-hooks-test',
            'No rules',
            'The key claude-hooks-test is used by /etc/audit/rules.d/b.rules. Set docker_audit_key to a key of its own',
        ),
        (
            'b.rules',
            NEIGHBOUR % 'claude-hooks-test-signals',
            'No rules',
            'The key claude-hooks-test-signals is used by /etc/audit/rules.d/b.rules. Set docker_audit_key',
        ),
        (
            'b.rules',
            '-D',
            NEIGHBOUR % 'other',
            'A load would drop this rule from the kernel (it was added by hand, or its file is gone): -w /etc/host',
        ),
    ],
)
def test_a_change_that_others_would_not_want_is_refused_with_its_reason(name, rule, listing, message, tmp_path):
    rules = tmp_path / 'rules.d'
    rules.mkdir()
    (rules / name).write_text(rule + '\n')
    script = 'mount -t tmpfs none /etc/audit; mkdir /etc/audit/rules.d; mount --bind %s /etc/audit/rules.d; ' % rules
    code, output = mounted(script + unlocked(tmp_path, listing), options=ONE_PATH)
    assert code == 2 and message in output, output
    assert [path.name for path in rules.iterdir()] == [name]


def test_absent_removes_all_that_was_kept_on_the_host(tmp_path):
    lib = tmp_path / 'lib'
    for path in ('claude-hooks/connects.jsonl', 'claude-hooks/connects.jsonl.lock', 'claude-hooks/events.jsonl'):
        (lib / path).parent.mkdir(parents=True, exist_ok=True)
        (lib / path).write_text('{}\n')
    positions = tmp_path / 'root/.local/state/claude-hooks/position'
    positions.parent.mkdir(parents=True)
    positions.write_text('{}\n')
    (lib / 'others').mkdir()
    script = 'mount -t tmpfs none /etc/audit; mkdir /etc/audit/rules.d; mount --bind %s /var/lib; export HOME=%s; ' % (
        lib,
        tmp_path / 'root',
    )
    code, output = mounted(script + unlocked(tmp_path), '-e', 'state=absent', options=OUT_OF_THE_WAY)
    assert code == 0, output
    assert [path.name for path in lib.iterdir()] == ['others'], output
    assert list((tmp_path / 'root/.local/state').iterdir()) == [], output


def test_check_mode_shows_the_rule_file_where_audit_has_no_folder_yet():
    code, output = mounted(
        'mount -t tmpfs none /etc/audit', '--check', '--diff', options=dict(OUT_OF_THE_WAY, docker_audit_uids=[7])
    )
    assert code == 0 and re.search(
        r'^\+-a always,exit -F path=/\S*docker -F perm=x -F uid=7 -F key=claude-hooks-test$', output, re.MULTILINE
    ), output


def test_options_given_as_text_are_taken_as_lists():
    code, output = play(
        '--check',
        '--diff',
        '-e',
        'docker_audit_uids=7,1000 docker_audit_prepend=false docker_audit_rule_file=zz-test.rules',
    )
    assert code == 0, output
    assert re.findall(r'^\+(-[aA] always,exit) .* -F uid=(\d+) ', output, re.MULTILINE)[:2] == [
        ('-a always,exit', '7'),
        ('-a always,exit', '1000'),
    ], output


@pytest.mark.parametrize('no_color, colours', [('', True), ('1', False)])
def test_on_a_terminal_no_color_is_heeded(no_color, colours):
    environment = {name: value for name, value in os.environ.items() if name != 'ANSIBLE_NOCOLOR'}
    command = '%s/ansible-playbook playbooks/audit.yml --check -e state=maybe' % os.path.dirname(sys.executable)
    done = subprocess.run(
        ['script', '--quiet', '--command', command, '/dev/null'],
        cwd=ROOT,
        env=dict(environment, NO_COLOR=no_color, TERM='xterm'),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert b'maybe' in done.stdout, done.stdout
    assert (b'\x1b[' in done.stdout) == colours


@pytest.mark.parametrize('playbook', ['audit', 'findings', 'verdicts', 'coverage', 'tail'])
@pytest.mark.parametrize('old, new', [('name', 'container'), ('until', 'before'), ('query', 'select')])
def test_an_old_name_of_a_variable_is_refused_with_the_new_one(playbook, old, new):
    nowhere = ['-i', 'nowhere,', '-e', 'ansible_connection=local ansible_python_interpreter=/nonexistent']
    code, output = play(*nowhere, '-e', old + '=x', playbook='playbooks/%s.yml' % playbook)
    assert code == 2 and '%s is now %s' % (old, new) in output, output


@pytest.mark.parametrize(
    'uids, expected',
    [('all', ['']), ('[]', ['']), ('0', [' -F uid=0']), ('7,1000,7', [' -F uid=7', ' -F uid=1000'])],
)
def test_the_users_come_from_the_command_line(uids, expected):
    code, output = play(
        '--check',
        '--diff',
        '-e',
        'docker_audit_uids=' + uids,
        '-e',
        'docker_audit_key=test-uids',
        options=ONE_PATH,
    )
    assert (
        code,
        re.findall(r'^\+-a always,exit -F path=\S+ -F perm=x(.*) -F key=claude-hooks-test$', output, re.MULTILINE),
    ) == (
        0,
        expected,
    ), output


def test_each_socket_of_an_engine_that_a_rule_can_name_gets_one(tmp_path):
    words = ['--check', '--diff', '-e', 'docker_audit_watch=socket']
    also, later = '/run/claude-hooks-own.sock', tmp_path / 'on-tmpfs' / 'docker.sock'
    later.parent.mkdir()
    subprocess.run(['mount', '-t', 'tmpfs', 'none', str(later.parent)], check=True)
    try:
        with own_engine.running(tmp_path, None, 'unix://' + also, 'unix://%s' % later):
            code, output = play(*words, options=ONE_PATH)
    finally:
        subprocess.run(['umount', str(later.parent)], check=True)
    named = set(re.findall(r'^\+-a .* -S connect\S* -F path=(\S+) ', output, re.MULTILINE))
    assert code == 0 and named == {'/run/docker.sock', also, str(tmp_path / 'docker.sock')}, output


def test_watch_all_asks_for_the_rules_of_each_kind():
    code, output = play('--check', '--diff', '-e', 'docker_audit_watch=all', options=ONE_PATH)
    keys = re.findall(r'^\+-a always,exit .* -F key=(\S+)$', output, re.MULTILINE)
    assert code == 0 and set(keys) == {
        'claude-hooks-test',
        'claude-hooks-test-socket',
        'claude-hooks-test-signals',
        'claude-hooks-test-services',
    }, output
