# SPDX-License-Identifier: Apache-2.0
"""What the documents say is what the programs have: neither less nor more."""

import os
import re
import subprocess

import pytest

import sources
from harness.mailmig import build_dir, program

MAN = "packaging/man/"
PAGES = ("mailmigctl.1", "mailmig.conf.5", "mailmigd.8", "mailmig-worker.8",
         "mailmig-generator.8")

# Of the programs' environment, not for administrators.
NOT_DOCUMENTED = {"MAILMIG_CANCEL_GRACE", "MAILMIG_NOTIFY_TIMEOUT"}  # make tests short


# ---- the manual pages ----

def page(name):
    return sources.text(MAN + name + ".scd")


def sections(text):
    """Title → text of the sections of a page, without literal blocks."""
    text = re.sub(r"^```\n.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    parts = re.split(r"^# (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def section(name, title):
    return sections(page(name))[title]


def defined(text, indent=""):
    """What a section defines: words in bold at the beginning of a line that has a paragraph
    below it, as `*-q*, *--quiet*` or `*run* _NAME_`."""
    found = []
    for match in re.finditer(r"^%s(\*.+)\n%s\t" % (indent, indent), text, flags=re.MULTILINE):
        head = match.group(1)
        found += re.findall(r"\*([^*]+)\*", head) if head.startswith("*-") or ", *" in head \
            else [re.match(r"\*([^*]+)\*", head).group(1)]
    return found


def paragraph(text, word):
    """What a section says of one word that it defines."""
    found = re.search(r"^\*%s\*.*\n((?:\t.*\n|\n(?=\t))+)" % re.escape(word), text, flags=re.MULTILINE)
    assert found, "%s is not defined" % word
    return found.group(1)


def assert_same(documented, real, what):
    documented, real = list(documented), set(real)
    sources.complain(["%s: %s is there, and not in the manual" % (what, x)
                      for x in sorted(real - set(documented))]
                     + ["%s: the manual has %s, and it is not there" % (what, x)
                        for x in sorted(set(documented) - real)]
                     + ["%s: the manual has %s twice" % (what, x)
                        for x in sorted(set(documented)) if documented.count(x) > 1])


@pytest.mark.parametrize("name", PAGES)
def test_page_renders(name, tmp_path):
    rendered = tmp_path / name
    with open(sources.ROOT / (MAN + name + ".scd"), "rb") as source, open(rendered, "wb") as out:
        subprocess.run(["scdoc"], stdin=source, stdout=out, check=True)
    done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", rendered], stdout=subprocess.PIPE,
                          check=False)
    # scdoc writes needless paragraphs; nobody sees them, and nobody can mend them here.
    sources.complain([line for line in done.stdout.decode().splitlines()
                      if "skipping paragraph macro: PP" not in line])
    shown = subprocess.run(["mandoc", "-Tutf8", rendered], stdout=subprocess.PIPE, check=True)
    text = re.sub(r".\x08", "", shown.stdout.decode())
    for title in sections(page(name)):
        assert re.search(r"^%s$" % re.escape(title), text, flags=re.MULTILINE), title


def test_all_pages_are_known():
    assert {n[len(MAN):-len(".scd")] for n in sources.files() if n.startswith(MAN)} == set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_page_has_its_parts(name):
    has = sections(page(name))
    for title in ("NAME", "SYNOPSIS", "DESCRIPTION", "FILES", "SEE ALSO"):
        assert title in has, title
    for other in re.findall(r"\*(mailmig[\w.-]*)\*\((\d)\)", page(name)):
        assert "%s.%s" % other in PAGES, other


# ---- programs ----

def output(name, *args):
    env = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "MAILMIG_SOCKET": "/nonexistent"}
    done = subprocess.run([program(name), *args], stdout=subprocess.PIPE, check=True, env=env)
    return done.stdout.decode()


def options(text):
    """-q and --quiet of `  -q --quiet   help`, of one or more blocks of such lines."""
    found = []
    for line in re.findall(r"^ +(-.*)$", text, flags=re.MULTILINE):
        head = re.split(r"  +", line)[0]
        found += re.findall(r"(?<![\w-])--?[\w-]+", head)
    return found


def verbs():
    block = re.search(r"^Verbs:\n((?:  .*\n)+)", output("mailmigctl", "--help"), re.MULTILINE)
    return re.findall(r"^  (\S+)", block.group(1), flags=re.MULTILINE)


