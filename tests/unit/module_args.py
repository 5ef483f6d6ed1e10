# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hands a module its arguments within the test's own process, with every ansible-core that the collection supports."""

from __future__ import annotations

import json
from unittest import mock

from ansible.module_utils import basic

try:
    from ansible.module_utils.testing import patch_module_args
except ImportError:  # ansible-core before 2.19 has nothing public for it

    def patch_module_args(args):
        """What AnsibleModule reads first (_load_params in ansible-core 2.16 to 2.18)."""
        return mock.patch.object(basic, '_ANSIBLE_ARGS', json.dumps({'ANSIBLE_MODULE_ARGS': args}).encode())


__all__ = ['patch_module_args']
