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
      - File on the controller to write an HTML page to, with mode 0600. Its name must end in V(.html) or V(.htm).
      - The page has a timeline for each host, a table that can be sorted and filtered, and what could not be read of
        each host. It is one self-contained file and loads nothing.
    type: path
"""

    SECRETS = r"""
options:
  secrets:
    description:
      - Whether to show what can be a secret in a command line, like the values of C(docker run -e) and
        C(docker login -p). By default, these are V(***), in files too.
      - The audit log of the host always contains them, and so do the results of the modules that read it.
    type: bool
    default: false
"""
