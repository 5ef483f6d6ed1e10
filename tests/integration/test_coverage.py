# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: each thing that keeps this machine from seeing is brought about once and found by its code; a canary flies
only where it is seen.

What concerns the kernel, auditd and the engine is real. Files of the machine are replaced in a mount namespace of the
module's own,
so nothing has to be put back. What no test may do to this kernel (audit=0 at boot, enabled 2) is shown by a file in
place of
/proc/cmdline and by an auditctl of the test's. Needs what tests/lab/lab gives.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import proc
from ansible_collections.claude_hooks.docker_audit.tests.support import own_engine, playing
from ansible_collections.claude_hooks.docker_audit.tests.support.kernel_audit import audit_pid, auditctl, rule
from ansible_collections.claude_hooks.docker_audit.tests.support.waiting import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
COLLECTION = 'ansible_collections.claude_hooks.docker_audit'
KEY = 'claude-hooks-test'
RULE_FILE = 'zz-claude-hooks-test.rules'
FOLDERS = ('/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin', '/snap/bin')
PROGRAMS = sorted(
    {
        os.path.realpath(os.path.join(folder, name))
        for folder in FOLDERS
        for name in ('docker', 'docker-compose')
        if os.access(os.path.join(folder, name), os.X_OK)
    }
)
DOCKER = os.path.realpath(shutil.which('docker') or '/usr/bin/docker')
SOCKET = '/run/docker.sock'

RUN = """
import json, sys
from %s.tests.unit.module_args import patch_module_args
from %s.plugins.modules import {0} as module
with patch_module_args(json.loads(sys.argv[1])):
    module.main()
""" % (COLLECTION, COLLECTION)

# A host without any problem, whatever the machine is set to: settings, group and rule file of the test's own.
HEALTHY = (
    r"""
cp -a /etc/audit "$T/audit"; rm -f "$T"/audit/rules.d/*.rules; cp "$T/rules" "$T/audit/rules.d/%s"
for setting in max_log_file=900 num_logs=5 max_log_file_action=ROTATE disk_full_action=SYSLOG disk_error_action=SYSLOG \
    space_left_action=SYSLOG \
    admin_space_left_action=SYSLOG; do set_conf $setting; done
mount --bind "$T/audit" /etc/audit
sed 's/^\(docker:.*:\).*/\1/' /etc/group >"$T/group"; mount --bind "$T/group" /etc/group
mkdir -p /var/lib/claude-hooks; mount -t tmpfs none /var/lib/claude-hooks; touch /var/lib/claude-hooks/events.jsonl
"""
    % RULE_FILE
)
FUNCTIONS = r"""
set_conf() { sed -i "/^${1%%=*} /d" "$T/audit/auditd.conf"; echo "${1%%=*} = ${1#*=}" >>"$T/audit/auditd.conf"; }
"""


def our_rule(path, uid):
    return ['-F', 'path=%s' % path, '-F', 'perm=x', '-F', 'uid=%d' % uid, '-F', 'key=%s' % KEY]


OURS = [our_rule(path, uid) for path in PROGRAMS for uid in (0, 1000)]
CONNECTS = ['-F', 'arch=b64', '-S', 'connect', '-F', 'path=/run/docker.sock', '-F', 'key=%s-socket' % KEY]
SIGNALS = ['-F', 'arch=b64', '-S', 'kill', '-F', 'a1=9', '-F', 'key=%s-signals' % KEY]
SERVICES = ['-F', 'path=/bin/false', '-F', 'perm=x', '-F', 'key=%s-services' % KEY]
ALSO = [CONNECTS, SIGNALS, SERVICES]


@contextlib.contextmanager
def without(*words):
    auditctl('-d', 'exit,always', *words)
    try:
        yield
    finally:
        auditctl('-a', 'exit,always', *words)


@pytest.fixture(scope='module', autouse=True)
def rules():
    """Our rules before all others, and no record lost yet."""
    auditctl('--reset-lost')
    with contextlib.ExitStack() as stack:
        for words in [*ALSO, *OURS]:
            stack.enter_context(rule(*words, first=True))
        yield


