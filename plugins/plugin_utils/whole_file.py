# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that hold command lines: whole or not there, readable by their owner alone."""
from __future__ import annotations

import os
import tempfile


def is_writable(dest):
    """Whether a file can be put there."""
    folder = os.path.dirname(os.path.abspath(dest))
    return os.path.isdir(folder) and os.access(folder, os.W_OK) and not os.path.isdir(dest)


def write(dest, text):
    """Puts the text there in one step."""
    dest = os.path.abspath(dest)
    descriptor, draft = tempfile.mkstemp(dir=os.path.dirname(dest), prefix='.' + os.path.basename(dest))  # mode 0600
    try:
        # No translation of line ends: CSV has its own
        with open(descriptor, 'w', encoding='utf-8', newline='') as file:
            file.write(text)
        os.replace(draft, dest)
    except BaseException:
        os.unlink(draft)
        raise