def test_ctl_verbs():
    found = verbs()
    assert len(found) >= 7
    assert_same(defined(section("mailmigctl.1", "VERBS")), found, "mailmigctl verbs")


def test_ctl_options():
    assert_same(defined(section("mailmigctl.1", "OPTIONS")), options(output("mailmigctl", "--help")),
                "mailmigctl options")


def options_of(verb):
    block = re.search(r"^Options of this verb:\n((?:  .*\n)+)", output("mailmigctl", verb, "--help"),
                      flags=re.MULTILINE)
    return options(block.group(1)) if block else []


def test_ctl_options_of_verbs():
    for verb in verbs():
        # As the manual heads its paragraph: `*run* _NAME_... | *--all*` has the verb's text below.
        found = re.search(r"^\*%s\*.*\n((?:\t.*\n|\n(?=\t))+)" % verb, section("mailmigctl.1", "VERBS"),
                          flags=re.MULTILINE)
        assert found, verb
        assert_same(defined(found.group(1), "\t"), options_of(verb), "mailmigctl " + verb)


# ---- completion ----

COMPLETION = ("packaging/completion/mailmigctl.bash", "packaging/completion/_mailmigctl")


def completed(*args):
    return [line.split("\t")[0] for line in output("mailmigctl", *args).splitlines()]


def long_options(words):
    return {w for w in words if w.startswith("--")}


def test_completion_has_all_verbs_and_options():
    assert completed("--complete", "verbs") == verbs()
    everywhere = long_options(options(output("mailmigctl", "--help")))
    assert long_options(completed("--complete", "options")) == everywhere
    for verb in verbs():
        assert long_options(completed(verb, "--complete", "options")) \
            == everywhere | long_options(options_of(verb)), verb


@pytest.mark.parametrize("name", COMPLETION)
def test_completion_knows_what_takes_a_value(name):
    """All else the scripts ask the program for; a list of their own would be behind it one day."""
    text = re.sub(r"^#.*$", "", sources.text(name), flags=re.MULTILINE)
    told = output("mailmigctl", "--help") + "".join(output("mailmigctl", v, "--help") for v in verbs())
    takes = set(re.findall(r"^ +(?:-\w )?(--[\w-]+) [A-Z]+", told, re.MULTILINE))
    named = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", text)) - {"--complete"}
    assert named == takes
    own = set(re.findall(r"[a-z]+", text))
    assert not {"reload", "plan", "cancel"} & own


# ---- journal ----

def test_every_entry_is_in_the_catalog():
    used = re.findall(r'"([0-9a-f]{32})"', "".join(sources.text(n) for n in sources.c_files()
                                                   if n.startswith(("src/", "include/"))))
    there = re.findall(r"^-- ([0-9a-f]{32})$", sources.text("systemd/mailmig.catalog"), re.MULTILINE)
    assert used and sorted(used) == sorted(there)
    assert len(set(there)) == len(there)


def test_ctl_later_verbs():
    """Those of the contract that are refused as "not in this version"."""
    rows = re.search(r"later\[\] = \{(.*?)\};", sources.text("src/ctl/verbs.c"), re.DOTALL).group(1)
    later = [w for w in re.findall(r'"([\w-]+)"', rows) if not w.startswith("-")]
    text = section("mailmigctl.1", "NOT IN THIS VERSION")
    # "top" is a word that people try; it is no verb of the contract.
    assert_same(re.findall(r"\*([\w-]+)\*", text), set(later) - {"top"}, "verbs of later versions")


def test_ctl_exit_codes():
    text = section("mailmigctl.1", "EXIT STATUS")
    told = re.search(r"Exit codes:(.*?)\n\n", output("mailmigctl", "--help"), re.DOTALL).group(1)
    assert_same(defined(text), re.findall(r"\b(\d+) [a-z]", told), "exit codes")


@pytest.mark.parametrize("name,manual", [("mailmigd", "mailmigd.8"),
                                         ("mailmig-worker", "mailmig-worker.8"),
                                         ("mailmig-generator", "mailmig-generator.8")])
def test_options_of_a_program(name, manual):
    text = output(name, "--help")
    real = options(text) if name != "mailmig-worker" else re.findall(r"--[\w-]+", text)
    if name == "mailmig-worker":  # its usage speaks of `mailmigctl run --local`, and not of these
        real = set(real) - {"--local"} | {"--help", "--version"}
        assert output(name, "--version").startswith(name)
    assert_same(defined(section(manual, "OPTIONS")), real, name)


