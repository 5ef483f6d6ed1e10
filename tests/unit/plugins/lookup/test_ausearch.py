# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: the lookup reads what it is pointed at, rotated logs in order, and no command line is ever templated."""

from __future__ import annotations

import gzip
import json
import pathlib
import re
import subprocess
import sys

import pytest
from ansible_collections.claude_hooks.docker_audit.tests.support import playing
from ansible_collections.claude_hooks.docker_audit.tests.unit import audit_writer

# The folder that holds ansible_collections, as this test was imported from it
COLLECTIONS = str(pathlib.Path(audit_writer.__file__).parents[5])
CAPTURES = pathlib.Path(__file__).resolve().parents[2] / 'fixtures' / 'captures'
PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Read the text with the filter and the file with the lookup
      ansible.builtin.set_fact:
        filtered: "{{ text | claude_hooks.docker_audit.docker_findings }}"
        looked_up: "{{ query('claude_hooks.docker_audit.ausearch', log) }}"
    - name: Use the values in ways that template
      ansible.builtin.copy:
        dest: "{{ result }}"
        mode: "0600"
        content: >-
          {{ {'filtered': filtered, 'looked_up': looked_up, 'joined': filtered[0].argv | join(' ')} | to_json }}
    - name: Loop over them
      ansible.builtin.debug:
        msg: "{{ item.argv[2] }} {{ item.cwd }}"
      loop: "{{ looked_up }}"
"""


# Ansible's plugin loader must be there before anything is imported from a collection: so in a process of its own.
WORKER = """
import json, sys
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader, lookup_loader
from ansible.template import Templar
init_plugin_loader([sys.argv[1]])
for line in sys.stdin:
    folder, terms, options = json.loads(line)
    loader = DataLoader()
    loader.set_basedir(folder)
    lookup = lookup_loader.get('claude_hooks.docker_audit.ausearch', loader=loader, templar=Templar(loader=loader))
    try:
        answer = [lookup.run(terms, {}, **options), None]
    except Exception as error:
        answer = [None, '%s: %s' % (type(error).__name__, error)]
    print(json.dumps(answer), flush=True)
