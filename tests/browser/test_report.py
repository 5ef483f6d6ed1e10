# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: in a real browser the page of a report can be read, sorted and filtered, on any screen and on paper, and
obeys nobody.

ansible-playbook writes the pages, Chromium opens them from disk. As root on Debian the browser is installed where it is
missing.
KEEP_SCREENSHOTS=FOLDER keeps pictures of the pages, to be looked at.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import json
import os
import pathlib
import random
import shutil
import sys
import tempfile
import time

import pytest
import yaml
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import report_page, verdict_words
from ansible_collections.claude_hooks.docker_audit.tests.support import playing, samples
from selenium import webdriver
from selenium.webdriver.common.keys import Keys
from selenium_axe_python import Axe

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests' / 'lab'))

import machine  # noqa: E402

BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')
START = datetime.datetime(2026, 11, 24, 7, 55, tzinfo=datetime.timezone.utc)
HOSTILE = [
    '<img src=x onerror="window.obeyed=1">',
    '</script><script>window.obeyed=1</script>',
    '</style><style>body{display:none}</style>',
    '</pre></details>',
    '"><svg onload="window.obeyed=1">',
    "' onmouseover='window.obeyed=1",
    'javascript:window.obeyed=1',
    '{{ 7*7 }}',
    '{% raw %}',
    '<!-- ',
    '&lt;b&gt;',
    '\u202egnp.exe',
    '\u2066\u200b\u2028',
    '\x1b[2J\x07',
    '\r\n\0',
    'w' * 400,
    '\u05d0\u05d1\u05d2',
    'e\u0301',
]
CAUSES = list(verdict_words.CAUSES)
LOOK = '''return [...document.querySelectorAll('body *')].map((element) =>
  element.tagName + [...element.attributes].filter(({ name }) => name !== 'hidden')
    .map(({ name, value }) => ` ${name}=${value}`).join(''))'''


# --- What is shown ---------------------------------------------------------------------------------------------------


def finding(number, host, words, **more):
    moment = (START + datetime.timedelta(seconds=7 * number)).isoformat(timespec='milliseconds').replace('+00:00', 'Z')
    fields = {'event': '1795564663.051:%d' % number, 'subcommand': 'rm', 'matched': [], 'pid': 1000 + number, 'ppid': 7}
    return samples.finding(
        *words, host=host, timestamp=moment, **{**fields, 'cwd': '/srv/Shop', 'login_user': 'alice', **more}
    )


def verdict(number, who, **more):
    return dict(
        {
            'host': 'web1',
            'container': 'claude-hooks-%d' % number,
            'id': '%064x' % number,
            'what': ['died', 'removed'],
            'timestamp': who[0]['timestamp'],
            'cause': 'cli',
            'confidence': 'certain',
            'who': who,
            'evidence': [
                {'code': 'kill_event', 'time': '2026-11-24T10:00:00.118Z', 'signal': '9'},
                {'code': 'die_event', 'time': '2026-11-24T10:00:00.120Z', 'exit_code': '137', 'then': None},
            ],
        },
        **more,
    )


def read(findings):
    return samples.answer(
        findings,
        counts={'bytes': 9, 'executions': 99, 'failed': 0, 'unreadable': 0},
        span={'first': '2026-11-24T07:52:19.273Z', 'last': '2026-11-24T23:00:00.000Z'},
    )


def fleet(count, hosts):
    """Results of hosts with so many findings of different kinds."""
    chance = random.Random(1)
    kinds = [
        ('remove', ['rm', '-f']),
        ('stop', ['stop', '-t', '0']),
        ('kill', ['container', 'kill', '--signal', 'KILL']),
        ('restart', ['restart']),
    ]
    found = []
    for number in range(count):
        action, words = chance.choices(kinds, [5, 3, 1, 1])[0]
        found.append(
            finding(
                number,
                chance.choice(hosts),
                [*words, 'claude-hooks-%d' % chance.randrange(40)],
                action=action,
                login_user=chance.choice(['alice', 'bob', None]),
                auid=None,
            )
        )
    results = {host: read([one for one in found if one['host'] == host]) for host in hosts}
    return dict(results, far={'unreachable': True, 'msg': 'Failed to connect to the host via ssh: Connection refused'})


def saying(texts):
    """Results where each of the texts stands wherever a host can bring one."""
    found = []
    for number, text in enumerate(texts):
        fields = dict.fromkeys((*samples.TEXTS, 'action'), text)
        found.append(finding(number, words=['rm', text], keys=[text], **fields))
    return dict(
        {text: read([one for one in found if one['host'] == text]) for text in texts},
        far={'unreachable': True, 'msg': ' '.join(texts)},
    )


