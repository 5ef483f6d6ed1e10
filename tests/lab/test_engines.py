# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: a new engine in Debian testing fails no test of today, and is named by the run that tries it."""

from __future__ import annotations

import engines
import pytest
from machine import LabError

PASSED = ['docker-compose 2.40.3', 'docker.io 28.5.2']
NEW = ['docker-compose 2.40.3', 'docker.io 29.1.0']


@pytest.fixture
def debian(monkeypatch, tmp_path):
    """Sets what the archive has, and the root that is there already, if any."""

    def has(archive, cached=None):
        monkeypatch.setattr(engines, 'passed', lambda: PASSED)
        monkeypatch.setattr(engines, 'versions_in_testing', lambda: archive)
        monkeypatch.setattr(engines, 'cached_testing', lambda: [tmp_path / 'root'] if cached else [])
        monkeypatch.setattr(engines, 'versions', lambda root: cached)
        (tmp_path / 'root').mkdir()
        return tmp_path / 'root'

    return has


@pytest.mark.parametrize(
    'line, meant',
    [
        ('docker.io 28.5.2+dfsg4-5', 'docker.io 28.5.2'),
        ('docker.io 20.10.24+dfsg1-1+deb12u1', 'docker.io 20.10.24'),
        ('docker-compose 2.40.3-3', 'docker-compose 2.40.3'),
        ('docker.io 1:29.0.0-1', 'docker.io 29.0.0'),
    ],
)
def test_a_rebuild_by_debian_is_the_same_version(line, meant):
    assert engines.upstream(line) == meant


@pytest.mark.parametrize(
    'archive, cached, suite',
    [(PASSED, None, 'testing'), (NEW, None, 'trixie'), (NEW, PASSED, 'testing'), (PASSED, NEW, 'trixie')],
)
def test_the_newest_engine_is_one_that_passed(debian, capsys, archive, cached, suite):
    debian(archive, cached)
    assert engines.newest() == suite
    said = capsys.readouterr().err
    assert ('newest engine is that of Debian testing' in said) == (suite == 'testing')
    assert ('docker.io 29.1.0, the tests passed with' in said) == (suite == 'trixie')


@pytest.mark.parametrize('archive, is_kept', [(PASSED, True), (NEW, False)])
def test_what_tries_testing_takes_what_testing_has_now_and_names_it(debian, monkeypatch, capsys, archive, is_kept):
    root = debian(archive, PASSED)
    monkeypatch.setenv('DOCKER_AUDIT_TEST_ENGINE', 'testing')
    assert engines.chosen() == 'testing'
    assert root.exists() == is_kept
    assert ('docker.io 29.1.0, which is new' in capsys.readouterr().err) == (not is_kept)


@pytest.mark.parametrize('name, suite', [('', None), ('bookworm', None), ('trixie', 'trixie')])
def test_the_engine_of_the_machine_is_the_default(monkeypatch, name, suite):
    monkeypatch.setenv('DOCKER_AUDIT_TEST_ENGINE', name)
    assert engines.chosen() == suite


def test_an_engine_that_is_not_known_is_refused(monkeypatch):
    monkeypatch.setenv('DOCKER_AUDIT_TEST_ENGINE', 'buster')
    with pytest.raises(LabError, match='DOCKER_AUDIT_TEST_ENGINE is buster: choose one of bookworm, trixie, testing'):
        engines.chosen()
