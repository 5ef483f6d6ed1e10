# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which extra variables a playbook must not be given, since they would do nothing."""

from __future__ import annotations

from collections.abc import Iterable

#: What was called so before, and what it is called now. The old names are reserved words of Ansible.
RENAMED = {'name': 'container', 'until': 'before', 'query': 'select'}


def complaints(given: Iterable[str]) -> list[str]:
    """A sentence for each extra variable that is no variable of the playbooks any more."""
    return ['%s is now %s' % (name, RENAMED[name]) for name in given if name in RENAMED]
