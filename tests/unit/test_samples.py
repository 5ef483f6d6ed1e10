# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: the samples of output in the documents are what the views print today of what real hosts returned."""

from __future__ import annotations

import pytest
from ansible_collections.claude_hooks.docker_audit.tests.samples import views


@pytest.mark.parametrize('sample', views.samples(views.recorded()), ids=lambda sample: sample.command.split()[2])
def test_the_sample_is_what_is_printed(sample):
    assert sample.text() in (views.ROOT / sample.document).read_text(), 'run "make samples"'
