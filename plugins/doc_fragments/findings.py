# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment(object):
    """The options of all that turns audit events into findings."""

    DOCUMENTATION = r"""
options:
  container:
    description: Pattern of the container names to report, with C(*), C(?) and C([...]). Case matters.
    type: str
    default: claude-hooks-*
  key:
    description: Key of the audit rule. It must match exactly. A rule may have several keys.
    type: str
    default: claude-hooks-docker
"""

    POSSIBLE = r"""
options:
  possible:
    description: Whether to report commands that can affect a matching container although they do not name it, like
      C(docker system prune).
    type: bool
    default: true
"""

    CONTAINERS = r"""
options:
  containers:
    description: Container names by container id. They show whether C(docker rm 3f2a9c1b77d0) means a matching
      container or another one.
    type: dict
    default: {}
"""

    CAPTURES = r"""
options:
  host:
    description: The host name to put into the findings. The default is the C(node) of the records.
    type: str
  timezone:
    description:
      - Time zone of the host where C(ausearch -i) ran, as a name (V(Europe/Berlin)) or an offset (V(+01:00)).
      - Only for text of C(ausearch -i). Without it, the C(timestamp) and the C(event) of its findings are null.
    type: str
"""
