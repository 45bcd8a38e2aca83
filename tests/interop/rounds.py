# SPDX-License-Identifier: Apache-2.0
"""One pair of servers: a first run, one with nothing to do, one after changes, and one that is
killed and taken up again. After each both servers are asked what they hold."""

import collections
import contextlib
import itertools

from harness import worker
from harness.line import Line
from harness.mailmig import Mailmig, program
from harness.pair import Pair
from harness.proxy import Proxy

from . import mailbox
from .eye import Eye

FEATURES = ("folders", "bytes", "flags", "keywords", "dates", "idle", "changes", "resume")

SYSTEM = {"\\seen", "\\answered", "\\flagged", "\\draft", "\\deleted"}

# Round trips of a run with nothing to do: some for the sessions, and for each folder where a
# server has no CONDSTORE and no LIST-STATUS.
IDLE_TRIPS, IDLE_TRIPS_FOLDER = 20, 6
KILL_AFTER = 2 * 1024 * 1024  # octets to the destination: in the middle of the big message

# Where compression is used, the mailbox (base64 of noise) takes three quarters of its octets.
COMPRESSED = 0.9

_numbers = itertools.count(1)


class Far(Line):
    """A server further away, until a session has begun: nothing is compressed for a near one."""

    LAG, BEGINNING = 0.006, 8000

    def __init__(self, server):
        super().__init__(server, tls=True)

    def meet(self, relay, way, n):
        if way == "down" and relay.octets[way] < self.BEGINNING:
            self.stopped.wait(self.LAG)
        return super().meet(relay, way, n)


class Outcome:
    """feature → what went wrong, and what this destination cannot do."""

    def __init__(self):
        self.wrong = {f: [] for f in FEATURES}
        self.limits = {f: set() for f in FEATURES}

    def result(self, feature):
        if self.wrong[feature]:
            return "wrong"
        return "limit" if self.limits[feature] else "ok"

    def as_json(self):
        return {f: {"result": self.result(f), "limits": sorted(self.limits[f])} for f in FEATURES}

    def complaints(self):
        return ["%s: %s" % (f, text) for f in FEATURES for text in self.wrong[f]]


def _flags(message, system):
    return {f.lower() for f in message.flags if (f.lower() in SYSTEM) == system}


class _Folder:
    """Messages of one folder at the origin, one by one found at the destination."""

    def __init__(self, name, facts, octets, outcome, feature=None):
        self.name, self.facts, self.octets = name, facts, octets
        self.outcome, self.feature = outcome, feature

    def wrong(self, feature, text, *args):
        self.outcome.wrong[self.feature or feature].append("%s: %s" % (self.name, text % args))

    def limit(self, feature, what):
        self.outcome.limits[self.feature or feature].add(what)

    def compare(self, ours, theirs, gone=()):
        """gone: what is no longer at the origin, and stays at the destination. What the
        destination refuses as it is has to be there in another form."""
        there = collections.defaultdict(list)
        for message in theirs:
            there[message.sha256].append(message)
        refused = []
        for message in ours:
            stored = self.facts.stored(message.sha256, self.octets[message.sha256])
            if stored is None:
                refused.append(message)
                continue
            found = self._take(there, message, stored)
            if found is None:
                self.wrong("bytes", "%s (%d octets, %s) is not there", message.sha256[:8],
                           message.size, message.message_id)
                continue
            if found.sha256 != message.sha256:
                self.limit("bytes", "rewrites")
            self._same(message, found, stored)
        for message in gone:
            stored = self.facts.stored(message.sha256, self.octets[message.sha256])
            if stored is None or self._take(there, message, stored) is None:
                self.wrong("bytes", "a message that was deleted at the origin is gone, too")
        if self.feature != "changes" and not refused:
            self.order(ours, theirs)
        left = sum(there.values(), [])
        if refused:
            self.limit("bytes", "refuses")
        if len(left) < len(refused):
            self.wrong("bytes", "%d are refused in every form", len(refused) - len(left))
        if len(left) > len(refused):
            self.wrong("bytes", "%d messages of the origin, %d more at the destination: %s",
                       len(ours), len(left) - len(refused), [m[:3] for m in left])

    def order(self, ours, theirs):
        here = [self.facts.stored(m.sha256, self.octets[m.sha256]).sha256 for m in ours]
        there = [m.sha256 for m in theirs]
        if sorted(here) == sorted(there) and here != there:
            self.wrong("bytes", "another order")

    @staticmethod
    def _take(there, message, stored):
        """Of the equal ones that with the flags most alike."""
        found = there.get(stored.sha256) or there.get(message.sha256)
        if not found:
            return None
        found.sort(key=lambda m: len(set(m.flags) ^ set(message.flags)))
        return found.pop(0)

    def _same(self, ours, theirs, stored):
        for feature, system in (("flags", True), ("keywords", False)):
            kept = {f for f in _flags(ours, system) if self.facts.keeps(f)}
            if kept != _flags(ours, system):
                self.limit(feature, "keywords" if feature == "keywords" else "flags")
            if kept != _flags(theirs, system):
                self.wrong(feature, "%s has %s, not %s", ours.sha256[:8],
                           sorted(_flags(theirs, system)), sorted(kept))
        if not stored.date:
            self.limit("dates", "dates")
        elif theirs.date != ours.date:
            self.wrong("dates", "%s is of %d, not %d", ours.sha256[:8], theirs.date, ours.date)


