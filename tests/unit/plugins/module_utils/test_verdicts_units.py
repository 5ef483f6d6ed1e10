# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: the unit that ran a command is named where exactly one has that line, else none."""

from __future__ import annotations

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import units

# As systemctl of systemd 252 prints it; TIMES is what is between the words and the pid
SHOWN = (
    """\
ExecStartPre={ path=/usr/bin/docker ; argv[]=/usr/bin/docker rm -f web ; ignore_errors=yes ; TIMES ; pid=4711 ; END }
ExecStart={ path=/usr/bin/docker ; argv[]=/usr/bin/docker run --name web image ; IGNORED ; TIMES ; pid=4712 ; END }
Id=web.service

ExecStop={ path=/usr/bin/docker ; argv[]=docker stop web db ; ignore_errors=no ; TIMES ; pid=0 ; END }
Id=db.service

ExecStartPre={ path=/usr/bin/docker ; argv[]=/usr/bin/docker rm -f web ; ignore_errors=yes ; TIMES ; pid=0 ; END }
Id=copy.service

Id=ssh.service
""".replace('IGNORED', 'ignore_errors=no')
    .replace('TIMES', 'start_time=[Thu 2026-11-26 00:00:00 UTC] ; stop_time=[n/a]')
    .replace('END', 'code=exited ; status=0/0')
)


def unit_of(argv, pid=9, ppid=1):
    entry = {'argv': argv.split(), 'pid': pid, 'ppid': ppid, 'caller': {'login': None}}
    units.add([entry], units.lines(SHOWN))
    return entry['caller'].get('unit')


@pytest.mark.parametrize(
    'argv, pid, ppid, expected',
    [
        ('/usr/bin/docker stop web db', 9, 1, ('db.service', 'ExecStop', False)),
        ('docker stop web db', 9, 1, ('db.service', 'ExecStop', False)),
        ('docker rm -f web', 9, 1, None),  # of two units
        ('docker rm -f web', 4711, 1, ('web.service', 'ExecStartPre', True)),
        ('docker rm -f web2', 9, 1, None),
        ('podman stop web db', 9, 1, None),
        ('docker stop web db', 9, 2, None),  # its parent is another
    ],
)
def test_the_unit_of_a_command(argv, pid, ppid, expected):
    unit = unit_of(argv, pid, ppid)
    assert (unit and (unit['name'], unit['setting'], unit['is_process'])) == expected


def test_what_has_no_argv_or_no_caller_is_left_alone():
    entries = [{'pid': 9, 'ppid': 1, 'caller': {}}, {'argv': ['docker'], 'pid': 9, 'ppid': 1}]
    units.add(entries, units.lines(SHOWN))
    assert entries == [{'pid': 9, 'ppid': 1, 'caller': {}}, {'argv': ['docker'], 'pid': 9, 'ppid': 1}]
