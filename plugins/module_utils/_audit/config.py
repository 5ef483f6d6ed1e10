# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What auditd.conf says, for all who ask. Sources: auditd.conf(5); audit-userspace src/auditd-config.c."""

from __future__ import annotations

import os

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import logs

CONFIG = '/etc/audit/auditd.conf'
DEFAULT_LOG = '/var/log/audit/audit.log'


def log_path(config=CONFIG):
    """The log that auditd writes on this host. Raises logs.LogReaderError where it writes none."""
    settings = {}
    try:
        with open(config, 'rb') as handle:
            for line in handle.read(1 << 20).decode('utf-8', 'replace').splitlines():
                name, separator, value = line.partition('=')
                if separator and not name.lstrip().startswith('#'):
                    settings[name.strip().lower()] = value.strip()
    except FileNotFoundError:
        if not os.path.exists(DEFAULT_LOG):
            raise logs.LogReaderError(
                '%s does not exist: auditd is not installed on this host, so nothing is logged' % config
            ) from None
    except OSError as error:
        raise logs.LogReaderError('cannot read %s: %s: run as root' % (config, error.strerror)) from error
    if settings.get('write_logs', 'yes').lower() == 'no' or settings.get('log_format', '').lower() == 'nolog':
        raise logs.LogReaderError(
            '%s says write_logs = no, so auditd keeps no log on this host: read where its plugins send the records, '
            'or set write_logs = yes and reload auditd' % config
        )
    return settings.get('log_file') or DEFAULT_LOG
