# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment(object):
    """What the reports have in common."""

    DOCUMENTATION = r"""
attributes:
  diff_mode:
    description: Does not show what changes in the file.
    support: none
"""

    PAGE = r"""
options:
  report:
    description:
      - File on the controller to write a page for a browser to, with mode 0600. It ends in V(.html) or V(.htm).
      - It has a timeline for each host, a table that can be sorted and filtered, and what was not seen of each host.
        It needs nothing beside itself and loads nothing.
    type: path
"""

    SECRETS = r"""
options:
  secrets:
    description:
      - Whether to show what can be a secret in a command line, like the values of C(docker run -e) and
        C(docker login -p). Without it, these are V(***), in files too.
      - The audit log of the host always has them, and so have the results of the modules that read it.
    type: bool
    default: false
"""
