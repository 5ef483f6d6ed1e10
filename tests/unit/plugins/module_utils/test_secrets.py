# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: no value of a command line that can be a secret is shown, and what is none stays readable."""

from __future__ import annotations

import json
import pathlib
import shlex

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.secrets import masked, masked_text
from hypothesis import given, settings
from hypothesis import strategies as st

FIXTURES = pathlib.Path(__file__).parents[2] / 'fixtures'


@pytest.mark.parametrize(
    'line, shown',
    [
        # NAME=VALUE keeps its name, in every spelling
        ('docker run -e TOKEN=S img', 'docker run -e TOKEN=*** img'),
        ('docker run -eTOKEN=S img', 'docker run -eTOKEN=*** img'),
        ('docker run -ite A=S img', 'docker run -ite A=*** img'),
        ('docker run --env A=S --env=B=S img', 'docker run --env A=*** --env=B=*** img'),
        ('docker run -e A -e B= img', 'docker run -e A -e B= img'),
        ('docker container create -e A=S img', 'docker container create -e A=*** img'),
        ('docker exec -e A=S c', 'docker exec -e A=*** c'),
        ('docker build --build-arg A=S -t x .', 'docker build --build-arg A=*** -t x .'),
        ('docker buildx bake --set app.args.A=S', 'docker buildx bake --set app.args.A=***'),
        ('docker service create --env A=S img', 'docker service create --env A=*** img'),
        ('docker service update --env-add A=S svc', 'docker service update --env-add A=*** svc'),
        ('docker compose -p shop run -e A=S web', 'docker compose -p shop run -e A=*** web'),
        ('docker-compose -p shop run -e A=S web', 'docker-compose -p shop run -e A=*** web'),
        (
            'docker-compose -l error compose -p shop exec -e A=S web',
            'docker-compose -l error compose -p shop exec -e A=*** web',
        ),
        ('docker plugin set p A=S', 'docker plugin set p A=***'),
        # whole values
        ('docker login -u bob -p S reg', 'docker login -u bob -p *** reg'),
        ('docker login -pS', 'docker login -p***'),
        ('docker login -p=S --password=S', 'docker login -p=*** --password=***'),
        ('docker swarm join --token S host:2377', 'docker swarm join --token *** host:2377'),
        ('docker run --health-cmd "check S" img', 'docker run --health-cmd *** img'),
        ('docker service update --args "-p S" svc', 'docker service update --args *** svc'),
        ('docker commit -c "ENV A=S" c', 'docker commit -c *** c'),
        # what runs inside
        ('docker exec -it -u root db mysql -pS', 'docker exec -it -u root db *** ***'),
        ('docker run --rm img sh -c S', 'docker run --rm img *** *** ***'),
        ('docker compose exec web S', 'docker compose exec web ***'),
        ('docker-compose compose exec web S', 'docker-compose compose exec web ***'),
        ('docker service create img S', 'docker service create img ***'),
        # addresses
        ('docker -H tcp://bob:S@h:1 ps', 'docker -H tcp://bob:***@h:1 ps'),
        ('docker build https://S@host/x.git', 'docker build https://***@host/x.git'),
        ('docker build https://bob:S@t@host/x.git', 'docker build https://bob:***@host/x.git'),
        (
            'docker context create --docker host=tcp://bob:S@h c',
            'docker context create --docker host=tcp://bob:***@h c',
        ),
        # by their names
        ('docker run --log-opt splunk-token=S img', 'docker run --log-opt splunk-token=*** img'),
        (
            'docker volume create -o o=username=bob,password=S,S v',
            'docker volume create -o o=username=bob,password=*** v',
        ),
        (
            'docker buildx build --cache-to type=s3,secret_access_key=S .',
            'docker buildx build --cache-to type=s3,secret_access_key=*** .',
        ),
        # command lines that docker refuses, and commands that nobody knows
        ('docker run --new x -e A=S img', 'docker run --new x *** *** ***'),
        ('docker login --new-secret S', 'docker login --new-secret ***'),
        ('docker -e A=S run', 'docker -e A=*** ***'),
        ('docker ai --api S -qS --x=S -v', 'docker ai --api *** -q*** --x=*** -v'),
        ('/bin/sh /usr/bin/docker login --cert-dir f -p S', '/bin/sh /usr/bin/docker login --cert-dir f -p ***'),
        ('/bin/sh /usr/bin/docker run --creds bob:S img', '/bin/sh /usr/bin/docker run --creds *** img'),
        ('podman login -u bob -p S', 'podman login -u bob -p ***'),
        ('podman exec c S', 'podman exec c ***'),
        ('/usr/bin/podman run --creds bob:S -e A=S img S', '/usr/bin/podman run --creds *** -e A=*** img ***'),
        ('podman container exec c S', 'podman container exec *** ***'),
        # other programs
        ('curl -H "Authorization: Bearer S" --password S', 'curl -H "Authorization: ***" --password ***'),
        ('sh -c "docker login -p S"', 'sh -c ***'),
        ('bash -euc "S"', 'bash -euc ***'),
        ('-bash -c S', '-bash -c ***'),
        ('sh -ce S -pS', 'sh -ce *** ***'),
        ('bash -c -- S', 'bash -c -- ***'),
        ('/bin/bash -x -c "docker login -p S" a S', '/bin/bash -x -c *** *** ***'),
        ('sudo bash -c S', 'sudo bash -c ***'),
        ('timeout -k 5 60 /bin/sh -c S', 'timeout -k 5 60 /bin/sh -c ***'),
        ('su - bob -c S', 'su - bob -c ***'),
        ('su --command=S bob', 'su --command=*** bob'),
        ('sudo runuser -u bob --session-command S', 'sudo runuser -u bob --session-command ***'),
        ('flock -n /run/x -c S', 'flock -n /run/x -c ***'),
        ('script -qec "docker login -p S" /dev/null', 'script -qec *** /dev/null'),
        ('watch -n 1 "docker exec db mysql -pS"', 'watch -n 1 ***'),
        ('ssh host "docker login -p S"', 'ssh host ***'),
        ('ssh host docker login -p S', 'ssh host docker login -p ***'),
        ('nohup setsid env DB=S ./run', 'nohup setsid env DB=*** ./run'),
        ('/usr/bin/env -i DB=S docker run -e A=S img', '/usr/bin/env -i DB=*** docker run -e A=*** img'),
        ('sudo DB=S nerdctl run -e A=S img S', 'sudo DB=*** nerdctl run -e A=*** img ***'),
        ('sudo docker.io login -p S', 'sudo docker.io login -p ***'),
        ('nerdctl login -p S', 'nerdctl login -p ***'),
        ('python3.11 -c S', 'python3.11 -c ***'),
        ('python3 -W ignore -c S', 'python3 -W ignore -c ***'),
        ('perl -we S', 'perl -we ***'),
        ('node --eval S', 'node --eval ***'),
        ('busybox sh -c S', 'busybox sh -c ***'),
        # buildx create, refused command lines
        (
            'docker buildx create --driver-opt env.X=S --buildkitd-flags "--x S"',
            'docker buildx create --driver-opt env.X=*** --buildkitd-flags ***',
        ),
        ('docker rm -f -e A=S web', 'docker rm -f -e A=*** web'),
        ('docker swarm unlock S', 'docker swarm unlock ***'),
        ('docker push bob:S@registry/img', 'docker push bob:***@registry/img'),
    ],
)
def test_what_can_be_a_secret_is_masked(line, shown):
    assert masked(shlex.split(line)) == shlex.split(shown)