RESULTS = {
    'findings': fleet(60, ['web1', 'web2', 'build1.example.com']),
    'hostile': saying(HOSTILE),
    # As many, each a word of its own
    'tame': saying(['claude-hooks-%d' % number for number in range(len(HOSTILE))]),
    'verdicts': {
        'web1': {
            'verdicts': [
                verdict(
                    number,
                    [finding(number, 'web1', ['rm', '-f', 'claude-hooks-%d' % number])],
                    container=text,
                    cause=CAUSES[number % len(CAUSES)],
                )
                for number, text in enumerate(['claude-hooks-a', 'claude-hooks-b', *HOSTILE])
            ],
            'events': {'count': 256, 'first': '2026-11-24T07:54:00.000Z', 'full': True},
            'connects': 0,
            'span': read([])['span'],
        }
    },
}


@pytest.fixture(scope='module')
def pages(tmp_path_factory):
    """The folder of the pages, which the last step of each playbook wrote."""
    folder = tmp_path_factory.mktemp('pages')
    tasks = []
    for name, results in RESULTS.items():
        (folder / (name + '.json')).write_text(json.dumps(results))
        tasks.append(
            {
                'claude_hooks.docker_audit.%s_report' % ('verdicts' if name == 'verdicts' else 'findings'): {
                    'results': "{{ lookup('ansible.builtin.file', '%s.json') | from_json }}" % (folder / name),
                    'report': str(folder / (name + '.html')),
                    'since': '2026-11-24T07:00:00Z',
                    'before': '2026-11-24T08:05:00Z',
                }
            }
        )
    (folder / 'play.yml').write_text(yaml.safe_dump([{'hosts': 'localhost', 'gather_facts': False, 'tasks': tasks}]))
    code, output = playing.play('-i', 'localhost,', folder / 'play.yml', cwd=folder, TZ='Asia/Kolkata')
    assert code == 0, output[-3000:]
    for name, count in (('600', 600), ('5000', 5000)):
        results = fleet(count, ['node%02d.example.com' % number for number in range(40)])
        findings = [finding for result in results.values() for finding in result.get('findings', [])]
        (folder / (name + '.html')).write_text(report_page.of_findings(findings, results))
    return folder


# --- The browser -----------------------------------------------------------------------------------------------------


class Browser:
    def __init__(self, driver):
        self.driver, self.run = driver, driver.execute_script

    def open(self, path, width=1280, scheme='light', media=''):
        self.driver.execute_cdp_cmd(
            'Emulation.setDeviceMetricsOverride',
            {'width': width, 'height': 900, 'deviceScaleFactor': 1, 'mobile': width < 500},
        )
        self.driver.execute_cdp_cmd(
            'Emulation.setEmulatedMedia',
            {'media': media, 'features': [{'name': 'prefers-color-scheme', 'value': scheme}]},
        )
        self.driver.get('about:blank')
        self.driver.get_log('browser')
        self.driver.get(path.as_uri())

    def complaints(self):
        """What the console holds since the page was opened. What the policy refused is in it."""
        return [entry['message'] for entry in self.driver.get_log('browser')]

    def find(self, selector):
        return self.driver.find_element('css selector', selector)

    def column(self, number):
        """The texts of the rows that are shown."""
        return self.run(
            '''return [...document.querySelectorAll('#items tbody tr:not(.below)')].filter((row) => row.offsetHeight)
          .map((row) => row.cells[arguments[0]].firstElementChild.textContent)''',
            number,
        )

    def filter(self, words):
        field = self.find('#filter')
        field.send_keys(Keys.CONTROL, 'a')
        field.send_keys(Keys.DELETE, words)

    def keep(self, name):
        """A picture of the whole page, where they are wanted."""
        if 'KEEP_SCREENSHOTS' in os.environ:
            size = self.run(
                'return [document.documentElement.clientWidth, Math.min(document.documentElement.scrollHeight, 4000)]'
            )
            clip = {'x': 0, 'y': 0, 'width': size[0], 'height': size[1], 'scale': 1}
            picture = self.driver.execute_cdp_cmd(
                'Page.captureScreenshot', {'captureBeyondViewport': True, 'clip': clip}
            )['data']
            (pathlib.Path(os.environ['KEEP_SCREENSHOTS']) / (name + '.png')).write_bytes(base64.b64decode(picture))