class Machine(object):
    """Runs a module of ours where `script` has run in a mount namespace of its own; $T is a folder for it."""

    def __init__(self, folder):
        self.folder = folder
        self.prefix = ()
        lines = [' '.join(['-a', 'always,exit', *words]) for words in [*OURS, *ALSO]]
        (folder / 'rules').write_text('\n# claude_hooks.docker_audit key=%s\n' % KEY + '\n'.join(lines) + '\n')

    def command(self, script, *words):
        return [
            'unshare',
            '--mount',
            'sh',
            '-ec',
            FUNCTIONS + HEALTHY + script + '\nexec "$@"',
            'sh',
            *self.prefix,
            *words,
        ]

    def run(self, module, options, script='', path=None):
        environment = dict(os.environ, T=str(self.folder), PATH=path or os.environ['PATH'])
        command = self.command(script, sys.executable, '-c', RUN.format(module), json.dumps(options))
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        shutil.rmtree(self.folder / 'audit', ignore_errors=True)
        assert done.stdout.startswith('\n{') or done.stdout.startswith('{'), done.stdout + done.stderr
        return json.loads(done.stdout)

    def look(self, script='', path=None):
        return self.run('docker_coverage_info', {'keys': [KEY]}, script, path)

    def canary(self, keys=(KEY,), seconds=5):
        return self.run('docker_audit_canary', {'keys': list(keys), 'seconds': seconds})


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def codes(result):
    return {one['code']: one['evidence'] for one in result['problems']}


def test_a_machine_without_a_problem_is_complete(machine):
    found = machine.look()
    assert (found['coverage'], found['problems']) == ('complete', []), found['problems']
    assert {'path': DOCKER, 'uid': 1000} in found['watched'] and found['retention']['bytes'] > 0


# --- Files ------------------------------------------------------------------------------------------------------------