@pytest.mark.parametrize(
    'line',
    [
        'docker run -d -p 80:80 -v /a:/b --name claude-hooks-a --env-file .env --restart always img:1',
        'docker compose -p shop -f a.yml --profile x up -d --scale web=0 web',
        'docker-compose -p shop -f a.yml kill -s KILL web',
        'docker -H ssh://me@host -c prod rm -f -- claude-hooks-a /b c/',
        'docker buildx build --secret id=a,env=B --ssh default=/k -t registry:5000/token:1 .',
        'docker service create --secret db_password --name x img',
        'docker kill --signal=HUP claude-hooks-a',
        'docker node update --label-add zone=a n',
        'docker stop -t 5 claude-hooks-a claude-hooks-b',
        '/usr/bin/python3 -m app --port 80 -c x.conf',
        '/usr/bin/python3 /srv/app.py -c x.conf',
        'sudo -u bob bash /srv/run.sh -c x.conf',
        'sh -e "/srv/clean up.sh" web',
        'docker pull img:1@sha256:ab',
        'docker compose scale web=3',
        'docker',
    ],
)
def test_what_can_be_no_secret_stays(line):
    argv = shlex.split(line)
    assert masked(argv) == argv


@pytest.mark.parametrize(
    'word', ['sh', 'sh x', 'bash -x', 'sudo', 'docker', 'nerdctl', 'python3 -c', 'su -c', 'env A=1']
)
def test_programs_that_run_programs_can_be_any_number(word):
    words = word.split() * 20000
    assert len(masked(['sudo', *words])) == len(words) + 1


def test_a_text_is_masked_to_its_end_since_a_password_can_hold_any_separator():
    assert masked_text('type=cifs,password=a,b=c;d') == 'type=cifs,password=***'


# --- Properties ------------------------------------------------------------------------------------------------------

SECRET = 'Qx7hunter2'
CASES = [
    case['argv']
    for name in ('argv_cases.json', 'argv_cases_2.json', 'argv_cases_own.json')
    for case in json.loads((FIXTURES / name).read_text(encoding='utf-8'))
]
WORDS = sorted({word for argv in CASES for word in argv})
RUNNERS = ['sh', '-bash', '-c', 'sudo', 'su', 'env', 'python3', 'perl', '-e', '--command', 'nerdctl', 'X=y']
CARRIERS = [
    ['docker', 'login', '-p', SECRET],
    ['docker', 'login', '--password=' + SECRET],
    ['docker', 'run', '-e', 'A=' + SECRET, 'img'],
    ['docker', 'run', 'img', SECRET],
    ['docker', 'exec', 'c', SECRET],
    ['docker', 'compose', 'run', '-eA=' + SECRET, 'web'],
    ['docker-compose', 'exec', 'web', SECRET],
    ['docker', 'build', '--build-arg', 'A=' + SECRET, '.'],
    ['docker', 'swarm', 'join', '--token', SECRET, 'h'],
    ['docker', 'service', 'create', 'img', SECRET],
    ['docker', 'stop', 'https://u:%s@h' % SECRET],
]


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(CARRIERS),
    st.lists(st.tuples(st.sampled_from(['-D', '--tls', '-H=x', '-lerror']), st.just(1)), max_size=3),
)
def test_options_in_front_uncover_nothing(argv, leading):
    line = argv[:1] + [option for option, _one in leading] + argv[1:]
    assert SECRET not in ' '.join(masked(line))


@settings(max_examples=400, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(WORDS), st.sampled_from(RUNNERS), st.text(max_size=8)), max_size=12))
def test_any_argv_has_an_answer_of_the_same_length(words):
    for argv in (
        words,
        ['sudo'] + words,
        ['docker'] + words,
        ['docker-compose'] + words,
        ['/bin/sh', '/usr/bin/docker'] + words,
    ):
        shown = masked(argv)
        assert len(shown) == len(argv)
        assert all(one == word or '***' in one for one, word in zip(shown, argv))
