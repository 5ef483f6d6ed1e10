# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Executes `docker stop NAME` under a security context with a text in it: NAME TEXT, or NAME LENGTH for a long one.

AppArmor makes a profile for each program that is started under a profile in complain mode, with its path in the name,
and names the profiles on the way, too (security/apparmor/policy.c).
"""

from __future__ import annotations

import os
import sys

name, text = sys.argv[1], os.fsencode(sys.argv[2])
base = b'/tmp/contexts-%s/' % os.fsencode(name)


def program(path):
    """A script at a path, whose parts can be 255 bytes long, that executes its arguments."""
    parts = [part[start : start + 255] for part in path.split(b'/') for start in range(0, len(part) or 1, 255)]
    path = base + b'/'.join(part or b'.' for part in parts)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as script:
        script.write(b'#!/bin/sh\nexec "$@"\n')
    os.chmod(path, 0o755)
    return path


if text.isdigit():
    programs = [program(b'x' * 200 + b'/' + b'y' * 200 + b'/%d' % number) for number in range(int(text) // 450)]
else:
    programs = [program(text)]
os.execv(
    '/usr/local/bin/helper',
    [b'helper', b'-c', b'exec "$@"', b'x', *programs, b'/usr/bin/docker', b'stop', os.fsencode(name)],
)
