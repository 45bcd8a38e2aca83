/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STATE_FIXTURE_H
#define STATE_FIXTURE_H

/* What the tests of the state share. */

#include <mailmig/state.h>
#include <mailmig/text.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "unit.h"

#define DB "accounts/a@b.db"

#define MAILBOXES "u@old v@new"

static inline struct state *open_for(const char *mailboxes, bool dry, bool *aside)
{
	_cleanup_(freep) char *note = NULL;
	struct mm_err err = {0};
	struct state *s = NULL;

	if (state_open(unit_dir, "a@b", mailboxes, dry, &s, &note, &err) < 0)
		fail_msg("%s", err.text);
	if (aside)
		*aside = note != NULL;
	return s;
}

static inline struct state *open_state(bool dry, bool *aside)
{
	return open_for(MAILBOXES, dry, aside);
}

static inline struct state_folder folder(struct state *s, const char *origin)
{
	struct state_folder f = {0};

	assert_int_equal(state_folder_get(s, origin, "there", &f, NULL), 0);
	assert_true(f.id > 0);
	return f;
}

static inline struct state_row row_of(uint32_t uid, enum row_state state)
{
	struct state_row row = {
		.uid = uid,
		.state = state,
		.size = 1234567890123,
		.has_digest = true,
		.has_fingerprint = true,
		.fingerprint.has_message_id = uid % 2,
		.flags = "\\Seen kw",
		.uidvalidity = 4294967295,
		.watermark = uid + 1,
		.dest_uid = state == ROW_STORED ? uid + 1000 : 0,
		.attempts = 1,
	};

	memset(row.digest, (int)uid, sizeof(row.digest));
	memset(row.fingerprint.id, (int)uid + 1, sizeof(row.fingerprint.id));
	return row;
}

static inline void put(struct state *s, int64_t id, uint32_t uid, enum row_state state)
{
	struct state_row row = row_of(uid, state);

	assert_int_equal(state_begin(s, NULL), 0);
	assert_int_equal(state_put(s, id, &row, NULL), 0);
	assert_int_equal(state_commit(s, NULL), 0);
}

static inline void assert_row(const struct state_row *got, const struct state_row *expected)
{
	assert_int_equal(got->uid, expected->uid);
	assert_int_equal(got->state, expected->state);
	assert_int_equal(got->size, expected->size);
	assert_int_equal(got->has_digest, expected->has_digest);
	if (expected->has_digest)
		assert_memory_equal(got->digest, expected->digest, sizeof(got->digest));
	assert_int_equal(got->has_fingerprint, expected->has_fingerprint);
	if (expected->has_fingerprint) {
		assert_memory_equal(got->fingerprint.id, expected->fingerprint.id,
				    FINGERPRINT_OCTETS);
		assert_int_equal(got->fingerprint.has_message_id,
				 expected->fingerprint.has_message_id);
	}
	assert_string_equal(got->flags, expected->flags);
	assert_int_equal(got->uidvalidity, expected->uidvalidity);
	assert_int_equal(got->watermark, expected->watermark);
	assert_int_equal(got->dest_uid, expected->dest_uid);
	assert_int_equal(got->attempts, expected->attempts);
}

/* All octets of a file of the state directory; NULL when there is none. */
static inline char *content(const char *name, size_t *n)
{
	FILE *f = fopen(unit_path(name), "re");
	char *p;

	*n = 0;
	if (!f)
		return NULL;
	p = calloc(1, 1 << 20);
	assert_non_null(p);
	*n = fread(p, 1, 1 << 20, f);
	(void)fclose(f);
	return p;
}

/* ---- rows ---- */

struct walk {
	uint32_t uids[8];
	size_t n, stop_after;
};

static inline int step(void *userdata, const struct state_row *row)
{
	struct walk *w = userdata;

	assert_string_equal(row->flags, "\\Seen kw");
	w->uids[w->n++] = row->uid;
	return w->n == w->stop_after ? -EINTR : 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, unit_dir_setup, unit_dir_teardown)

#endif
