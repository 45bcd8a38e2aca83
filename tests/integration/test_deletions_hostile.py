# SPDX-License-Identifier: Apache-2.0
"""propagate_deletes where a server says what is not so. Absence is never evidence from one
answer: each case takes what the origin lists, or what the destination answers, away from the
truth, and asks the destination's real server afterwards what it still has. Then a run against the
healthy servers deletes just what is due."""

import pytest

from harness import corpus
from harness.imapclient import Client
from harness.quirky import Quirky, Script

MAIL = {"INBOX": 30, "Archive": 12}
LISTING = "UID FETCH 1:\\*"
LOOK = "UID FETCH \\d"  # at single UIDs, by number

# What the bad server does in the second run, the exit code, how many messages it deletes, and how
# many the healthy run after it. Gone at the origin are 2 of INBOX, the UIDs 3 and 4.
ORIGIN = {
    "lists nothing": (["on " + LISTING, "edit ^\\* .*$ =>", "pass"], 1, 0, 2),
    "lists nothing and says so":
        (["edit ^\\* \\d+ EXISTS => * 0 EXISTS", "edit MESSAGES \\d+ => MESSAGES 0",
          "on " + LISTING, "edit ^\\* .*$ =>", "pass"], 8, 0, 2),
    "lists half": (["on " + LISTING, "edit ^\\* \\d+ FETCH .*UID (1\\d|2\\d) .*$ =>", "pass"],
                   1, 0, 2),
    "lists half and says so":
        (["edit ^\\* 28 EXISTS => * 7 EXISTS", "edit MESSAGES 28 => MESSAGES 7",
          "on " + LISTING, "edit ^\\* \\d+ FETCH .*UID (1\\d|2\\d|30) .*$ =>", "pass"], 8, 0, 2),
    "hides one and says so":
        (["edit ^\\* 28 EXISTS => * 27 EXISTS", "edit MESSAGES 28 => MESSAGES 27",
          "on " + LISTING, "edit ^\\* \\d+ FETCH .*UID 9 .*$ =>", "pass"], 1, 0, 2),
    "hides one and says so once":
        (["edit1 ^\\* 28 EXISTS => * 27 EXISTS",
          "once " + LISTING, "edit ^\\* \\d+ FETCH .*UID 9 .*$ =>", "pass",
          "on " + LOOK, "edit ^\\* \\d+ FETCH .*$ =>", "pass"], 1, 0, 2),
    "answers NO to the listing": (["on " + LISTING, "send $tag NO not now"], 1, 0, 2),
    "answers NO to the second look": (["on " + LOOK, "send $tag NO not now"], 1, 0, 2),
    "another UIDVALIDITY":
        (["edit UIDVALIDITY \\d+ => UIDVALIDITY 77"], 0, 0, None),
    "another UIDVALIDITY at the second look":
        (["once EXAMINE", "pass", "on EXAMINE", "edit UIDVALIDITY \\d+ => UIDVALIDITY 77",
          "pass"], 1, 0, 2),
    "UIDNEXT goes back": (["edit UIDNEXT \\d+ => UIDNEXT 2"], 0, 0, None),
    "lists no folder": (["on LIST", "send $tag OK nothing"], 6, 0, 2),
    "a folder is not listed": (["edit ^\\* LIST .*INBOX.*$ =>", "edit ^\\* STATUS .*INBOX.*$ =>"],
                               0, 0, 2),
    "a folder cannot be opened": (["on EXAMINE.*INBOX", "send $tag NO broken"], 1, 0, 2),
    "breaks off within the listing":
        (["once " + LISTING, "send * 1 FETCH (UID 1 FLAGS ())", "drop"], 0, 2, 0),
    "tells of EXPUNGE and VANISHED":
        (["on UID FETCH", "send * VANISHED (EARLIER) 1:4294967295", "send * 1 EXPUNGE", "pass"],
         0, 2, 0),
}