@pytest.fixture(scope='module')
def browser():
    programs = (
        {'chromedriver': 'chromium-driver'}
        if any(map(shutil.which, BROWSERS))
        else {'chromedriver': 'chromium-driver', 'chromium': 'chromium'}
    )
    if machine.is_root_on_debian():
        with tempfile.TemporaryDirectory() as folder:
            machine.install_packages(programs, pathlib.Path(folder) / 'apt.log')
    chromium, chromedriver = next(filter(None, map(shutil.which, BROWSERS)), None), shutil.which('chromedriver')
    if not chromium or not chromedriver:
        pytest.fail(
            'no Chromium with its chromedriver on PATH to look at the report with: install both '
            '(Debian: apt-get install chromium chromium-driver)'
        )
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    # Root needs the first; the second where /dev/shm is small, as in containers
    for word in ('--no-sandbox', '--disable-dev-shm-usage', '--headless=new'):
        options.add_argument(word)
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
    yield Browser(driver)
    driver.quit()


@contextlib.contextmanager
def without_scripts(browser):
    browser.driver.execute_cdp_cmd('Emulation.setScriptExecutionDisabled', {'value': True})
    try:
        yield
    finally:
        browser.driver.execute_cdp_cmd('Emulation.setScriptExecutionDisabled', {'value': False})


# --- It obeys nobody -------------------------------------------------------------------------------------------------


def test_no_name_makes_an_element_or_runs(browser, pages):
    browser.open(pages / 'tame.html')
    tame = browser.run(LOOK)
    browser.open(pages / 'hostile.html')
    browser.keep('hostile')
    assert browser.run(LOOK) == tame
    assert browser.run('return typeof window.obeyed') == 'undefined' and browser.complaints() == []
    assert '{{ 7*7 }}' in browser.find('#items').text and '\\u202egnp.exe' in browser.find('#items').text


def test_the_policy_would_stop_what_the_escaping_let_through(browser, pages):
    browser.open(pages / 'findings.html')
    browser.run('''document.body.insertAdjacentHTML('beforeend',
        '<img src="missing.png" onerror="window.obeyed = 1"><p id="styled" style="color: red">x</p>');
      document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.obeyed = 2' }));''')
    time.sleep(0.2)
    assert browser.run('return [typeof window.obeyed, getComputedStyle(document.getElementById("styled")).color]') == [
        'undefined',
        'rgb(28, 35, 48)',
    ]
    refused = ' '.join(browser.complaints())
    assert all(word in refused for word in ('img-src', 'inline event handler', 'inline style', 'inline script')), (
        refused
    )


@pytest.mark.parametrize('width', [360, 1280])
def test_letters_that_run_the_other_way_do_not_change_places_with_their_neighbours(browser, pages, width):
    browser.open(pages / 'hostile.html', width)
    browser.run('document.querySelectorAll("details").forEach((details) => { details.open = true; })')
    lefts = browser.run('''const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
      while (texts.nextNode()) {
        const text = texts.currentNode, start = text.data.indexOf('\\u05d0\\u05d1\\u05d2');
        if (start < 0 || !text.parentElement.offsetWidth) continue;
        found.push([0, 1, 2].map((place) => {
          const letter = document.createRange();
          letter.setStart(text, start + place);
          letter.setEnd(text, start + place + 1);
          return letter.getBoundingClientRect().left;
        }));
      }
      return found;''')
    assert len(lefts) > 8 and all(left == sorted(left) for left in lefts), lefts


# --- The table -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('name, rows', [('findings', 60), ('verdicts', 2 + len(HOSTILE))])
def test_it_renders_without_a_complaint(browser, pages, name, rows):
    browser.open(pages / (name + '.html'))
    browser.keep(name + '-light')
    assert len(browser.column(0)) == rows and browser.find('#shown').text == '%d of %d shown' % (rows, rows)
    assert browser.run('return document.querySelectorAll(".host circle").length') > 5
    assert browser.complaints() == []


@pytest.mark.parametrize(
    'width, scheme, media', [(1280, 'light', ''), (1280, 'dark', ''), (360, 'light', ''), (1280, 'light', 'print')]
)
@pytest.mark.parametrize('name', ['findings', 'verdicts', 'hostile'])
def test_a_screen_reader_can_read_it(browser, pages, name, width, scheme, media):
    browser.open(pages / (name + '.html'), width, scheme, media)
    browser.run('document.querySelectorAll("details").forEach((details) => { details.open = true; })')
    axe = Axe(browser.driver)
    axe.inject()
    violations = axe.run()['violations']
    assert not violations, axe.report(violations)