LOCKED_AUDITCTL = """#!/bin/sh
if [ "$1" = -s ]; then "$0.real" -s | sed 's/^enabled .*/enabled 2/'; else exec "$0.real" "$@"; fi
"""
NOBODY_READS = 'auditctl -s: pid 0, or that of a process that has ended'
OLD_RECORD = 'type=DAEMON_START msg=audit(1700000000.000:1): op=start'
FILES = [
    (
        'audit_off_at_boot',
        'echo quiet audit=0 >"$T/cmdline"; mount --bind "$T/cmdline" /proc/cmdline',
        'audit=0 in /proc/cmdline',
    ),
    (
        'auditd_not_running',
        'mkdir "$T/none"; mount --bind "$T/none" "/proc/$(auditctl -s | sed -n "s/^pid //p")"',
        'a process that has ended',
    ),
    ('log_not_written', 'set_conf write_logs=no', 'write_logs = no'),
    ('log_missing', 'set_conf log_file="$T/nowhere/audit.log"', '/nowhere/audit.log does not exist'),
    ('log_stale', 'echo "%s" >"$T/old.log"; set_conf log_file="$T/old.log"' % OLD_RECORD, 'hours old'),
    (
        'log_disk_full',
        'mkdir "$T/full"; mount -t tmpfs -o size=64k none "$T/full"; touch "$T/full/audit.log"; '
        'dd if=/dev/zero of="$T/full/x" 2>/dev/null || true; set_conf log_file="$T/full/audit.log"',
        'no space is left where',
    ),
    ('log_may_stop', 'set_conf disk_full_action=SUSPEND', 'disk_full_action = SUSPEND'),
    ('log_not_rotated', 'set_conf max_log_file_action=IGNORE', 'max_log_file_action = ignore'),
    # Two hours ago, and nearly full
    (
        'log_retention_short',
        'mkdir "$T/log"; echo "type=X msg=audit($(($(date +%s) - 7200)).000:1): x" >"$T/log/audit.log"; '
        'truncate -s 4M "$T/log/audit.log"; '
        'echo "type=X msg=audit($(date +%s).000:1): x" >>"$T/log/audit.log"; '
        'set_conf log_file="$T/log/audit.log"; set_conf max_log_file=5; set_conf num_logs=2',
        'an hour fill 2 files of 5 MB',
    ),
    (
        'rules_locked',
        'echo "-a always,exit -F path=%s -F perm=x -F uid=7 -F key=%s" >>"$T/audit/rules.d/%s"; '
        % (DOCKER, KEY, RULE_FILE)
        + 'cp "$(command -v auditctl)" "$T/auditctl.real"; cp "$T/locked" "$T/auditctl"; PATH=$T:$PATH; export PATH',
        'enabled 2, and 1 rules differ',
    ),
    (
        'rules_not_at_boot',
        'mount -t tmpfs none /run/systemd; mkdir /run/systemd/system; '
        'ln -s /dev/null /run/systemd/system/audit-rules.service',
        'audit-rules.service is masked',
    ),
    ('sources_off', 'rm /var/lib/claude-hooks/events.jsonl', '^off: witness: [^;]*$'),
    (
        'plugin_not_covered',
        'mount -t tmpfs none /usr/local/lib; mkdir -p /usr/local/lib/docker/cli-plugins; '
        'cp /bin/true /usr/local/lib/docker/cli-plugins/docker-compose',
        '/usr/local/lib/docker/cli-plugins/docker-compose',
    ),
    (
        'users_not_watched',
        r'cp /etc/passwd "$T/passwd"; echo "claudia:x:54321:54321::/:/bin/sh" >>"$T/passwd"; '
        r'mount --bind "$T/passwd" /etc/passwd; '
        r'sed "s/^\(docker:.*:\).*/\1claudia/" /etc/group >"$T/more"; mount --bind "$T/more" /etc/group',
        r'uid 54321 \(claudia\): group docker of /run/docker.sock',
    ),
    (
        'engine_on_tcp',
        """mount -t tmpfs none /etc/docker; echo '{"hosts": ["tcp://0.0.0.0:2375"]}' >/etc/docker/daemon.json""",
        '/etc/docker/daemon.json: tcp://0.0.0.0:2375',
    ),
    (
        'not_readable',
        'mount -t tmpfs none /etc/docker; echo "{" >/etc/docker/daemon.json',
        '/etc/docker/daemon.json: it is not the JSON',
    ),
]


@pytest.mark.parametrize('code, script, evidence', FILES, ids=[case[0] for case in FILES])
def test_what_files_of_the_machine_tell_is_found(machine, code, script, evidence):
    (machine.folder / 'locked').write_text(LOCKED_AUDITCTL)
    (machine.folder / 'locked').chmod(0o755)
    found = machine.look(script)
    assert re.search(evidence, codes(found)[code]), found['problems']
    # A rule that only the file holds cannot be made without one that is missing.
    assert set(codes(found)) - {code} <= ({'rules_partial'} if code == 'rules_locked' else set()), found['problems']


def test_another_user_than_root_is_told_that_it_could_not_be_asked(machine):
    machine.prefix = playing.AS_ANOTHER
    found = machine.look()
    assert found['failed'] and 'could not be checked' in found['msg'] and 'uid 65534' in found['msg']
    assert 'coverage' not in found


def a_copy(folder):
    shutil.copy('/bin/true', folder / 'docker')


def a_shim(folder):
    (folder / 'docker').write_text('#!/bin/sh\nexec podman "$@"\n')
    shutil.copy('/bin/true', folder / 'podman')
    (folder / 'docker').chmod(0o755)


def a_snap(folder):
    (folder / 'in').mkdir()
    shutil.copy('/bin/true', folder / 'in' / 'snap')
    (folder / 'docker').symlink_to('in/snap')


def a_compose(folder):
    shutil.copy('/bin/true', folder / 'docker-compose')


