# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends user-space records, TYPE TEXT ..., as a process with CAP_AUDIT_WRITE can: docker's default for containers."""

from __future__ import annotations

import socket
import struct
import sys

netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9)  # NETLINK_AUDIT
for kind, text in zip(sys.argv[1::2], sys.argv[2::2]):
    data = text.encode().decode('unicode_escape').encode('latin-1') + b'\0'
    netlink.send(struct.pack('=IHHII', 16 + len(data), int(kind), 1 | 4, 1, 0) + data)
    (error,) = struct.unpack_from('=i', netlink.recv(8192), 16)
    print(kind, 'errno', error)
