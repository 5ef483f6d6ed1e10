# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: with docker_audit_watch=socket every client of the engine's API is logged, and without it no rule for that
is left.

Real playbook, real kernel, real engine. Needs what tests/lab/lab gives.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import config
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import events as audit_log
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.reading import Reading
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import connects as own_connects
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import entries
from ansible_collections.claude_hooks.docker_audit.tests.support import playing
from ansible_collections.claude_hooks.docker_audit.tests.support.kernel_audit import auditctl
from ansible_collections.claude_hooks.docker_audit.tests.support.waiting import wait_until

KEY = 'claude-hooks-test'
SOCKET = '/run/docker.sock'
RULES = [
    '-a always,exit -F arch=b64 -S connect -F path=/run/docker.sock -F key=claude-hooks-test-socket',
    '-a always,exit -F arch=b32 -S socketcall,connect -F path=/run/docker.sock -F key=claude-hooks-test-socket',
]
CONNECT = 'import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])'
# socketcall(SYS_CONNECT) by the 32-bit system call gate, as every 32-bit program whose libc is glibc or musl connects
CONNECT_32 = r'''
import ctypes, socket, struct, sys
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
def low(data):  # MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT
    place = libc.mmap(None, 4096, 7, 0x62, -1, 0)
    ctypes.memmove(place, data, len(data))
    return place
client = socket.socket(socket.AF_UNIX)
address = struct.pack('=H', socket.AF_UNIX) + sys.argv[1].encode() + b'\0'
call = low(struct.pack('=III', client.fileno(), low(address), len(address)))
# push rbx; mov eax, 102; mov ebx, 3; mov ecx, call; int 0x80; pop rbx; ret
code = b'\x53\xb8' + struct.pack('=I', 102) + b'\xbb' + struct.pack('=I', 3)
code += b'\xb9' + struct.pack('=I', call) + b'\xcd\x80\x5b\xc3'
assert ctypes.CFUNCTYPE(ctypes.c_int)(low(code))() == 0
'''