@pytest.mark.parametrize(
    'put, evidence',
    [
        (a_copy, '/docker$'),
        (a_shim, '/podman$'),
        (a_snap, 'in/snap: a rule on it would log every snap'),
        (a_compose, '/docker-compose$'),
    ],
)
def test_another_program_on_path_is_found(machine, put, evidence):
    folder = machine.folder / 'bin'
    folder.mkdir()
    put(folder)
    found = machine.look(path='%s:%s' % (os.environ['PATH'], folder))['problems']
    assert {one['code'] for one in found} == {'binary_not_covered'} and re.search(evidence, found[-1]['evidence']), (
        found
    )


# --- The kernel -------------------------------------------------------------------------------------------------------


def shadow(*words, where='always,exit'):
    return lambda folder: rule(*words, where=where, first=True)


@contextlib.contextmanager
def setting(option, value, back):
    auditctl(option, value)
    try:
        yield
    finally:
        auditctl(option, back)


@contextlib.contextmanager
def lost_records(_folder):
    auditctl('-r', '1')
    try:
        for _number in range(6):
            subprocess.run([DOCKER, '--version'], stdin=subprocess.DEVNULL, capture_output=True, check=True)
    finally:
        auditctl('-r', '0')
    try:
        yield
    finally:
        auditctl('--reset-lost')


@contextlib.contextmanager
def open_socket(_folder):
    mode = os.stat(SOCKET).st_mode & 0o7777
    os.chmod(SOCKET, 0o666)
    try:
        yield
    finally:
        os.chmod(SOCKET, mode)


@contextlib.contextmanager
def engine_on_tcp(folder):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    with own_engine.running(folder, None, 'tcp://127.0.0.1:%d' % port):
        yield


@contextlib.contextmanager
def rule_on_a_link(folder):
    (folder / 'link').symlink_to(DOCKER)
    with rule(*our_rule(folder / 'link', 0)), rule(*our_rule(folder / 'link', 1000)):
        yield


# With path, perm and key alone, auditctl 3.0.9 lists a never rule as -w, and cannot delete it so.
NEVER = ['-F', 'path=%s' % DOCKER, '-F', 'perm=x', '-F', 'uid<=1000', '-F', 'key=other-key']
WATCH = ['-F', 'path=%s' % DOCKER, '-F', 'perm=x', '-F', 'key=other-key']
KERNEL = [
    ('audit_disabled', 'blind', lambda folder: setting('-e', '0', '1'), 'enabled 0', set()),
    ('backlog_small', 'note', lambda folder: setting('-b', '64', '8192'), 'backlog_limit 64', set()),
    ('rate_limited', 'note', lambda folder: setting('-r', '5000', '0'), 'rate_limit 5000', set()),
    ('records_lost', 'partial', lost_records, r'lost \d+', set()),
    ('never_task', 'blind', shadow(where='task,never'), '-a never,task', set()),
    ('records_excluded', 'partial', shadow('-F', 'msgtype=CWD', where='exclude,always'), 'msgtype=CWD', set()),
    (
        'rule_shadowed',
        'partial',
        shadow(*WATCH),
        r'\(key other-key\) comes first and takes: all of %s by uid 1000, all of %s by uid 0' % (DOCKER, DOCKER),
        set(),
    ),
    (
        'rule_shadowed',
        'blind',
        shadow('-F', 'arch=b64', '-S', 'execve', '-F', 'key=other-key'),
        r'-S execve .*\(key other-key\)',
        set(),
    ),
    ('rule_shadowed', 'partial', shadow(*NEVER, where='exit,never'), r'-a never,exit .*\(key other-key\)', set()),
    (
        'rules_partial',
        'partial',
        lambda folder: without(*OURS[0]),
        'missing in the kernel: -a always,exit -F path=',
        set(),
    ),
    ('rules_unexpected', 'partial', lambda folder: rule(*our_rule(DOCKER, 7)), 'uid=7', {'rules_partial'}),
    (
        'rule_path_stale',
        'partial',
        rule_on_a_link,
        'leads to %s, and a rule on a link does not fire' % DOCKER,
        {'rules_unexpected'},
    ),
    ('sources_off', 'note', lambda folder: without(*CONNECTS), '^off: socket: [^;]*$', {'rules_partial'}),
    ('sources_off', 'note', lambda folder: without(*SIGNALS), '^off: signals: [^;]*$', {'rules_partial'}),
    ('users_not_watched', 'partial', open_socket, 'every user: mode 0666 of /run/docker.sock', set()),
    (
        'engine_on_tcp',
        'partial',
        engine_on_tcp,
        r'command line of dockerd, pid \d+: tcp://127.0.0.1:\d+',
        {'socket_not_covered'},
    ),
    ('socket_not_covered', 'note', own_engine.running, '/docker.sock$', set()),
]