class Rounds:
    """origin, destination: servers with facts about them."""

    def __init__(self, origin, origin_facts, destination, destination_facts):
        self.origin, self.origin_facts = origin, origin_facts
        self.destination, self.facts = destination, destination_facts
        self.outcome = Outcome()
        self.user = "u%d" % next(_numbers)
        self.copy = self.user + "k"
        for server, user in ((origin, self.user), (destination, self.user + "d"),
                             (destination, self.copy)):
            server.add_user(user)

    def run(self):
        with contextlib.ExitStack() as stack:
            ours = stack.enter_context(Eye(self.origin, self.user, self.origin_facts))
            theirs = stack.enter_context(Eye(self.destination, self.user + "d", self.facts))
            mm = Mailmig()
            stack.callback(mm.stop)
            far = {way: stack.enter_context(Far(server)) for way, server, facts in (
                ("down", self.origin, self.origin_facts), ("up", self.destination, self.facts))
                   if facts.offers("COMPRESS=DEFLATE")}
            account = self.add_account(mm, "plain", far.get("down", self.origin),
                                       far.get("up", self.destination), self.user + "d")
            mailbox.fill(ours)
            before = ours.everything()
            after = self.first(mm, account, ours, theirs, before)
            self.compressed(far, before)
            self.idle(mm, account, theirs, after)
            now = self.changes(mm, account, ours, theirs, before)
            self.resume(mm, ours, now)

    def add_account(self, mm, name, origin, destination, user):
        ends = []
        for role, server, login in (("origin", origin, self.user),
                                    ("destination", destination, user)):
            plain = isinstance(server, Proxy)
            mm.add_server("%s-%s" % (name, role), server, "none" if plain else "implicit")
            ends.append(mm.endpoint("%s-%s" % (name, role), login))
        mm.add_account(name, *ends)
        mm.write_config()
        return name

    def go(self, mm, account, feature):
        """One run; its summary."""
        code, _, done = mm.run_json(account, args=("--local",))
        if code not in (0, 1) or (code == 1 and not self.facts_allow(done)):
            self.outcome.wrong[feature].append("exit %d: %s" % (code, done.get("errors")))
        return done

    def facts_allow(self, done):
        return all(e["class"] == "refused" for e in done["errors"])

    # ---- the rounds ----

    def first(self, mm, account, ours, theirs, before):
        """Returns what is at the destination then."""
        done = self.go(mm, account, "bytes")
        self.folders(ours, theirs, before)
        after = theirs.everything()
        self.messages(ours, before, after)
        if done["failed"]:
            self.outcome.wrong["bytes"].append("%d failed" % done["failed"])
        if done["copied"] != sum(map(len, before.values())):
            self.outcome.wrong["bytes"].append("copied: %s" % done["copied"])
        return after

    def compressed(self, far, before):
        whole = sum(m.size for messages in before.values() for m in messages)
        for way, line in far.items():
            if line.octets[way] > COMPRESSED * whole:
                self.outcome.wrong["bytes"].append("%d octets %s for %d: not compressed" % (
                    line.octets[way], way, whole))

    def idle(self, mm, account, theirs, after):
        done = self.go(mm, account, "idle")
        wrong = self.outcome.wrong["idle"]
        wrong += ["%s %d" % (what, done[what]) for what in ("copied", "flags_updated", "deleted")
                  if done[what]]
        if done["round_trips"] > IDLE_TRIPS + IDLE_TRIPS_FOLDER * len(after):
            wrong.append("%d round trips for %d folders" % (done["round_trips"], len(after)))
        if theirs.everything() != after:
            wrong.append("the destination has changed")

    def changes(self, mm, account, ours, theirs, before):
        """Returns what is at the origin then."""
        came = mailbox.change(ours)
        now = ours.everything()
        gone = {name: [m for m in before.get(name, ()) if m.uid not in {n.uid for n in messages}]
                for name, messages in now.items()}
        done = self.go(mm, account, "changes")
        if done["copied"] != came:
            self.outcome.wrong["changes"].append("%d came, %d copied" % (came, done["copied"]))
        self.folders(ours, theirs, now, "changes")
        self.messages(ours, now, theirs.everything(), "changes", gone)
        return now

    def resume(self, mm, ours, now):
        """Killed in the middle of an APPEND; the next run finishes the job."""
        killed = []
        with Proxy(self.destination, without=("COMPRESS=DEFLATE",),
                   at_up=(KILL_AFTER, lambda: killed[0].kill())) as proxy:
            account = self.add_account(mm, "killed", self.origin, proxy, self.copy)
            process, events = worker.start(mm, account, program("mailmig-worker"))
            killed.append(process)
            code, _ = worker.wait(process, events)
        if code != -9:
            self.outcome.wrong["resume"].append("the worker was not killed: exit %d" % code)
        mm.accounts.pop()
        mm.servers[:] = [s for s in mm.servers if not s["name"].startswith(account)]
        self.add_account(mm, account, self.origin, self.destination, self.copy)
        self.go(mm, account, "resume")
        with Eye(self.destination, self.copy, self.facts) as theirs:
            self.folders(ours, theirs, now, "resume")
            self.messages(ours, now, theirs.everything(), "resume")

    # ---- comparing ----

    def folders(self, ours, theirs, before, feature="folders"):
        wrong = self.outcome.wrong[feature]
        there, subscribed, roles = theirs.folders(), theirs.subscribed(), theirs.roles()
        for name in before:
            if name not in there:
                wrong.append("%s is not there" % name)
            elif not self.facts.takes_name(name):
                self.outcome.limits[feature].add("names")
        wrong += ["%s is not subscribed" % f for f in ours.subscribed()
                  if f in there and f not in subscribed]
        if all(f.offers("SPECIAL-USE") for f in (self.origin_facts, self.facts)):
            wrong += ["%s has the role %s no longer" % item for item in ours.roles().items()
                      if roles.get(item[0]) != item[1]]

    def messages(self, ours, before, after, feature=None, gone=None):
        for name, messages in before.items():
            folder = _Folder(name, self.facts, ours.octets, self.outcome, feature)
            folder.compare(messages, after.get(name, []), (gone or {}).get(name, ()))
        extra = [n for n, messages in after.items() if n not in before and messages]
        if extra:
            self.outcome.wrong[feature or "folders"].append("unexpected: %s" % extra)