# In a mount namespace of its own: rule files are not for this machine, the kernel's rules are.
@pytest.fixture
def prefix():
    script = (
        'mount -t tmpfs none /etc/audit; mkdir /etc/audit/rules.d; echo -D >/etc/audit/rules.d/audit.rules; '
        'echo up; exec cat'
    )
    held = subprocess.Popen(['unshare', '--mount', 'sh', '-ec', script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    held.stdout.readline()
    try:
        yield ['nsenter', '--target', str(held.pid), '--mount', '--wd']
    finally:
        held.stdin.close()
        held.wait(10)


@pytest.fixture
def play(prefix):
    def play(state, *words):
        code, output = playing.play(
            'claude_hooks.docker_audit.audit',
            '-e',
            'state=' + state,
            '-e',
            'docker_audit_manage_service=false',
            *words,
            prefix=prefix,
        )
        assert code == 0, output
        return output, int(re.search(r' changed=(\d+)', output).group(1))

    yield play
    play('absent')


def kernel():
    return [line for line in auditctl('-l').split('\n') if line.endswith('key=claude-hooks-test-socket')]


def connects(pid=None):
    read = entries.connects(Reading(KEY + '-socket', log=config.log_path(), is_wanted=audit_log.is_connect).events())
    return [connect for connect in read if pid in (None, connect['pid'])]


def client(*words, **options):
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **options)
    assert process.wait(20) == 0, words
    return process.pid


def logged(pid):
    wait_until(lambda: connects(pid), 'a connect of process %d in the log' % pid, 5)
    return [(connect['exe'], connect['uid']) for connect in connects(pid)]


def test_the_life_of_the_rule(play):
    on = ['-e', 'docker_audit_key=' + KEY, '-e', 'docker_audit_watch=socket']
    predicted = play('present', *on, '--check', '--diff')
    assert (
        '+-a always,exit -F arch=b64 -S connect -F path=/run/docker.sock -F key=claude-hooks-test-socket'
        in predicted[0]
        and kernel() == []
    )

    output, changed = play('present', *on)
    assert (kernel(), changed) == (
        RULES,
        predicted[1],
    ) and 'ausearch --input-logs -i -k claude-hooks-test-socket' in output, output
    assert play('present', *on)[1] == 0

    group = os.stat(SOCKET).st_gid
    python = os.path.realpath('/usr/bin/python3')
    assert logged(client('curl', '-sS', '--unix-socket', SOCKET, 'http://localhost/_ping')) == [('/usr/bin/curl', 0)]
    assert logged(client(python, '-c', CONNECT, '/var/run/docker.sock', user=1001, group=group, extra_groups=[])) == [
        (python, 1001)
    ]
    assert logged(client(python, '-c', CONNECT_32, SOCKET)) == [(python, 0)]

    # Someone takes one of the rules out of the kernel: the next run sees it.
    auditctl('-d', *RULES[1].split()[1:])
    assert play('present', *on)[1] > 0 and kernel() == RULES

    assert play('present', '-e', 'docker_audit_key=' + KEY)[1] > 0 and kernel() == []
    assert logged_nothing(python)
    assert play('present', '-e', 'docker_audit_key=' + KEY)[1] == 0

    # Removal needs no option to know the key.
    play('present', *on)
    assert kernel() == RULES
    assert play('absent')[1] > 0 and kernel() == []
    assert play('absent')[1] == 0


def logged_nothing(python):
    pid = client(python, '-c', CONNECT, SOCKET)
    time.sleep(1)
    return connects(pid) == []


def test_the_rule_outlives_the_socket(play):
    """An engine that starts anew makes a new socket; here the old one is put aside, and then put back."""
    play('present', '-e', 'docker_audit_key=' + KEY, '-e', 'docker_audit_watch=socket')
    aside = SOCKET + '.claude-hooks-test'
    os.rename(SOCKET, aside)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(SOCKET)
            server.listen(1)
            assert logged(client(sys.executable, '-c', CONNECT, SOCKET)) == [(os.path.realpath(sys.executable), 0)]
    finally:
        os.rename(aside, SOCKET)
    assert logged(client(sys.executable, '-c', CONNECT, SOCKET)) == [(os.path.realpath(sys.executable), 0)]


def test_what_was_removed_stays_removed_when_verdicts_are_asked_for(play, prefix):
    def verdicts():
        code, output = playing.play('claude_hooks.docker_audit.verdicts', '-e', 'key=' + KEY, prefix=prefix)
        assert code == 0, output

    play('present', '-e', 'docker_audit_key=' + KEY, '-e', 'docker_audit_watch=socket')
    verdicts()
    assert os.path.exists(os.path.join(own_connects.FOLDER, own_connects.NAME))
    play('absent')
    verdicts()
    output, changed = play('absent')
    assert changed == 0, output


ASK = '''
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import engine
from ansible_collections.claude_hooks.docker_audit.tests.support import playing
assert engine.container_names()[1] is None
assert engine.events().gaps == []
'''


def test_our_own_connects_are_known_by_process_and_time(play):
    """Else a later verdict could take one of them for that of a client."""
    play('present', '-e', 'docker_audit_key=' + KEY, '-e', 'docker_audit_watch=socket')
    # Its rule file is for the playbook alone
    os.makedirs(own_connects.FOLDER, 0o700, exist_ok=True)
    other = client(sys.executable, '-c', CONNECT, SOCKET)
    pid = client(sys.executable, '-c', ASK)
    assert logged(pid) == [(os.path.realpath(sys.executable), 0)] * 3
    noted = [(entry.first, entry.last) for entry in own_connects.own() if entry.pid == pid]
    for connect in connects(pid):
        moment = times.moment(connect['timestamp'])
        assert any(first <= moment <= last for first, last in noted), (connect, noted)
    assert logged(other) and other not in [entry.pid for entry in own_connects.own()]