@pytest.mark.parametrize(
    'code, weight, provoked, evidence, companions',
    KERNEL,
    ids=['%d-%s' % (number, case[0]) for number, case in enumerate(KERNEL)],
)
def test_what_kernel_and_engine_are_set_to_is_found(machine, code, weight, provoked, evidence, companions):
    with provoked(machine.folder):
        found = machine.look()
    ours = [one for one in found['problems'] if one['code'] == code]
    assert ours and ours[0]['weight'] == weight and re.search(evidence, ours[0]['evidence']), found['problems']
    assert set(codes(found)) - {code} <= companions, found['problems']
    if code == 'engine_on_tcp':
        assert re.search(r'listening socket of dockerd, pid \d+: tcp port \d+', ours[1]['evidence'])


def test_a_kernel_without_our_rules_is_blind(machine):
    with contextlib.ExitStack() as stack:
        for words in OURS:
            stack.enter_context(without(*words))
        found = machine.look()
    assert (
        found['coverage'] == 'blind'
        and list(codes(found)) == ['rules_missing']
        and 'asks for %d rules' % len(OURS + ALSO) in codes(found)['rules_missing']
    )


# --- auditd -----------------------------------------------------------------------------------------------------------

TAKE = """
import os, socket, struct
link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9)  # NETLINK_AUDIT
body = struct.pack('=10I', 4, 0, 0, os.getpid(), 0, 0, 0, 0, 0, 0)  # struct audit_status with AUDIT_STATUS_PID
link.send(struct.pack('=IHHII', 16 + len(body), 1001, 5, 1, 0) + body)  # AUDIT_SET, NLM_F_REQUEST | NLM_F_ACK
while True:
    link.recv(65536)
"""


@pytest.fixture(scope='module')
def no_auditd(rules):
    """auditd is not there meanwhile. The lab ends the one that comes after, as all that it has started."""
    pid = audit_pid()
    # Killed, it cannot tell the kernel, which names its pid until there is a next record.
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not proc.is_running(pid), 'auditd ends')
    yield
    # Not by an init script, which loads the rules of /etc/audit anew and drops those of the tests.
    subprocess.run(['auditd'], stdin=subprocess.DEVNULL, check=True)
    wait_until(lambda: audit_pid() != 0, 'auditd starts')


# --- The canary -------------------------------------------------------------------------------------------------------


def test_each_watched_user_is_seen(machine):
    found = machine.canary()
    assert (found['proven'], found['problems']) == (True, []), found
    assert [(run['path'], run['uid']) for run in found['runs']] == [
        (path, uid) for path in reversed(PROGRAMS) for uid in (1000, 0)
    ]
    run = found['runs'][0]
    words = ['ausearch', '--input-logs', '--raw', '-p', str(run['pid'])]
    log = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout
    assert 'audit(%s)' % run['event'] in log and 'a1="--version"' in log and ' uid=1000 ' in log


def test_a_user_without_an_account_is_seen(machine):
    with rule('-F', 'path=%s' % DOCKER, '-F', 'perm=x', '-F', 'uid=54321', '-F', 'key=by-hand'):
        found = machine.canary(keys=['by-hand'])
    assert found['proven'] and [run['uid'] for run in found['runs']] == [54321]


