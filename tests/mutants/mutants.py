# SPDX-License-Identifier: Apache-2.0
"""The rules of exactly-once, each broken once: what the tests must not let pass.

A mutant is a file, a text that is in it once, what stands there instead, and the tests that have to
fail then (files and -k expressions of pytest, the quick ones that see it)."""

import collections

Mutant = collections.namedtuple("Mutant", "rule path old new tests")

KILLS = ("tests/crash/test_kill.py",)
CUTS = ("tests/crash/test_cut.py",)
BYTES = ("tests/crash/test_bytes.py",)
RENUMBERED = ("tests/integration/test_renumbered.py",)
STALLS = ("tests/crash/test_stall.py",)


def pauses(name):
    return ("tests/crash/test_backoff.py", "-k", name)


def dialogue(*names):
    return ("tests/integration/test_dialogues.py", "-k", " or ".join(names))


def later(*names):
    return ("tests/integration/test_sync_changes.py", "-k", " or ".join(names))


MUTANTS = (
    Mutant("no message is sent before its intent is on the disk", "src/engine/transfer.c",
           "r = transfer_commit(t, b, reterr);", "r = transfer_commit(t, NULL, reterr);", KILLS),
    Mutant("what may have been sent is looked for before it is sent again",
           "src/engine/intents.c", "r = match_intents(w, &in.items, in.lowest, reterr);", "r = 0;",
           dialogue("rewritten-no-answer")),
    Mutant("a slow server gets its time", "src/engine/intents.c", "if (left > 0) {",
           "if (left > USEC_PER_SEC * 1000) {", dialogue("append-late")),
    Mutant("a server that rewrites messages is known by their header", "src/engine/intents.c",
           "match_by_header(items, destination);", "", dialogue("rewritten-no-answer")),
    Mutant("an OK is not believed: what is not there is not stored", "src/engine/settle.c",
           "\t\tif (it->found) {\n", "\t\tit->found = true;\n\t\tif (it->found) {\n",
           dialogue("append-not-there", "appenduid-none-there")),
    Mutant("what has another size is read and compared", "src/engine/settle.c",
           "it->found_size == it->message.size ? ROW_STORED : ROW_ALTERED",
           "ROW_STORED", dialogue("altered")),
    Mutant("a NO proves nothing: it is looked", "src/engine/settle.c",
           "\telse if (r == 0)\n\t\tr = transfer_look(t, b, reterr);\n\tfor",
           "\tfor", dialogue("append-no-but-stored")),
    Mutant("UIDs told by the server must be possible", "src/engine/settle.c",
           "put->uids.r[0].first < b->watermark", "false",
           dialogue("appenduid-old")),
    Mutant("a message at the destination belongs to one of the origin only",
           "src/engine/adopt.c",
           "r = m.uid < from ? 1 : state_owns(e->state, w->pair->sf.id, m.uid, reterr);",
           "r = m.uid < from;", KILLS),
    Mutant("what is there already is recognised before the first upload", "src/engine/adopt.c",
           "if (w->fresh.n == 0 || !may_have_unknown(w))", "if (true)",
           dialogue("there-already")),
    Mutant("equal headers are no proof where there are several", "src/engine/match.c",
           "trust != MATCH_DOUBT && na == 1 && nb == 1 &&", "trust != MATCH_DOUBT &&",
           ("tests/unit/test_programs.py", "-k", "test_match")),
    Mutant("new UIDs of the origin are noticed", "src/engine/folder.c",
           "return is_another(&w->origin.status, sf->origin_uidvalidity, sf->origin_uidnext);",
           "return false;", RENUMBERED),
    Mutant("new UIDs of the destination are noticed", "src/engine/folder.c",
           "return is_another(&w->destination.status, sf->dest_uidvalidity, sf->dest_seen);",
           "return false;", RENUMBERED),
    Mutant("rows of a renumbered destination are bound to their copies",
           "src/engine/renumber.c", "row.dest_uid = it ? it->partner : 0;", "", RENUMBERED),
    Mutant("what is written is on the disk before it counts", "src/state/file.c",
           "PRAGMA synchronous = FULL;", "PRAGMA synchronous = OFF;",
           ("tests/crash/test_order.py",)),
    Mutant("a page is not believed without its checksum", "src/state/pages.c",
           "return memcmp(page + PAGE_OCTETS - STATE_SUM_OCTETS, &sum, sizeof(sum)) == 0;",
           "return true;", ("tests/crash/test_damage.py",)),
    Mutant("a state is of its own mailboxes", "src/state/file.c",
           "return r < 0 ? r : n == 1 ? 0 : -ESTALE;", "return r;",
           ("tests/crash/test_damage.py",)),
    Mutant("no worker outlives its daemon", "src/daemon/worker.c",
           "if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)",
           "if (getppid() != parent)", ("tests/integration/test_sync_crash.py",)),
    Mutant("what was listed and is not told is not taken for absent", "src/engine/folder.c",
           "if (told >= said)", "if (true)", dialogue("origin-listing-incomplete")),
    Mutant("one worker for an account", "src/state/open.c",
           "if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)", "if (s->lock_fd >= 0)",
           ("tests/unit/test_programs.py", "-k", "test_state")),
    Mutant("a connection that breaks before the folders are listed is opened again",
           "src/engine/work.c", "if (judge(l, NULL, err) != VERDICT_RECONNECT)",
           "if (judge(l, NULL, err) != VERDICT_GO_ON)", CUTS),
    Mutant("a cut in the TLS handshake is no refusal", "src/net/connect.c",
           "s->cut && !s->tls_refused;", "false;", BYTES),
    Mutant("what no attempt can mend is tried once", "src/engine/lane.c",
           "a->error.retry != MM_RETRY_NEVER &&", "false &&", pauses("password")),
    Mutant("there is a pause before each attempt", "src/engine/work.c",
           "while (!engine_cancelled(e) && clock_usec() < until)", "while (false)",
           pauses("grow")),
    Mutant("the pauses grow", "src/engine/trouble.c", "delay > max_usec / 2 ? max_usec : 2 * delay",
           "delay", pauses("grow")),
    Mutant("the pauses have an upper end", "src/engine/trouble.c", "return MIN_OF(delay, max_usec);",
           "return delay;", ("tests/unit/test_programs.py", "-k", "test_trouble")),
    Mutant("the attempts come to an end", "src/engine/trouble.c",
           "failures_in_a_row >= attempts", "failures_in_a_row > attempts", pauses("grow")),
    Mutant("a cancel ends a pause", "src/engine/work.c",
           "while (!engine_cancelled(e) && clock_usec() < until)", "while (clock_usec() < until)",
           pauses("cancel")),
    Mutant("what is found at the destination is progress", "src/engine/adopt.c",
           "note_progress(w, n);", "", pauses("progress")),
    Mutant("a broken line gets smaller batches", "src/engine/transfer_internal.h",
           "#define BATCH_SHRINK       3", "#define BATCH_SHRINK       0", pauses("progress")),
    Mutant("what came whole from an origin that broke goes on", "src/engine/transfer.c",
           "q = submit(t, &late);", "q = 0;", pauses("progress")),
    Mutant("silence has an end", "src/net/stream.c", "if (clock_usec() >= deadline)",
           "if (clock_usec() >= deadline + 60 * USEC_PER_SEC)", STALLS),
    Mutant("an answer that comes in octets has an end", "src/imap/budget.c",
           "IMAP_RESPONSE_WAITS * b->timeout_usec", "100 * b->timeout_usec", STALLS),
    Mutant("a flood of lines has an end", "src/imap/budget.c",
           "if (++b->responses > IMAP_RESPONSES_BASE + IMAP_RESPONSES_HELD * b->held)",
           "if (false)", ("tests/unit/test_programs.py", "-k", "test_imap_budget")),
    Mutant("a command has an end, however slowly it comes", "src/imap/conn.c",
           "return v == IMAP_GO_ON ? 0 : over_budget(c, v, what, reterr);", "return 0;",
           dialogue("drip")),
    Mutant("a mailbox has an end", "src/imap/folders.c",
           "li->l.n < IMAP_FOLDERS_MAX && li->octets < IMAP_NAMES_MAX", "true",
           dialogue("list-endless")),
    Mutant("a folder with an impossible name fails alone", "src/imap/folders.c",
           "if (memchr(li.name.p, '\\0', li.name.n))", "if (false)",
           dialogue("origin-name-nul")),
    Mutant("a message goes without a date that is none", "src/imap/parse.c",
           "return is_on_a_calendar(s);", "return true;", dialogue("origin-dates-nonsense")),
    Mutant("numbers of a server stay far from the end of all numbers", "src/imap/parse.c",
           "f->size = MIN_OF(f->size, IMAP_BODY_MAX + 1);", "",
           ("tests/integration/test_hostile.py",)),
    Mutant("UIDs told by the server are nobody else's", "src/engine/settle.c",
           "r = state_owns(t->engine->state, t->work->pair->sf.id, uid, reterr);", "r = 0;",
           dialogue("appenduid-of-owned")),
    Mutant("a UIDNEXT that was too high hides nothing", "src/engine/settle.c",
           "int r = transfer_look_below(t, b, reterr);", "int r = 0;", dialogue("uidnext-higher")),
    Mutant("a UIDNEXT that goes back is noticed", "src/engine/folder.c",
           "(now->uidnext != 0 && now->uidnext < uidnext)", "false",
           dialogue("origin-uids-backwards")),
    Mutant("a destination that went back is not taken for unchanged", "src/engine/survey.c",
           "p->destination_status.uidnext >= sf->dest_seen;", "true;", dialogue("uidnext-back")),
    Mutant("new messages are news whatever their mod-sequence", "src/engine/folder.c",
           "if (r == 0 && since && p->sf.origin_uidnext)", "if (false)",
           dialogue("origin-modseq-ahead")),
)
