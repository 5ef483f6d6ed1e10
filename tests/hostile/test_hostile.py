# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: nobody below root forges, hides, blinds or hurts. The attacks are real, on a kernel with AppArmor.

Run it with tests/lab/own_kernel python -m pytest tests/hostile: never on a kernel that others use.
"""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import time

import pytest
from ansible_collections.claude_hooks.docker_audit.tests.hostile.machine import USER, answer, as_user, attack
from ansible_collections.claude_hooks.docker_audit.tests.support.kernel_audit import auditctl
from ansible_collections.claude_hooks.docker_audit.tests.support.waiting import wait_until

KEY = 'claude-hooks-docker'
LOG = pathlib.Path('/var/log/audit/audit.log')
HEAD = 'type=%s msg=audit(1795490000.100:7): '
FORGED = ' '.join(
    [
        HEAD
        % 'SYSCALL'
        + 'arch=c000003e syscall=59 success=yes exit=0 ppid=1 pid=7 auid=0 uid=0 tty=pts0 ses=3 comm="docker" '
        'exe="/usr/bin/docker" subj=unconfined key="%s"' % KEY,
        HEAD % 'EXECVE' + 'argc=3 a0="docker" a1="stop" a2="claude-hooks-forged"',
        HEAD % 'CWD' + 'cwd="/root"',
    ]
)
COMPLAINING = 'profile helper /usr/local/bin/helper flags=(complain) {\n}\n'


@pytest.fixture(scope='module', autouse=True)
def rules():
    auditctl('-b', '8192')
    for uid in (0, USER):
        auditctl('-a', 'always,exit', '-F', 'path=/usr/bin/docker', '-F', 'perm=x', '-F', 'uid=%d' % uid, '-k', KEY)
    yield
    auditctl('-D')


def found():
    """What findings.yml would get: the names in the findings, and those that the log does not tell."""
    result = answer('docker_findings_info', possible=True)
    return (
        [(finding['targets'][0], finding['uid'], finding.get('user')) for finding in result['findings']],
        [(entry['reason'], entry['pid']) for entry in result['unreadable']],
    )


def new(before, is_expected=lambda _found: True):
    """Findings and unreadable executions that were not there before, once auditd has written them."""
    end = time.monotonic() + 20
    while True:
        now = found()
        fresh = [entry for entry in now[0] if entry not in before[0]], now[1][len(before[1]) :]
        if is_expected(fresh) or time.monotonic() > end:
            return fresh
        time.sleep(0.5)


def is_logged(text):
    return text in LOG.read_bytes()


def test_a_table_of_nftables_forges_nothing():
    subprocess.run(['modprobe', 'nf_tables'], check=True)
    before = found()
    execve = 'x type=EXECVE msg=audit(1795490000.100:7): argc=3 a0="docker" a1="stop" a2="claude-hooks-forged"'
    syscall = (
        '" type=SYSCALL msg=audit(1795490000.100:7): arch=c000003e syscall=59 success=yes pid=7 uid=0 comm="docker" '
        'exe="/usr/bin/docker" key="%s"' % KEY
    )
    attack('nft_table.py', syscall, execve, '" type=CWD msg=audit(1795490000.100:7): cwd="/root"')
    wait_until(lambda: is_logged(b'NETFILTER_CFG') and is_logged(b'claude-hooks-forged'), 'the attack is in the log')
    assert new(before) == ([], [])


CONTEXTS = {
    'event': FORGED,
    'key': 'x key="other"',
    'names': 'x key="other"\x1dARCH=x86_64 SYSCALL=execve AUID="eve" UID="eve"',
    'fields': 'x success=no uid=33 auid=33 comm="eve" exe="/eve" key=(null)',
    'lines': '\n' + FORGED.replace(' type=', '\ntype=') + '\n',
}


@pytest.fixture(scope='module')
def helper():
    """A program of the host's under a profile in complain mode."""
    subprocess.run(['cp', '/bin/dash', '/usr/local/bin/helper'], check=True)
    subprocess.run(['apparmor_parser', '--add', '--skip-cache'], input=COMPLAINING, text=True, check=True)
    assert 'apparmor' in pathlib.Path('/sys/kernel/security/lsm').read_text()


