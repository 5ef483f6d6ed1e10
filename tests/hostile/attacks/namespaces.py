# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What any user may do: become root of a user namespace."""

from __future__ import annotations

import ctypes
import os
import pathlib

libc = ctypes.CDLL(None, use_errno=True)
USER, NETWORK, MOUNT = 0x10000000, 0x40000000, 0x20000


def check(result):
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def enter(*kinds):
    uid, gid = os.getuid(), os.getgid()
    check(libc.unshare(USER | sum(kinds)))
    for name, text in (('setgroups', 'deny'), ('uid_map', '0 %d 1' % uid), ('gid_map', '0 %d 1' % gid)):
        pathlib.Path('/proc/self', name).write_text(text)
