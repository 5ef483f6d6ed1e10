# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts each argument into a NETFILTER_CFG record, as the name of an nftables table in a user namespace of the caller's.

The messages are those of linux/netfilter/nfnetlink.h and nf_tables.h.
"""

from __future__ import annotations

import socket
import struct
import sys

import namespaces

BATCH_BEGIN, NEW_TABLE, BATCH_END = 0x10, 10 << 8, 0x11
REQUEST, ACK, CREATE = 1, 4, 0x400
NFNL_SUBSYS_NFTABLES = 10


def message(kind, flags, sequence, family, resource, attributes=b''):
    body = struct.pack('=BBH', family, 0, socket.htons(resource)) + attributes
    return struct.pack('=IHHII', 16 + len(body), kind, flags, sequence, 0) + body


def attribute(kind, data):
    raw = struct.pack('=HH', 4 + len(data), kind) + data
    return raw + b'\0' * (-len(raw) % 4)


namespaces.enter(namespaces.NETWORK)
netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)  # NETLINK_NETFILTER
netlink.bind((0, 0))
for text in sys.argv[1:]:
    table = attribute(1, text.encode() + b'\0')
    netlink.send(
        message(BATCH_BEGIN, REQUEST, 1, 0, NFNL_SUBSYS_NFTABLES)
        + message(NEW_TABLE, REQUEST | ACK | CREATE, 2, 7, 0, table)
        + message(BATCH_END, REQUEST, 3, 0, NFNL_SUBSYS_NFTABLES)
    )
    (error,) = struct.unpack_from('=i', netlink.recv(8192), 16)
    if error:
        raise SystemExit('errno %d' % error)
