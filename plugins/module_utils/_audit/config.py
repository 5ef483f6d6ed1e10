# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads auditd.conf. Sources: auditd.conf(5); audit-userspace src/auditd-config.c."""

from __future__ import annotations

import os

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import journal
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.logs import LogReaderError
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import files

CONFIG = '/etc/audit/auditd.conf'
DEFAULT_LOG = '/var/log/audit/audit.log'
_LONGEST = 1 << 20


def parse(text: str) -> dict[str, str]:
    """The settings by their names in lower case, as auditd reads them."""
    settings: dict[str, str] = {}
    for line in text.split('\n'):
        name, separator, value = line.partition('=')
        if separator and not name.lstrip().startswith('#'):
            settings[name.strip().lower()] = value.strip()
    return settings


def log_path(config: str = CONFIG) -> str:
    """The log that auditd writes on this host, or journal.LOG. Raises LogReaderError where there is none."""
    if journal.takes_records():
        return journal.LOG
    settings: dict[str, str] = {}
    try:
        settings = parse(files.read_regular(config, _LONGEST).decode('utf-8', 'replace'))
    except FileNotFoundError:
        if not os.path.exists(DEFAULT_LOG):
            raise LogReaderError(
                '%s does not exist: auditd is not installed on this host, so nothing is logged' % config
            ) from None
    except OSError as error:
        raise LogReaderError('cannot read %s: %s: run as root' % (config, error.strerror)) from error
    if settings.get('write_logs', 'yes').lower() == 'no' or settings.get('log_format', '').lower() == 'nolog':
        raise LogReaderError(
            '%s says write_logs = no, so auditd keeps no log on this host: read where its plugins send the records, '
            'or set write_logs = yes and reload auditd' % config
        )
    return settings.get('log_file') or DEFAULT_LOG
