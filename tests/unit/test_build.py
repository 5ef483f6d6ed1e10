# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: the collection builds, installs from its tarball, and works from there."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(sys.executable).parent


def run(*words, **environment):
    done = subprocess.run(
        words,
        cwd='/',
        env=dict(os.environ, **environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope='module')
def tarball(tmp_path_factory):
    folder = tmp_path_factory.mktemp('build')
    tracked = subprocess.run(
        ['git', 'ls-files', '-co', '--exclude-standard', '-z'], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    source = folder / 'source'
    for name in filter(None, tracked.split('\0')):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    run(str(BIN / 'ansible-galaxy'), 'collection', 'build', str(source), '--output-path', str(folder))
    return next(folder.glob('*.tar.gz'))


@pytest.fixture(scope='module')
def installed(tarball, tmp_path_factory):
    folder = tmp_path_factory.mktemp('installed')
    # By force: without it nothing is installed where Ansible sees a copy of the same version, and it sees the checkout.
    run(
        str(BIN / 'ansible-galaxy'),
        'collection',
        'install',
        str(tarball),
        '--collections-path',
        str(folder),
        '--offline',
        '--force',
    )
    return folder


def test_the_tarball_holds_what_users_need_and_no_more(tarball):
    names = {name.split('/')[0] for name in tarfile.open(tarball).getnames()}
    assert names == {
        'CHANGELOG.rst',
        'CODE_OF_CONDUCT.md',
        'CONTRIBUTING.md',
        'FILES.json',
        'LICENSE',
        'MAINTAINERS',
        'MANIFEST.json',
        'README.md',
        'changelogs',
        'docs',
        'examples',
        'extensions',
        'meta',
        'playbooks',
        'plugins',
        'roles',
    }


def test_the_tarball_holds_what_is_no_python(tarball):
    assert {
        'plugins/plugin_utils/report_page.html.j2',
        'roles/docker_audit/templates/docker.rules.j2',
        'roles/docker_audit/files/witness/witness.py',
        'extensions/eda/rulebooks/notify_on_remove.yml',
    } <= set(tarfile.open(tarball).getnames())


def test_the_links_of_the_readme_lead_somewhere_in_the_tarball(installed):
    collection = installed / 'ansible_collections/claude_hooks/docker_audit'
    links = re.findall(r'\]\((?!https?://)([^)#\s]+)', (collection / 'README.md').read_text())
    assert links and [link for link in links if not (collection / link).exists()] == []


@pytest.mark.parametrize('playbook', ['audit', 'coverage', 'findings', 'notify', 'tail', 'verdicts'])
def test_an_installed_playbook_parses_by_its_name(installed, playbook):
    run(
        str(BIN / 'ansible-playbook'),
        'claude_hooks.docker_audit.' + playbook,
        '--syntax-check',
        '-i',
        'localhost,',
        ANSIBLE_COLLECTIONS_PATH=str(installed),
    )


@pytest.mark.parametrize(
    'kind, name',
    [
        ('module', 'coverage_report'),
        ('module', 'docker_audit_canary'),
        ('module', 'docker_audit_info'),
        ('module', 'docker_audit_load'),
        ('module', 'docker_coverage_info'),
        ('module', 'docker_cli_facts'),
        ('module', 'docker_findings_info'),
        ('module', 'docker_verdicts_info'),
        ('module', 'findings_follow'),
        ('module', 'variables_check'),
        ('filter', 'docker_command'),
        ('filter', 'docker_findings'),
        ('lookup', 'ausearch'),
        ('lookup', 'live_output'),
        ('role', 'docker_audit'),
    ],
)
def test_ansible_doc_shows(installed, kind, name):
    full = 'claude_hooks.docker_audit.' + name
    shown = json.loads(
        run(str(BIN / 'ansible-doc'), '-t', kind, full, '--json', ANSIBLE_COLLECTIONS_PATH=str(installed))
    )
    assert list(shown) == [full]
