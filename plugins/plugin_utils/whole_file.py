# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that hold command lines: whole or not there, readable by their owner alone."""

from __future__ import annotations

import os
import tempfile

from ansible.errors import AnsibleActionFail
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import render


def is_writable(dest):
    """Whether a file can be put there."""
    folder = os.path.dirname(os.path.abspath(dest))
    return os.path.isdir(folder) and os.access(folder, os.W_OK) and not os.path.isdir(dest)


def check(option, path, endings, unnamed=()):
    """Refuse a file that was asked for but has another ending, or cannot be put there. The unnamed endings are taken, too."""
    if path is not None and not (path.lower().endswith(endings + unnamed) and is_writable(path)):
        raise AnsibleActionFail(
            '%s=%s: name a file that ends in %s, in a folder of this machine that you may write to'
            % (option, path, ' or '.join(endings))
        )


def write_all(files, check_mode):
    """Write {path: function that makes the text} but for the path None, and in check mode nothing. Returns whether there is any."""
    asked = {path: text for path, text in files.items() if path is not None}
    for path, text in asked.items() if not check_mode else ():
        try:
            write(path, text())
        except (OSError, render.RenderError) as error:
            raise AnsibleActionFail('%s not written: %s' % (path, error))
    return bool(asked)


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
