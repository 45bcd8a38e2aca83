# SPDX-License-Identifier: Apache-2.0
"""The rules of exactly-once, each broken once: what the tests must not let pass.

A mutant is a file, a text that is in it once, what stands there instead, and the tests that have to
fail then (files and -k expressions of pytest, the quick ones that see it)."""

import collections

Mutant = collections.namedtuple("Mutant", "rule path old new tests")

ORDER = ("tests/crash/test_order.py",)
CUTS = ("tests/crash/test_cut.py",)
BYTES = ("tests/crash/test_bytes.py",)
RENUMBERED = ("tests/integration/test_renumbered.py",)
STALLS = ("tests/crash/test_stall.py",)


def pauses(name):
    return ("tests/crash/test_backoff.py", "-k", name)


def dialogue(*names):
    return ("tests/integration/test_dialogues.py", "-k", " or ".join(names))


def stop(*names):
    return ("tests/crash/test_stop.py", "-k", " or ".join(names))


def daemon(*names):
    return ("tests/integration/test_sync_crash.py", "tests/integration/test_daemon_life.py", "-k",
            " or ".join(names))


def refused(*names):
    return ("tests/integration/test_refusals.py", "-k", " or ".join(names))


def later(*names):
    return ("tests/integration/test_sync_changes.py", "-k", " or ".join(names))


def clock(name):
    return ("tests/torture/test_clock.py", "-k", name)


DAMAGE = ("tests/crash/test_damage.py",)
STATE = ("tests/unit/test_programs.py", "-k", "test_state_damage")