@pytest.mark.parametrize("folder,manual", [("ctl", "mailmigctl.1"), ("daemon", "mailmigd.8"),
                                           ("generator", "mailmig-generator.8")])
def test_environment(folder, manual):
    used = {name for n in sources.c_files() if n.startswith("src/%s/" % folder)
            for name in re.findall(r'getenv\("(\w+)"\)', sources.text(n))}
    assert used
    documented = set(defined(section(manual, "ENVIRONMENT")))
    assert used - NOT_DOCUMENTED <= documented
    # The others are systemd's, which libsystemd reads.
    assert documented - used <= {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS",
                                 "LISTEN_PID", "JOURNAL_STREAM"}


# ---- keys of the configuration ----

ROW = re.compile(r'\{ ?"([^"]+)", (KEY_\w+)(?:, (KEY_LATER|KEY_FALSE_ONLY|KEY_NOW))?([^{}]*)\}')


@pytest.fixture(scope="module")
def keys():
    """Table → {key: (status, words)}, and words → {word: status}, of src/config/keys.c."""
    flags = subprocess.run(["pkg-config", "--cflags", "libconfig", "jansson"],
                           stdout=subprocess.PIPE, check=True).stdout.decode().split()
    done = subprocess.run(["gcc", "-E", "-P", "-D_GNU_SOURCE", "-Iinclude", *flags,
                           "src/config/keys.c"], cwd=sources.ROOT, stdout=subprocess.PIPE, check=True)
    text = re.sub(r"\s+", " ", done.stdout.decode())
    text = text[text.index("struct key_word words_"):]
    words = {name: dict(re.findall(r'\{"([^"]+)", [^,{}]+, (KEY_\w+)\}', rows))
             for name, rows in re.findall(r"struct key_word (words_\w+)\[\] = \{(.*?)\};", text)}
    tables = {}
    for name, rows in re.findall(r"struct key rows_(\w+)\[\] = \{(.*?)\};", text):
        tables[name] = {}
        for key, _, status, rest in ROW.findall(rows.replace("((void *)0)", "NULL")):
            status = status or "".join(re.findall(r"\.status = (KEY_\w+)", rest)) or "KEY_NOW"
            tables[name][key] = (status, "".join(re.findall(r"\.words = (\w+)", rest)))
        assert len(tables[name]) == len(re.findall(r'\{ ?"', rows)), "a row of %s is not understood" % name
    return tables, words


# Section of the manual → tables, with what goes before their keys.
PLACES = {
    "GLOBAL SETTINGS": (("global", ""), ("retry", "retry."), ("notify", "notify.")),
    "SERVERS": (("server", ""),),
    "ACCOUNTS": (("account", ""), ("folders", "folders."), ("flags", "flags."),
                 ("messages", "messages."), ("limits", "limits.")),
    "ORIGIN AND DESTINATION": (("endpoint", ""),),
    "GROUPS": (("group", ""),),
}
# Groups that have their keys in the list, and lists with a section of their own.
BY_PART = {"retry", "notify", "folders", "messages", "flags", "limits", "servers", "accounts", "groups"}


@pytest.mark.parametrize("title", PLACES)
def test_keys(title, keys):
    tables, words = keys
    text = section("mailmig.conf.5", title)
    real = {}
    for table, prefix in PLACES[title]:
        real.update({prefix + key: row for key, row in tables[table].items()
                     if row[0] == "KEY_NOW" and key not in BY_PART})
    assert_same(defined(text), real, "keys of " + title)
    for key, (_, list_name) in real.items():
        for word, status in words.get(list_name, {}).items():
            assert (status == "KEY_NOW") == ('"%s"' % word in paragraph(text, key)), (key, word)


def test_secrets(keys):
    now = {k for k, (status, _) in keys[0]["endpoint"].items()
           if status == "KEY_NOW" and k.startswith("password")}
    assert_same(defined(section("mailmig.conf.5", "SECRETS")), now, "secrets")