def test_each_column_sorts_by_keyboard_both_ways(browser, pages):
    browser.open(pages / 'findings.html')
    times = browser.column(0)
    assert times == sorted(times, reverse=True)
    for number, head in enumerate(browser.driver.find_elements('css selector', '#items th')):
        button = head.find_element('css selector', 'button')
        button.send_keys(Keys.ENTER)
        up = browser.column(number)
        assert (
            head.get_attribute('aria-sort') == 'ascending'
            and browser.run('return document.querySelectorAll("#items [aria-sort]").length') == 1
        )
        button.send_keys(Keys.SPACE)
        assert head.get_attribute('aria-sort') == 'descending' and browser.column(number) == up[::-1]
        by_place = browser.run(
            'const order = new Intl.Collator(undefined, {numeric: true}); return [...arguments[0]].sort(order.compare)',
            up,
        )
        assert up == by_place, head.text


def test_names_with_numbers_sort_as_people_count(browser, pages):
    browser.open(pages / 'findings.html')
    browser.find('#items th:nth-child(4) button').send_keys(Keys.ENTER)
    numbers = [int(name.rpartition('-')[2]) for name in browser.column(3)]
    assert numbers == sorted(numbers) and max(numbers) > 9


def test_the_filter_keeps_rows_that_have_every_word(browser, pages):
    browser.open(pages / 'findings.html')
    everything = list(zip(browser.column(1), browser.column(2), browser.column(4)))
    browser.filter('WEB1  stop')
    wanted = [row for row in everything if row[0] == 'web1' and row[1] == 'stop']
    assert list(zip(browser.column(1), browser.column(2), browser.column(4))) == wanted and wanted
    assert browser.find('#shown').text == '%d of %d that match, of 60 shown' % (len(wanted), len(wanted))
    browser.filter('nothing-has-this')
    assert browser.column(0) == []
    browser.filter('/srv/SHOP')
    assert len(browser.column(0)) == 60


def test_a_dot_leads_to_its_row_also_where_the_filter_put_it_away(browser, pages):
    browser.open(pages / 'findings.html')
    for selector in ('details.host summary .strip a', 'details.host div .strip a'):
        browser.filter('nothing-has-this')
        dot = browser.find(selector)
        opened = browser.run('return arguments[0].closest("details").open', dot)
        browser.run('arguments[0].dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true}))', dot)
        time.sleep(0.2)
        row = browser.find(
            browser.run('return arguments[0].getAttribute("href") || "#" + arguments[0].dataset.row', dot)
        )
        assert row.is_displayed() and -1 < browser.run('return arguments[0].getBoundingClientRect().top', row) < 900
        assert browser.run('return arguments[0].matches(":target")', row)
        assert browser.run('return arguments[0].closest("details").open', dot) == opened
    link = row.find_element('css selector', 'time a')
    assert link.get_attribute('href') == browser.run('return location.href')


def test_a_copied_link_opens_the_page_at_its_row_also_at_one_that_is_not_shown_at_first(browser, pages):
    browser.open(pages / '600.html')
    assert not browser.driver.find_elements('css selector', '#row590')
    browser.driver.get('about:blank')
    browser.driver.get((pages / '600.html').as_uri() + '#row590')
    row = browser.find('#row590:target')
    assert row.is_displayed() and -1 < browser.run('return arguments[0].getBoundingClientRect().top', row) < 900


def test_without_scripts_it_is_a_plain_table(browser, pages):
    with without_scripts(browser):
        browser.open(pages / '600.html')
        rows = browser.driver.find_elements('css selector', '#items tbody tr')
        assert len(rows) == 600 and rows[-1].is_displayed() and not browser.find('#filter').is_displayed()
        assert browser.driver.find_elements('css selector', '#items button') == []


def test_five_thousand_findings_stay_usable(browser, pages):
    page = pages / '5000.html'
    browser.open(page)
    loaded = browser.run('return performance.getEntriesByType("navigation")[0].loadEventEnd')
    browser.keep('5000')
    spent = browser.run('''const times = [];
      const timed = (act) => {
        const start = performance.now(); act(); document.body.offsetHeight; times.push(performance.now() - start);
      };
      timed(() => document.querySelector('#items th:nth-child(4) button').click());
      timed(() => {
        const field = document.getElementById('filter'); field.value = 'alice'; field.dispatchEvent(new Event('input'));
      });
      return times;''')
    print(
        '5000 findings, 40 hosts: %.1f MB, loaded in %d ms, sorted in %d ms, filtered in %d ms'
        % (page.stat().st_size / 1e6, loaded, *spent)
    )
    # About 900, 120 and 100 ms with both cores busy
    assert max(loaded, *spent) < 30000 and page.stat().st_size < 8e6
    assert len(browser.column(0)) == 100
    browser.find('#more').click()
    assert len(browser.column(0)) == 200