@pytest.mark.parametrize('name', CONTEXTS)
@pytest.mark.usefixtures('helper')
def test_a_security_context_forges_nothing_and_hides_nothing(name):
    before = found()
    attack('contexts.py', 'claude-hooks-' + name, CONTEXTS[name])
    expected = [('claude-hooks-' + name, USER, None)]
    assert new(before, lambda fresh: fresh[0] == expected) == (expected, [])


@pytest.mark.parametrize('length', [9000, 20000])
@pytest.mark.usefixtures('helper')
def test_an_execution_whose_record_auditd_cuts_or_leaves_out_is_counted(length):
    before = found()
    attack('contexts.py', 'claude-hooks-long-%d' % length, str(length))
    wait_until(lambda: is_logged(b'"claude-hooks-long-%d"' % length), 'the execution is in the log')
    names, unreadable = new(before, lambda fresh: fresh[1])
    reasons = [reason for reason, _pid in unreadable]
    # Of the last script, too: without its SYSCALL record nobody knows that `sh SCRIPT docker stop NAME` is not docker
    assert names == [] and reasons in (['SYSCALL record missing'] * 2, ['key cut off'])


def test_a_process_that_blocks_the_reader_of_its_command_line_costs_seconds():
    subprocess.run(['modprobe', 'fuse'], check=True)
    os.chmod('/dev/fuse', 0o666)  # as udev does
    with subprocess.Popen(
        as_user('hang_cmdline.py', 'stop', 'claude-hooks-hang'), stdout=subprocess.PIPE, text=True
    ) as hanging:
        try:
            pid = int(hanging.stdout.readline())
            reading = subprocess.Popen(['cat', '/proc/%d/cmdline' % pid], stdout=subprocess.DEVNULL)
            with pytest.raises(subprocess.TimeoutExpired):
                reading.wait(3)
            for module, options in (
                ('docker_findings_info', {}),
                ('docker_findings_info', {'cursor': 'hostile', 'wait': 1}),
                ('docker_coverage_info', {}),
                ('docker_verdicts_info', {'socket': '/nonexistent'}),
            ):
                start = time.monotonic()
                result = answer(module, seconds=60, **options)
                print('%s %s: %.1f s' % (module, options, time.monotonic() - start))
                assert not result.get('failed') or module == 'docker_verdicts_info', result  # there is no engine
        finally:
            hanging.kill()
    assert any(name == 'claude-hooks-hang' for name, _uid, _user in found()[0])


def test_nobody_takes_over_the_process_of_the_canary():
    before = LOG.read_bytes().count(b'type=LOGIN')
    with subprocess.Popen(
        as_user('take_over.py'), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as attacker:
        assert attacker.stdout.readline() == 'ready\n'
        for _round in range(3):
            result = answer('docker_audit_canary', seconds=20)
            assert [run['event'] is not None for run in result['runs']] == [True, True], result
        attacker.stdin.close()
        said = attacker.stdout.read()
    assert 'attached' not in said and int(re.search(r'tried (\d+)', said).group(1)) > 10, said
    assert LOG.read_bytes().count(b'type=LOGIN') == before


def test_who_may_write_audit_records_makes_no_login_that_is_certain():
    text = 'op=login acct="root" exe="/usr/sbin/sshd" hostname=10.0.0.9 addr=10.0.0.9 terminal=ssh res=success'
    said = attack(
        'send_records.py',
        '1112',
        text,
        '1006',
        'pid=1 uid=0 old-auid=0 auid=0 ses=1 res=1',
        capabilities='+audit_write',
    )
    assert '1112 errno 0' in said and '1006 errno 0' not in said
    subprocess.run(['sh', '-c', 'echo 0 >/proc/self/loginuid; docker stop claude-hooks-login'], check=False)
    wait_until(lambda: is_logged(b'"claude-hooks-login"'), 'the execution is in the log')
    login = next(
        finding['caller'].get('login')
        for finding in answer('docker_findings_info')['findings']
        if finding['targets'] == ['claude-hooks-login']
    )
    assert login is None or login['address'] is None or not login['sure'], login
