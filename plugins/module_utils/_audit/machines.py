# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers of the system calls that matter, for each machine type.

Sources: AUDIT_ARCH_* in include/uapi/linux/audit.h (the number of the ELF machine, 0x80000000 for 64 bit, 0x40000000
for little endian, 0x20000000 for MIPS n32); the tables of calls in arch/*/kernel/syscalls/*.tbl,
arch/*/entry/syscalls/*.tbl and include/uapi/asm-generic/unistd.h; audit-userspace lib/*_table.h has the same.
"""

from __future__ import annotations

EXECUTION_NAMES = (b'execve', b'execveat')

# The numbers of execve and execveat
_EXECUTIONS: dict[tuple[str, ...], tuple[int, ...]] = {
    ('c000003e',): (59, 322, 0x40000000 + 520, 0x40000000 + 545),  # x86_64, and x32, whose calls carry a bit
    ('40000003',): (11, 358),  # i386
    # the table that all newer machines share: aarch64, riscv64, riscv32, loongarch64, loongarch32, arc, csky, nios2,
    # or1k, hexagon, unicore, c6x
    ('c00000b7', '800000b7', 'c00000f3', '400000f3', 'c0000102', '40000102', '400000c3', '000000c3', '4000005d',
     '0000005d', '400000fc', '40000071', '0000005c', '400000a4', '4000006e', '4000008c', '0000008c'): (221, 281),
    ('40000028', '00000028'): (11, 387),  # arm
    ('00000014', '40000014', '80000015', 'c0000015'): (11, 362),  # ppc, ppc64, ppc64le
    ('00000016', '80000016'): (11, 354),  # s390, s390x
    ('00000002', '8000002b'): (59, 350),  # sparc, sparc64
    ('0000000f', '8000000f'): (11, 342),  # parisc
    ('00000004',): (11, 355),  # m68k
    ('c0009026',): (59, 513),  # alpha
    ('00000008', '40000008'): (4011, 4356),  # mips o32
    ('80000008', 'c0000008'): (5057, 5316),  # mips n64
    ('a0000008', 'e0000008'): (6057, 6320),  # mips n32
    ('0000002a', '4000002a'): (11, 388),  # sh
    ('000000bd', '400000bd'): (11, 388),  # microblaze
    ('c0000032',): (1033, 1342),  # ia64
    ('0000005e', '4000005e'): (117, 341),  # xtensa
}  # fmt: skip
_NUMBERS = {
    machine.lstrip('0').encode(): frozenset(b'%d' % number for number in numbers)
    for machines, numbers in _EXECUTIONS.items()
    for machine in machines
}

# connect, and the socketcall of i386
CONNECTS = (
    b'arch=c000003e syscall=42 ',
    b'arch=40000003 syscall=362 ',
    b'arch=40000003 syscall=102 ',
    b'arch=c00000b7 syscall=203 ',
    b'arch=c00000f3 syscall=203 ',
    b'arch=c0000102 syscall=203 ',
    b'arch=c0000015 syscall=328 ',
    b'arch=80000016 syscall=362 ',
)


def is_execution(machine: bytes, call: bytes) -> bool | None:
    """Whether this call of this machine executes a program; None for a machine that is not known."""
    numbers = _NUMBERS.get(machine.lower().lstrip(b'0'))
    return None if numbers is None else call in numbers
