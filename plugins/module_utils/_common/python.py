# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the Python version that a module runs on. This file parses on Python 2.7, so that an old one fails with the
sentence.
"""

import sys

OLDEST = (3, 8)


def too_old(module):
    # type: (str) -> str | None
    """Why a module of this name cannot run here, or None where it can."""
    version = tuple(sys.version_info[:2])
    if version >= OLDEST:
        return None
    return '%s needs Python %d.%d or later on the host, but %s is Python %d.%d: set ansible_python_interpreter' % (
        (module, OLDEST[0], OLDEST[1], sys.executable, version[0], version[1])
    )