"""


@pytest.fixture(scope='module', name='worker')
def _worker():
    with subprocess.Popen(
        [sys.executable, '-c', WORKER, COLLECTIONS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.stdin.close()


@pytest.fixture(name='query')
def _query(tmp_path, worker):
    def query(*terms, **options):
        worker.stdin.write(json.dumps([str(tmp_path), terms, options]) + '\n')
        worker.stdin.flush()
        found, error = json.loads(worker.stdout.readline())
        return found if error is None else error

    return query


@pytest.fixture(name='interpreted')
def _interpreted(tmp_path):
    path = tmp_path / 'ausearch.interpret'
    path.write_bytes(gzip.decompress((CAPTURES / 'ausearch.interpret.gz').read_bytes()))
    return path


def write(path, *serials):
    path.write_bytes(
        audit_writer.text(
            *(
                audit_writer.event([b'docker', b'stop', b'claude-hooks-a'], seconds=1795490000 + serial, serial=serial)
                for serial in serials
            )
        )
    )


def serials(found):
    return [int(finding['event'].rpartition(':')[2]) for finding in found]


@pytest.mark.parametrize(
    'terms, expected',
    [
        (['audit.log'], [3]),
        (['audit.log*'], [1, 2, 3]),
        (['audit.log.?', 'audit.log'], [2, 3]),
        (['-'], [9]),
        (['[1].log'], [8]),
    ],
)
def test_files_and_patterns(tmp_path, query, terms, expected):
    for name, serial in [('audit.log', 3), ('audit.log.2', 2), ('audit.log.10', 1), ('-', 9), ('[1].log', 8)]:
        write(tmp_path / name, serial)
    assert serials(query(*terms)) == expected


def test_an_event_that_straddles_two_rotated_files_is_whole(tmp_path, query):
    lines = audit_writer.event([b'docker', b'stop', b'claude-hooks-a'], serial=7)
    (tmp_path / 'audit.log.1').write_bytes(audit_writer.text(lines[:1]))
    (tmp_path / 'audit.log').write_bytes(audit_writer.text(lines[1:]))
    assert serials(query('audit.log*')) == [7]


@pytest.mark.parametrize(
    'options, expected',
    [
        ({}, [1, 2, 3]),
        ({'since': '2026-11-24T03:13:22.100Z'}, [2, 3]),
        ({'before': '2026-11-24T04:13:22.100+01:00'}, [1, 2]),
        ({'since': '2026-11-24T03:13:22Z', 'before': '2026-11-24T03:13:22.999Z'}, [2]),
        ({'since': '2030-01-01'}, []),
        ({'container': 'web*'}, []),
        ({'key': 'other'}, []),
    ],
)
def test_options_narrow(tmp_path, query, options, expected):
    write(tmp_path / 'audit.log', 1, 2, 3)
    assert serials(query('audit.log', **options)) == expected


@pytest.mark.parametrize(
    'name, options, count',
    [
        ('ausearch.raw', {}, 46),
        ('ausearch.default', {}, 46),
        ('ausearch.interpret', {}, 46),
        ('real.log', {'possible': False}, 44),
    ],
)
def test_saved_captures_of_each_kind(query, interpreted, name, options, count):
    assert (
        len(query(str(interpreted if name == interpreted.name else CAPTURES / name), container='*', **options)) == count
    )


@pytest.mark.parametrize(
    'terms, options, message',
    [
        (['missing.log'], {}, 'there is no file .*missing.log'),
        (['missing*'], {}, 'there is no file .*missing'),
        (['.'], {}, 'it is not a file'),
        ([''], {}, 'give the path of a file or a pattern'),
        ([str(CAPTURES / 'ausearch.csv')], {}, 'csv format of ausearch'),
        ([str(CAPTURES / 'real.log')], {'since': 'yesterday'}, "'yesterday' is no ISO 8601 time"),
        ([str(CAPTURES / 'real.log')], {'timezone': 'Mars'}, 'timezone must be a name'),
    ],
)
def test_wrong_input_is_refused_by_name(query, terms, options, message):
    assert re.search('Error: claude_hooks.docker_audit.ausearch: .*' + message, query(*terms, **options))


def test_bounds_for_interpreted_text_need_its_timezone(query, interpreted):
    assert 'give the timezone of that host' in query(str(interpreted), since='2026-11-24')
    assert len(query(str(interpreted), container='*', since='2026-11-24T03:58:00Z', timezone='UTC')) == len(
        query(str(CAPTURES / 'real.log'), container='*', since='2026-11-24T03:58:00Z')
    )


def test_command_lines_are_never_templated(tmp_path):
    proof = tmp_path / 'templated'
    hostile = 'claude-hooks-{{ lookup("ansible.builtin.pipe", "touch %s") }}{%% raw %%}' % proof
    log = tmp_path / 'audit.log'
    lines = audit_writer.event([b'docker', b'stop', hostile.encode()], cwd=b'/{{ 1 / 0 }}')
    log.write_bytes(audit_writer.text(lines))
    (tmp_path / 'play.yml').write_text(PLAY)
    options = tmp_path / 'options.json'
    options.write_text(json.dumps({'log': str(log), 'result': str(tmp_path / 'result.json'), 'text': log.read_text()}))
    words = ['-i', 'localhost,', '-c', 'local', 'play.yml', '-e', '@%s' % options]
    interpreter = {'ansible_python_interpreter': sys.executable}
    code, output = playing.play(*words, options=interpreter, cwd=tmp_path, ANSIBLE_COLLECTIONS_PATH=COLLECTIONS)
    assert code == 0, output
    result = json.loads((tmp_path / 'result.json').read_text())
    assert result['filtered'] == result['looked_up']
    assert result['filtered'][0]['argv'] == ['docker', 'stop', hostile]
    assert result['joined'] == 'docker stop ' + hostile
    assert not proof.exists()