DESTINATION = {
    "UID EXPUNGE is refused": (["on UID EXPUNGE", "send $tag NO not now"], 1, 0, 2),
    "STORE is refused": (["on UID STORE", "send $tag NO not now"], 1, 0, 2),
    "STORE is confirmed and not done": (["on UID STORE", "send $tag OK done"], 1, 0, 2),
    "UID EXPUNGE is confirmed and not done":
        (["on UID EXPUNGE", "send $tag OK done"], 1, 0, 2),
    "UID EXPUNGE is done without an answer": (["once UID EXPUNGE", "do", "drop"], 0, 2, 0),
    "STORE is done without an answer": (["once UID STORE", "do", "drop"], 0, 2, 0),
    "BYE within": (["once UID EXPUNGE", "send * BYE for now", "drop"], 0, 2, 0),
    "other octets under these UIDs":
        (["on UID FETCH .*BODY", "edit (BODY\\[\\] \\{\\d+\\}\\r\\n).{3} => $1xyz", "pass"],
         0, 0, 0),
    "the copies are not shown":
        (["on UID FETCH \\d.*BODY", "send $tag OK nothing"], 0, 0, 0),
    "another UIDVALIDITY when it comes to it":
        (["once SELECT", "pass", "on SELECT", "edit UIDVALIDITY \\d+ => UIDVALIDITY 77", "pass"],
         1, 0, 2),
    "opened read-only when it comes to it":
        (["once SELECT", "pass", "on SELECT", "edit \\[READ-WRITE\\] => [READ-ONLY]", "pass"],
         1, 0, 2),
    "tells of UIDs nobody asked for":
        (["on UID FETCH .*BODY",
          "send * 5 FETCH (UID 9 BODY[] {3}\\r\\nabc)", "pass"], 0, 2, 0),
}


class Case:
    def __init__(self, make_pair, mm, side, server):
        self.mm = mm
        self.quirky = Quirky(server, Script([]))
        self.pair = make_pair(propagate_deletes=True, limits={"connections": 1},
                              **{"via_" + side: self.quirky})
        with self.pair.at_origin() as ours:
            for i, (folder, n) in enumerate(MAIL.items()):
                corpus.simple(ours, folder, n, first=1000 * i)
        mm.globals["retry"] = {"attempts": 2, "max_delay": "1s"}
        mm.start()
        assert self.pair.run()["copied"] == sum(MAIL.values())
        with self.pair.at_origin() as ours:
            for uid in (3, 4):
                ours.expunge("INBOX", uid)

    def there(self):
        with self.pair.at_destination() as theirs:
            return {f: {m.sha256 for m in theirs.messages(f)} for f in MAIL}


@pytest.mark.parametrize("side, name", [("origin", n) for n in ORIGIN] +
                         [("destination", n) for n in DESTINATION])
@pytest.mark.limit(60)
def test_lies(make_pair, mm, origin, destination, side, name):
    script, code, deleted, later = (ORIGIN if side == "origin" else DESTINATION)[name]
    server = origin if side == "origin" else destination
    case = Case(make_pair, mm, side, server)
    try:
        before = case.there()
        case.quirky.script = Script(script)
        done = case.pair.run(rc=code)
        assert done["deleted"] == deleted
        assert not [c for c in case.quirky.heard if " CLOSE" in c or " EXPUNGE" in c
                    and " UID EXPUNGE " not in c]
        if side == "origin" or deleted == 0:
            assert {f: len(v) for f, v in case.there().items()} == \
                {"INBOX": 30 - deleted, "Archive": 12}
        case.quirky.script = Script([])
        if later is None:  # with its old UIDs it is another folder again
            case.pair.run()
        else:
            assert case.pair.run()["deleted"] == later
        after = case.there()
        with case.pair.at_origin() as ours:
            kept = {f: {m.sha256 for m in ours.messages(f)} for f in MAIL}
        assert all(kept[f] <= after[f] <= before[f] for f in MAIL)
        assert len(before["INBOX"] - after["INBOX"]) == (deleted + later if later is not None
                                                         else 0)
    finally:
        case.quirky.stop()
