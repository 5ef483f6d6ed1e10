# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The samples of output in the documents: the views of what the modules returned on real hosts (recorded.json)."""

from __future__ import annotations

import datetime
import json
import pathlib
import re
from typing import Any, NamedTuple

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import hiding
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import (
    coverage_view,
    findings_view,
    verdict_view,
)

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECORDED = pathlib.Path(__file__).with_name('recorded.json')
WIDTH = 100
UTC = datetime.timezone.utc


class Sample(NamedTuple):
    document: str
    #: The command, the first line of its block.
    command: str
    lines: list[str]

    def text(self) -> str:
        return '```console\n%s\n%s\n```\n' % (self.command, '\n'.join(self.lines).strip('\n'))


def samples(recorded: dict[str, Any]) -> list[Sample]:
    """All of them, from what the modules returned: host to module to result."""
    found, judged, looked, proved = (
        {host: hiding.of_answer(results.get(name) or {}) for host, results in recorded.items()}
        for name in ('findings', 'verdicts', 'coverage', 'canary')
    )
    findings = findings_view.by_time(one for result in found.values() for one in result.get('findings') or ())
    verdicts = {host: result for host, result in judged.items() if not result.get('unreachable')}
    covered = coverage_view.summary(looked, proved)
    return [
        Sample('README.md', '# make audit-findings', findings_view.view(findings, found, zone=UTC, width=WIDTH)),
        Sample('README.md', '# make audit-verdicts', verdict_view.view(verdicts, zone=UTC, width=WIDTH)),
        Sample('docs/usage.md', '# make audit-tail', [findings_view.line(findings[0], UTC)]),
        Sample(
            'docs/coverage.md', '# make audit-coverage ARGS="-e canary=true"', coverage_view.view(covered, width=WIDTH)
        ),
    ]


def write(recorded: dict[str, Any]) -> None:
    """Put them into the documents, in place of those that are there."""
    for sample in samples(recorded):
        document = ROOT / sample.document
        block = re.compile('```console\n%s\n.*?\n```\n' % re.escape(sample.command), re.S)
        text, count = block.subn(lambda _match, sample=sample: sample.text(), document.read_text(), count=1)
        assert count == 1, '%s has no sample of %s' % (sample.document, sample.command)
        document.write_text(text)


def recorded() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(RECORDED.read_text())
    return found