@pytest.mark.parametrize(
    'words, where',
    [((), 'task,never'), (NEVER, 'exit,never'), (WATCH, 'exit,always'), (('-F', 'msgtype=SYSCALL'), 'exclude,always')],
)
def test_what_another_rule_takes_is_not_proven(machine, words, where):
    with rule(*words, where=where, first=True):
        found = machine.canary(seconds=2)
    unseen = {run['path'] for run in found['runs'] if run['event'] is None}
    assert (
        not found['proven'] and DOCKER in unseen and {one['code'] for one in found['problems']} == {'canary_not_seen'}
    )
    assert unseen == ({DOCKER} if WATCH[1] in words else set(PROGRAMS))


def test_a_docker_that_others_can_replace_is_not_executed(machine):
    folder = pathlib.Path('/opt/claude-hooks-test')
    folder.mkdir()
    try:
        shutil.copy('/bin/false', folder / 'docker')
        folder.chmod(0o777)
        with rule('-F', 'path=%s/docker' % folder, '-F', 'perm=x', '-F', 'uid=0', '-F', 'key=by-hand'):
            found = machine.canary(keys=['by-hand'])
    finally:
        shutil.rmtree(folder)
    assert not found['proven'] and found['runs'][0]['pid'] is None
    assert list(codes(found)) == ['canary_refused']
    assert codes(found)['canary_refused'].startswith(
        '%s/docker as uid 0: %s can be written by others than root (mode 0777): ' % (folder, folder)
    )


def test_without_a_rule_there_is_nothing_to_prove(machine):
    found = machine.canary(keys=['by-hand'])
    assert not found['proven'] and codes(found) == {'canary_refused': 'no rule with the key by-hand logs an execution'}


# Tries to attach to every docker of its user as fast as it can, and says so when it could (ptrace(2), PTRACE_ATTACH).
ATTACKER = """
import ctypes, os, sys
os.setgroups([]); os.setgid(54321); os.setuid(54321)
ptrace = ctypes.CDLL(None).ptrace
print('ready', flush=True)
newest = os.getpid()
while True:
    for name in os.listdir('/proc'):
        if name.isdigit() and int(name) > newest:
            try:
                comm = open('/proc/%s/comm' % name).read()
            except OSError:
                continue
            if comm == 'docker\\n' or os.stat('/proc/' + name).st_uid == 54321:
                print('attached' if ptrace(16, int(name), None, None) == 0 else 'refused', flush=True)
"""


def test_nobody_takes_over_what_the_canary_executes(machine):
    """A user that docker is executed as could make it act under the login uid of the administrator."""
    folder = pathlib.Path('/opt/claude-hooks-test')
    folder.mkdir()
    attacker = subprocess.Popen([sys.executable, '-c', ATTACKER], stdout=subprocess.PIPE, text=True)
    try:
        ran = folder / 'ran'
        ran.touch()
        ran.chmod(0o666)
        (folder / 'docker').write_text('#!/bin/sh\necho x >>%s\nsleep 1\n' % ran)
        (folder / 'docker').chmod(0o755)
        assert attacker.stdout.readline() == 'ready\n'
        with rule('-F', 'path=%s/docker' % folder, '-F', 'perm=x', '-F', 'uid=54321', '-F', 'key=by-hand'):
            found = [machine.canary(keys=['by-hand']) for _time in range(5)]
        assert all(one['proven'] for one in found) and ran.read_text() == '', found
    finally:
        attacker.kill()
        tries = attacker.communicate()[0].split()
        shutil.rmtree(folder)
    assert 'attached' not in tries


# --- The playbook -----------------------------------------------------------------------------------------------------


def play(machine, *words, script='', path=None, playbook='playbooks/coverage.yml', cwd=ROOT):
    """Runs ansible-playbook on that machine; returns (exit code, output)."""
    result = playing.play(
        playbook,
        '-e',
        'key=%s' % KEY,
        *words,
        prefix=machine.command(script),
        cwd=cwd,
        T=str(machine.folder),
        PATH=path or os.environ['PATH'],
    )
    shutil.rmtree(machine.folder / 'audit', ignore_errors=True)
    return result


def test_a_host_is_proven(machine, tmp_path):
    code, output = play(machine, '-e', 'canary=true', playbook='claude_hooks.docker_audit.coverage', cwd='/')
    assert code == 0 and '\nlocalhost: proven\n' in output and re.search(r'^1 host: 1 proven$', output, re.M), output
    assert len(re.findall(r'^ {4}seen {5}/\S+ executed as uid (?:0|1000): event \d', output, re.M)) == len(OURS), output