MUTANTS = (
    Mutant("no message is sent before its intent is on the disk", "src/engine/transfer.c",
           "r = transfer_commit(t, b, reterr);", "r = transfer_commit(t, NULL, reterr);",
           stop("flags_change")),
    Mutant("a commit is on the disk, not only with the kernel", "src/state/file.c",
           "PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL", ORDER),
    Mutant("a folder is at its end when its messages are", "src/engine/folder.c",
           "\tr = flag_changes_send(w, reterr);\n",
           "\tr = remember(w, reterr);\n\tif (r == 0)\n\t\tr = flag_changes_send(w, reterr);\n",
           stop("first_run")),
    Mutant("flags are carried over before they are remembered", "src/engine/flagsync.c",
           "\tqsort(f->v, f->n, sizeof(*f->v), by_change);\n",
           "\tqsort(f->v, f->n, sizeof(*f->v), by_change);\n\tr = remember_flags(w, reterr);\n",
           stop("later_run")),
    Mutant("what may have been sent is looked for before it is sent again",
           "src/engine/intents.c", "r = match_intents(w, &in.items, in.lowest, reterr);", "r = 0;",
           dialogue("rewritten-id-no-answer")),
    Mutant("a slow server gets its time", "src/engine/intents.c", "if (left > 0) {",
           "if (left > USEC_PER_SEC * 1000) {", dialogue("append-late")),
    Mutant("a server that rewrites messages is known by their header", "src/engine/intents.c",
           "match_by_header(items, destination);", "", dialogue("rewritten-no-answer")),
    Mutant("an OK is not believed: what is not there is not stored", "src/engine/settle.c",
           "\t\tif (it->found) {\n", "\t\tit->found = true;\n\t\tif (it->found) {\n",
           dialogue("append-not-there", "appenduid-none-there")),
    Mutant("what has another size is read and compared", "src/engine/settle.c",
           "same ? ROW_STORED : ROW_ALTERED", "ROW_STORED", dialogue("altered")),
    Mutant("a NO proves nothing: it is looked", "src/engine/ladder.c",
           "\telse if (r == 0)\n\t\tr = transfer_look(t, b, reterr);\n\tfor",
           "\tfor", dialogue("append-no-but-stored")),
    Mutant("UIDs told by the server must be possible", "src/engine/settle.c",
           "put->uids.r[0].first < b->watermark", "false",
           dialogue("appenduid-old")),
    Mutant("a message at the destination belongs to one of the origin only",
           "src/engine/adopt.c",
           "r = m.uid < from ? 1 : state_owns(e->state, w->pair->sf.id, m.uid, reterr);",
           "r = m.uid < from;", stop("each_message")),
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
    Mutant("rows of a renumbered origin are set aside, not dropped", "src/engine/renumber.c",
           "r = state_put(s, aside, &row, reterr);", "", RENUMBERED),
    Mutant("what comes back in a later run is recognised", "src/engine/renumber.c",
           "if (w->fresh.n == 0)", "if (w->fresh.n == 0 || w->pair->sf.origin_uidnext)",
           RENUMBERED),
    Mutant("two versions of a draft are two messages", "src/engine/renumber.c",
           "match_by_fingerprint(&fresh, &old, MATCH_TRUST_SIZE);",
           "match_by_fingerprint(&fresh, &old, MATCH_TRUST);", RENUMBERED),
    Mutant("a copy belongs to its row, set aside or not", "src/state/open.c",
           "folder IN (?1, -?1)", "folder IN (?1, ?1)", RENUMBERED),
    Mutant("what a renumbered destination lost is copied again", "src/engine/renumber.c",
           "if (row.state == ROW_STORED && (!it || !it->partner))", "if (false)", RENUMBERED),
    Mutant("all of a renumbered destination is looked at", "src/engine/renumber.c",
           "\tsf->dest_seen = 0;\n", "", RENUMBERED),
    Mutant("a listing of the destination that is too short is not believed",
           "src/engine/renumber.c",
           "r = folder_check_listing(w, false, seqset_count(&told), reterr);", "r = 0;",
           dialogue("uidvalidity-changes-listing")),
    Mutant("of equal messages those with equal flags belong together", "src/engine/match.c",
           "pair_open(a, b, by_digest, cmp_digest_flags, is_doubtful, false);", "", RENUMBERED),
    Mutant("a listing that is too short is asked for again", "src/engine/folder.c",
           "p->recounted ? -EPROTO : -EAGAIN", "-EPROTO", dialogue("deleted-before-listing")),
    Mutant("a message deleted before it was read is skipped", "src/engine/transfer.c",
           "w->pair->skipped +=", "w->pair->failed +=",
           ("tests/integration/test_changing_servers.py", "-k", "deleted_before")),
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
    Mutant("a page of the state is what was written", "src/state/pages.c",
           "return memcmp(page + PAGE_OCTETS - STATE_SUM_OCTETS, &sum, sizeof(sum)) == 0;",
           "return true;", DAMAGE),
    Mutant("a log of another file is not read into this one", "src/state/file.c",
           "return rest->size == 0 || ahead <= (at_rest & 1 ? 1U : 2U) ? 0 : -EPROTO;", "return 0;",
           DAMAGE),
    Mutant("what a writing that did not end says of folders is not believed", "src/state/file.c",
           "r = forget_marks(s);", "r = 0;", STATE),
    Mutant("nor tables and indexes that differ", "src/state/file.c",
           "return r < 0 ? r : check_order(s);", "return r;", STATE),
    Mutant("a state is not taken for that of other mailboxes", "src/state/file.c",
           "return r < 0 ? r : n == 1 ? 0 : -ESTALE;", "return r;",
           ("tests/integration/test_state_lost.py", "-k", "other_mailbox")),
    Mutant("an old log goes with its file", "src/state/file.c",
           'parts[] = {"", "-wal", "-shm", "-journal", NULL}', 'parts[] = {"", NULL}', DAMAGE),
    Mutant("a state that failed is not used again", "src/state/state.c",
           "\ts->failed = true;\n", "",
           ("tests/unit/test_programs.py", "-k", "test_state_file")),
    Mutant("a worker ends with its daemon, answer or no answer", "src/worker/run.c",
           "\t\t\tengine_abort(w->engine);\n", "", daemon("has_no_answer")),
    Mutant("a new daemon waits for the worker of the old one", "src/daemon/schedule.c",
           "if (clock_usec() >= d->orphans_until_usec)", "if (true)", daemon("has_no_answer")),
    Mutant("one daemon for a state directory", "src/daemon/listen.c",
           "\tif (r > 0) {\n", "\tif (r > 1) {\n", daemon("same_state")),
    Mutant("one daemon for a socket", "src/daemon/listen.c",
           "return r > 0 ? in_use(reterr, path) : r;", "return r < 0 ? r : 0;",
           daemon("at_once_on_one_socket")),
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
    Mutant("nothing is altered before its own octets are safe", "src/engine/ladder.c",
           "if (keep_original(t, it, refusal->text, refusal) < 0)\n\t\treturn 0;",
           "(void)keep_original(t, it, refusal->text, refusal);", refused("no_room")),
    Mutant("a repaired form is not sent before its intent is on the disk", "src/engine/ladder.c",
           "r = transfer_intend(t, b, it, reterr);", "(void)transfer_intend;",
           refused("cut_after")),
    Mutant("what was refused is looked for before another form goes", "src/engine/ladder.c",
           "\tif (r == 0)\n\t\tr = transfer_look(t, b, reterr);\n\treturn r < 0 ? r : stored",
           "\tif (r == 0 && stored)\n\t\tr = transfer_look(t, b, reterr);\n"
           "\treturn r < 0 ? r : stored", refused("ladder", "no_that")),
    Mutant("a repaired form is recognised without the state", "src/engine/ladder.c",
           "r = transfer_look_before(t, it, reterr);", "r = 0;", refused("state_lost")),
    Mutant("what is held is not tried again for nothing", "src/engine/held.c",
           "return row->held_under != 0 && row->held_under == p->circumstances &&",
           "return false && row->held_under == p->circumstances &&", refused("held")),
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
    Mutant("a wait for an upload does not hang on the wall clock", "src/util/clock.c",
           "read_clock(CLOCK_BOOTTIME)", "read_clock(CLOCK_REALTIME)", clock("between")),
    Mutant("an upload of a killed worker may go on until the next look", "src/engine/intents.c",
           "if (w->pair->sf.uncertain_usec)", "if (true)", clock("killed")),
    Mutant("while a session goes on, its end is not written down", "src/engine/transfer.c",
           "sf->uncertain_usec = 0;", "sf->uncertain_usec = 1;", clock("killed_later")),
    Mutant("the newest run is the one that ended last", "src/history/history.c",
           "\"ORDER BY rowid DESC LIMIT ?2\";", "\"ORDER BY started DESC LIMIT ?2\";",
           clock("daemon")),
    Mutant("a file is not begun where it has no room", "src/util/spool.c",
           "if (room < p->min_free || room - p->min_free < s->size)", "if (false)",
           ("tests/torture/test_spool_full.py", "-k", "no_room")),
    Mutant("JSON without all its octets is not believed", "src/util/jsonio.c",
           "lacked_memory || !p;", "false;", ("tests/unit/test_programs.py", "-k", "no_memory")),
)