# --- Screens and paper -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize('name', ['findings', 'verdicts', 'hostile'])
@pytest.mark.parametrize('width', [360, 1130])  # a phone, and the narrowest screen with a table
def test_no_screen_needs_to_scroll_sideways(browser, pages, name, width):
    browser.open(pages / (name + '.html'), width)
    browser.run('document.querySelectorAll("details").forEach((details) => { details.open = true; })')
    assert browser.run('return document.documentElement.scrollWidth') <= width
    # Nor is anything cut off: all text is inside
    assert (
        browser.run('''
      const is_out = ({ left, right }) => left < -1 || right > innerWidth + 1;
      return [...document.querySelectorAll('main *, header *')].filter((element) => !element.closest('svg')
        && element.offsetWidth
        && is_out(element.getBoundingClientRect())).map((element) => element.outerHTML.slice(0, 200))''')
        == []
    )


def test_on_a_phone_each_row_is_a_card_with_its_labels(browser, pages):
    browser.open(pages / 'findings.html', 360)
    browser.keep('findings-phone')
    assert (
        browser.run('return getComputedStyle(document.querySelector("#items td:nth-child(5)"), "::before").content')
        == '"Caller"'
    )
    browser.find('#items th:nth-child(2) button').click()
    assert browser.column(1)[0] == 'build1.example.com'


@pytest.mark.parametrize('scheme, paper', [('light', [255, 255, 255]), ('dark', [18, 22, 29])])
def test_words_stand_out_in_light_and_dark(browser, pages, scheme, paper):
    browser.open(pages / 'verdicts.html', scheme=scheme)
    browser.keep('verdicts-' + scheme)
    faint = browser.run('''
      const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
      const linear = (part) => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4;
      const light = (color) => numbers(color).slice(0, 3).reduce(
        (sum, part, place) => sum + linear(part / 255) * [.2126, .7152, .0722][place], 0);
      const behind = (element) => { for (; element; element = element.parentElement) {
        const color = getComputedStyle(element).backgroundColor; if (numbers(color)[3] !== 0) return color; } };
      const contrast = (one, two) => (Math.max(one, two) + .05) / (Math.min(one, two) + .05);
      const has_words = (element) => [...element.childNodes].some(({ nodeType }) => nodeType === Node.TEXT_NODE);
      const words = [...document.querySelectorAll('body *')].filter(
        (element) => !element.closest('svg') && has_words(element));
      return [numbers(behind(document.body)), words.length, [...new Set(words.map((element) => [
        element.className || element.tagName,
        contrast(light(getComputedStyle(element).color), light(behind(element)))])
          .filter(([, ratio]) => ratio < 4.5).map(String))],
        [...document.querySelectorAll('circle')].filter(
          (dot) => contrast(light(getComputedStyle(dot).fill), light(behind(document.body))) < 3).length]''')
    # WCAG 2.2: 4.5 for text (1.4.3), 3 for what is not (1.4.11)
    assert faint[0][:3] == paper and faint[1] > 50 and faint[2:] == [[], 0]


def test_on_paper_it_is_light_has_the_evidence_and_no_tools(browser, pages):
    browser.open(pages / 'verdicts.html', scheme='dark', media='print')
    assert browser.run('return getComputedStyle(document.body).backgroundColor') == 'rgb(255, 255, 255)'
    assert not browser.find('#filter').is_displayed() and not browser.find('nav').is_displayed()
    browser.run('dispatchEvent(new Event("beforeprint"))')
    assert browser.find('#items details.lines li').is_displayed()
    # In a column of its own it would take three times as many sheets
    widths = 'return ["#items .below td", "#items"].map((one) => document.querySelector(one).offsetWidth)'
    below, table = browser.run(widths)
    assert below > 0.98 * table
    browser.run('dispatchEvent(new Event("afterprint"))')
    assert not browser.find('#items details.lines li').is_displayed()
    assert browser.run('return document.querySelectorAll(".below").length') == 0
    paper = base64.b64decode(browser.driver.print_page())
    if 'KEEP_SCREENSHOTS' in os.environ:
        (pathlib.Path(os.environ['KEEP_SCREENSHOTS']) / 'verdicts.pdf').write_bytes(paper)
    assert paper.startswith(b'%PDF') and paper.count(b'/Type /Page\n') < 20


def test_every_row_that_matches_is_printed(browser, pages):
    browser.open(pages / '600.html')
    browser.run('dispatchEvent(new Event("beforeprint"))')
    assert len(browser.column(0)) == 600
    browser.run('dispatchEvent(new Event("afterprint"))')
    assert len(browser.column(0)) == 100
