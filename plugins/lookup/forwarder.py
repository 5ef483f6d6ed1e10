# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: forwarder
short_description: Build the program that sends findings and verdicts to the journal of a host
version_added: 1.0.0
description:
  - Puts the code that the modules run on hosts into one file that Python runs (a zip application), for
    O(claude_hooks.docker_audit.docker_audit#role:main:docker_audit_forward).
  - The same version of the collection gives the same bytes on every controller.
options: {}
author: The claude_hooks.docker_audit team (@claude-hooks)
"""

EXAMPLES = r"""
- name: Install the program
  ansible.builtin.copy:
    src: "{{ lookup('claude_hooks.docker_audit.forwarder').path }}"
    dest: /usr/local/lib/claude-hooks-forward.pyz
    mode: "0644"
"""

RETURN = r"""
_raw:
  description: One dictionary, alone in a list.
  type: list
  elements: dict
  contains:
    path: {type: str, description: "The file on the controller, removed when the run ends.", sample: /tmp/a.pyz}
    sha1: {type: str, description: Its SHA-1., sample: 4e1243bd22c66e76c2ba9eddc1f91394e57f9f83}
"""

import hashlib
import io
import os
import pathlib
import tempfile
import zipfile

from ansible import constants
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

_PACKAGE = 'ansible_collections/claude_hooks/docker_audit/plugins/module_utils'
_CORE = pathlib.Path(__file__).resolve().parents[1] / 'module_utils'
# Python 2.7 and 3.6 can parse it, so that they fail with the sentence
_MAIN = b"""import sys

if sys.version_info < (3, 8):
    raise SystemExit('claude-hooks-forward needs Python 3.8 or later, this is %d.%d' % sys.version_info[:2])
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._forward.run import main

main()
"""


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        data = archive()
        digest = hashlib.sha1(data).hexdigest()
        path = os.path.join(constants.DEFAULT_LOCAL_TMP, 'claude-hooks-forward-%s.pyz' % digest)
        if not os.path.exists(path):
            try:
                # In one step, as other workers do the same
                handle, draft = tempfile.mkstemp(dir=constants.DEFAULT_LOCAL_TMP)
                with open(handle, 'wb') as file:
                    file.write(data)
                os.replace(draft, path)
            except OSError as error:
                raise AnsibleLookupError('claude_hooks.docker_audit.forwarder: %s' % error) from error
        return [{'path': path, 'sha1': digest}]


def archive():
    """The zip application as bytes. Not by zipapp or with compression: both differ between machines."""
    files = {'__main__.py': _MAIN}
    # Else a package of this name that is installed on the host would be taken
    parts = _PACKAGE.split('/')
    files.update(('/'.join([*parts[:count], '__init__.py']), b'') for count in range(1, len(parts) + 1))
    for path in _CORE.rglob('*.py'):
        files[_PACKAGE + '/' + path.relative_to(_CORE).as_posix()] = path.read_bytes()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, 'w') as archived:
        for name in sorted(files):
            archived.writestr(zipfile.ZipInfo(name), files[name])
    return stream.getvalue()
