# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folders, besides PATH, in which the docker CLI and other clients are searched.

docker_cli_facts imports this before it can say that the Python of a host is too old: plain values alone, which each
Python reads.
"""

#: Where packages, snaps and people put the docker CLI. PATH of a connection often lacks some of these.
FOLDERS = ('/usr/local/bin', '/usr/bin', '/bin', '/snap/bin')
#: And these, where a docker is rare: the rule is not made for it, but coverage says that it is there.
ALL_FOLDERS = ('/usr/local/sbin', '/usr/sbin', '/sbin') + FOLDERS
#: Where docker looks for plugins (cli/cli-plugins/manager in docker/cli).
PLUGIN_FOLDERS = (
    '/usr/local/lib/docker/cli-plugins',
    '/usr/local/libexec/docker/cli-plugins',
    '/usr/lib/docker/cli-plugins',
    '/usr/libexec/docker/cli-plugins',
)