def test_check_mode_executes_nothing(machine):
    code, output = play(machine, '--check', '-e', 'canary=true')
    assert code == 0 and '\nlocalhost: complete\n' in output and 'executed as uid' not in output, output


def test_blind_failed_and_unreachable_hosts_fail_and_are_told_apart(machine, tmp_path):
    inventory = tmp_path / 'hosts.yml'
    inventory.write_text(
        json.dumps(
            {
                'all': {
                    'hosts': {
                        'far': {'ansible_connection': 'ssh', 'ansible_host': '127.0.0.1', 'ansible_port': 1},
                        'here': {'ansible_connection': 'local', 'ansible_python_interpreter': sys.executable},
                        'unfit': {'ansible_connection': 'local', 'ansible_python_interpreter': '/nonexistent/python'},
                    }
                }
            }
        )
    )
    with rule('-F', 'arch=b64', '-S', 'execve', '-F', 'key=other-key', first=True):
        code, output = play(machine, '-i', str(inventory), '-e', 'dest=%s/coverage.json' % tmp_path)
    assert code == 2 and re.findall(r'^(\w+) +: ok=.* failed=1', output, re.M) == ['far', 'here', 'unfit'], output
    told = json.loads((tmp_path / 'coverage.json').read_text())
    assert {name: host['coverage'] for name, host in told['hosts'].items()} == {
        'far': 'unreachable',
        'here': 'blind',
        'unfit': 'failed',
    }
    assert told['counts'] == {'failed': 1, 'unreachable': 1, 'blind': 1, 'partial': 0, 'complete': 0, 'proven': 0}
    assert [one['code'] for one in told['hosts']['here']['problems']] == [
        'rule_shadowed'
    ] and 'Connection refused' in told['hosts']['far']['reason']
    assert (tmp_path / 'coverage.json').stat().st_mode & 0o777 == 0o600


def test_no_name_of_a_host_is_obeyed(machine):
    folder = machine.folder / '\x1b[2J{{ 7*7 }}\nweb9 is proven\n'
    folder.mkdir()
    a_compose(folder)
    code, output = play(machine, path='%s:%s' % (os.environ['PATH'], folder))
    assert (
        code == 0
        and r'/\x1b[2J{{ 7*7 }}\nweb9 is proven\n/docker-compose' in output
        and '\x1b' not in output
        and '\nweb9' not in output
    ), output


@pytest.mark.parametrize('dest', ['coverage.txt', '/nonexistent/coverage.json'])
def test_what_cannot_be_written_is_refused_before_any_host_is_touched(machine, dest):
    code, output = play(machine, '-e', 'dest=%s' % dest)
    assert (
        code == 2
        and 'name a file that ends in .json, in a folder of this machine that you may write to' in output
        and 'Look for' not in output
    ), output


# --- Last, since auditd is ended: without it, and with another that takes its place -----------------------------------


def test_without_auditd_the_machine_is_blind(machine, no_auditd):
    found = machine.look()
    assert found['coverage'] == 'blind' and codes(found) == {'auditd_not_running': NOBODY_READS}, found['problems']


def test_without_auditd_no_canary_is_seen(machine, no_auditd):
    found = machine.canary(seconds=2)
    assert not found['proven'] and [one['code'] for one in found['problems']] == ['canary_not_seen'] * len(OURS)


def test_another_program_that_takes_the_records_is_named(machine, no_auditd):
    process = subprocess.Popen([sys.executable, '-c', TAKE], stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: audit_pid() == process.pid, 'the other program takes the records')
        found = machine.look()
    finally:
        process.kill()
        process.wait()
    name = os.path.basename(os.path.realpath(sys.executable))
    assert codes(found) == {'consumer_not_auditd': 'auditctl -s: pid %d, which is %s' % (process.pid, name)}, found[
        'problems'
    ]
