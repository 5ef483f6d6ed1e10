# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set the audit of this machine aside while tests run, and put it back.

There is one kernel, and it hands its records to one auditd. So the machine's own auditd is ended for the time of the
tests, and started again as it was started before. The tests' auditd has a configuration and a log of its own, which
are mounted over /etc/audit and /var/log/audit where only the tests see them: no test can touch a file of the machine's
audit.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess
import time

from machine import LabError, command, say, start_time

CONFIGURATION = pathlib.Path('/etc/audit')
LOGS = pathlib.Path('/var/log/audit')
# Name in "auditctl -s" -> option that sets it; "enabled" last, since auditd changes it when it starts and ends.
SETTINGS = {
    'failure': '-f',
    'rate_limit': '-r',
    'backlog_limit': '-b',
    'backlog_wait_time': '--backlog_wait_time',
    'enabled': '-e',
}
# Debian's own settings, whatever the machine has: with the kernel's backlog of 64 a busy machine loses records.
CALM = (('-f', '1'), ('-r', '0'), ('-b', '8192'), ('--backlog_wait_time', '60000'))
AUDITD_CONF = """\
local_events = yes
write_logs = yes
log_file = /var/log/audit/audit.log
log_group = adm
log_format = ENRICHED
flush = INCREMENTAL_ASYNC
freq = 50
max_log_file = 8
num_logs = 5
priority_boost = 4
name_format = NONE
max_log_file_action = ROTATE
space_left = 75
space_left_action = SYSLOG
admin_space_left = 50
admin_space_left_action = SUSPEND
disk_full_action = SUSPEND
disk_error_action = SUSPEND
plugin_dir = /etc/audit/plugins.d
"""
AUDIT_RULES = '-D\n-b 8192\n--backlog_wait_time 60000\n-f 1\n'


def status():
    """The lines "name value" of "auditctl -s" as numbers; some have a second value, in words."""
    words = (line.split() for line in command('auditctl', '-s').splitlines())
    found = {line[0]: int(line[1]) for line in words if len(line) > 1 and line[1].isdigit()}
    # Of an auditd that was killed the kernel learns with the next record that it has for it.
    if start_time(found['pid']) is None:
        found['pid'] = 0
    return found


def rules():
    return [line for line in command('auditctl', '-l').splitlines() if line.startswith('-')]


def wait_until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(f'{what} after {seconds} s')
        time.sleep(0.05)


# --- the machine's auditd ---


def owner():
    """How the auditd that takes the kernel's records was started, or None if nothing takes them."""
    pid = status()['pid']
    if not pid:
        return None
    process = pathlib.Path(f'/proc/{pid}')
    name = (process / 'comm').read_text().strip()
    if name != 'auditd':
        raise LabError(
            f'the kernel hands its audit records to process {pid} ({name}), not to auditd: stop it for the tests'
        )
    words = (process / 'cmdline').read_bytes().decode(errors='surrogateescape').split('\0')[:-1]
    return {
        'words': words,
        'program': os.readlink(process / 'exe').replace(' (deleted)', ''),
        # The unit allows no "systemctl stop"; ended by SIGTERM, it is a unit that ended well and is not started again.
        'unit': 'auditd.service' in (process / 'cgroup').read_text().replace('\n', '/').split('/'),
    }


def end_owner():
    pid = status()['pid']
    if not pid:
        return
    started = start_time(pid)
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: start_time(pid) != started, 30, f'auditd (pid {pid}) was asked to end and still runs')
    wait_until(lambda: status()['pid'] != pid, 5, 'the kernel still hands its records to an auditd that has ended')
    if status()['pid']:
        raise LabError(f'something started auditd (pid {status()["pid"]}) again at once: end that for the tests')


def start_owner(before):
    if before['unit']:
        command('systemctl', 'start', 'auditd')
        # From audit 4.0 on it brings this unit with it, which loads the rules of /etc/audit: wait for it.
        subprocess.run(['systemctl', '--quiet', 'start', 'audit-rules'], capture_output=True, check=False)
    elif '-n' in before['words'] or '-f' in before['words']:
        # In the foreground of whoever started it; that is gone.
        subprocess.Popen(
            before['words'],
            executable=before['program'],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd='/',
        )
    else:
        # By hand and by the init script come to the same but for the rules, which are put back below in any case.
        subprocess.run(
            before['words'], executable=before['program'], stdin=subprocess.DEVNULL, check=True, cwd='/', timeout=60
        )
    wait_until(lambda: status()['pid'] != 0, 20, f'{" ".join(before["words"])} does not take the records')
    say(f'started the auditd of this machine again (pid {status()["pid"]})')


# --- aside and back ---


def set_aside(state, write, folder):
    """Note how the audit of this machine is, then end its auditd and take its rules out of the kernel."""
    now = status()
    if now['enabled'] == 2:
        raise LabError(
            'the audit rules of this kernel are locked until the next reboot (auditctl -s: enabled 2): '
            'nothing can be tested here'
        )
    state['audit'] = {
        'auditd': owner(),
        'rules': rules(),
        'settings': {name: now[name] for name in SETTINGS if name in now},
    }
    shutil.rmtree(folder / 'saved', ignore_errors=True)
    command('cp', '--archive', str(CONFIGURATION), str(folder / 'saved'))
    write(state)
    end_owner()
    if rules():
        command('auditctl', '-D')
    for words in CALM:
        command('auditctl', *words)


def put_back(state, folder):
    """The opposite, from whatever state a killed run left; the auditd of the tests has ended. Safe to repeat."""
    before = state.get('audit')
    if before is None:
        return
    if before['auditd'] and owner() is None:
        start_owner(before['auditd'])
        saved = folder / 'saved'  # augenrules, which a unit runs, writes files
        for path in CONFIGURATION.glob('audit.rules*'):
            if not (saved / path.name).exists():
                path.unlink()
        for path in saved.glob('audit.rules*'):
            command('cp', '--archive', str(path), str(CONFIGURATION))
    if rules() != before['rules']:
        command('auditctl', '-D')
        for rule in before['rules']:
            command('auditctl', *rule.split())
    for name, value in before['settings'].items():
        if status().get(name) != value:
            command('auditctl', SETTINGS[name], str(value))
    if rules() != before['rules']:
        raise LabError(
            'the kernel does not hold the rules of before: '
            + '; '.join(before['rules'])
            + ', but '
            + '; '.join(rules())
        )


# --- the tests' own ---


def make_own(folder, logs):
    """A configuration like that of Debian's package, and an empty log."""
    configuration = folder / 'etc'
    for path in (configuration, logs):
        shutil.rmtree(path, ignore_errors=True)
    for path in (configuration, configuration / 'rules.d', configuration / 'plugins.d', logs):
        path.mkdir(mode=0o750, parents=True)
    for path, text in (
        ('auditd.conf', AUDITD_CONF),
        ('rules.d/audit.rules', AUDIT_RULES),
    ):
        (configuration / path).write_text(text)
        (configuration / path).chmod(0o640)
    shutil.chown(logs, group='adm')


def mount_own(folder, logs):
    """To be called in a mount namespace of one's own."""
    command('mount', '--bind', str(folder / 'etc'), str(CONFIGURATION))
    command('mount', '--bind', str(logs), str(LOGS))
    command('augenrules')  # writes audit.rules as it likes it