def test_later_keys(keys):
    tables, words = keys
    text = section("mailmig.conf.5", "NOT IN THIS VERSION")
    found = []
    for table, rows in tables.items():
        prefix = {"flags": "flags.", "limits": "limits."}.get(table, "")
        if all(status == "KEY_LATER" for status, _ in rows.values()):
            continue  # the whole group: its own key stands for it
        for key, (status, list_name) in rows.items():
            if status != "KEY_NOW" and "*%s%s*" % (prefix, key) not in text and \
                    "*%s.%s*" % (table, key) not in text:
                found.append("%s.%s is not in this version: does the manual say so?" % (table, key))
            found += ['%s.%s: "%s" is not in this version: does the manual say so?'
                      % (table, key, word) for word, s in words.get(list_name, {}).items()
                      if s == "KEY_LATER" and '"%s"' % word not in text]
    sources.complain(found)
    every = {k for rows in tables.values() for k in rows} | {"folders"}
    named = {w.split(".")[-1] for w in re.findall(r"\*([\w.]+)\*", text)}
    assert not named - every, named - every


def test_keys_agree_with_the_program(tmp_path, keys):
    """What was read out of keys.c is what --check refuses."""
    tables, _ = keys
    config = tmp_path / "mailmig.conf"
    lines = ['%s = "x";' % k for k in tables["global"]] + ["nonsense = 1;"]
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = subprocess.run([program("mailmigd"), "--config", config, "--check"],
                          stderr=subprocess.PIPE, check=False)
    assert done.returncode == 3
    text = done.stderr.decode()
    assert 'unknown key "nonsense"' in text
    later = set(re.findall(r": (\w+): not in this version", text))
    assert later == {k for k, (status, _) in tables["global"].items() if status == "KEY_LATER"}


# ---- README, NEWS, versions ----

def targets():
    found = set()
    for line in sources.text("Makefile").split("\n"):
        if line.startswith(".PHONY:"):
            found.update(line.split()[1:])
    return found


README = "README.md"


def test_make_targets_exist():
    has = targets()
    named = set(re.findall(r"(?:^|`|\$ )make ([a-z][a-z-]*)", sources.text(README), flags=re.MULTILINE))
    assert {"demo", "check"} <= named
    assert not named - has, named - has
    helped = set(re.findall(r"'make ([a-z-]+)", sources.text("Makefile")))
    assert not helped - has, helped - has


def test_readme_commands_exist():
    text = sources.text(README)
    called = set(re.findall(r"mailmigctl(?: --\w+(?: \S+\.conf)?)* ([a-z]+)\b(?! =)", "\n".join(
        re.findall(r"^ *\$ (.*)$", text, flags=re.MULTILINE))))
    assert {"plan", "run", "status"} <= called
    assert not called - set(verbs()), called - set(verbs())


def test_readme_shows_the_tree():
    text = sources.text(README)
    here = {n.split("/")[0] for n in sources.files() if "/" in n and not n.startswith(".")}
    inside = {"src/" + n.split("/")[1] for n in sources.files() if n.startswith("src/")}
    tests = {"tests/" + n.split("/")[1] for n in sources.files()
             if n.startswith("tests/") and n.count("/") > 1}
    sources.complain(["README.md does not show %s/" % f for f in sorted(here | inside | tests)
                      if "%s/" % f not in text])
    sources.complain(["README.md shows %s, which is not there" % f for f in
                      sorted(set(re.findall(r"`((?:src|tests|include|packaging|systemd|etc)/[\w./-]*)`",
                                            text)))
                      if not (sources.ROOT / f).exists()])


def test_no_pictures():
    """Plain text: no badges, no emoji."""
    for name in (README, "packaging/NEWS.md"):
        text = sources.text(name)
        assert "![" not in text and "<img" not in text
        assert not re.search("[\U0001f000-\U0001faff\u2600-\u27bf]", text)


def test_versions_agree():
    version = re.search(r"^VERSION := (\S+)$", sources.text("Makefile"), re.MULTILINE).group(1)
    news = re.search(r"^## (\S+)", sources.text("packaging/NEWS.md"), re.MULTILINE).group(1)
    header = re.search(r'define MAILMIG_VERSION "([^"]+)"', sources.text("include/mailmig/base.h"))
    assert news == version
    assert header.group(1) == version
    assert set(re.findall(r"mailmig_(.+?)-1_amd64\.deb", sources.text(README))) == {version}
    for name in PAGES:
        assert page(name).split("\n")[0].split('"')[1] == "mailmig " + version
    for name in ("mailmigd", "mailmigctl", "mailmig-worker", "mailmig-generator"):
        assert output(name, "--version") == "%s %s\n" % (name, version)
    assert build_dir().is_dir()
