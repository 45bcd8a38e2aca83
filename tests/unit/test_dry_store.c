/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/text.h>
#include <store/store_internal.h>

#include "unit.h"

/* A store that notes what is asked of it and fails the test when something would be written. */
struct fake {
	struct store head;
	char calls[256];
	bool freed;
	size_t reads;
	uint32_t next_uid;
};

static bool freed;

static void note(struct store *s, const char *what, const char *name)
{
	struct fake *f = (struct fake *)s;
	size_t at = strlen(f->calls);

	(void)snprintf(f->calls + at, sizeof(f->calls) - at, "%s %s;", what, name);
}

static void fake_free(struct store *s)
{
	freed = true;
	free(s);
}

static void fake_features(const struct store *s, struct store_features *ret)
{
	ret->batches = ret->marks = true;
	ret->size_limit = 77;
}

static uint64_t fake_round_trips(const struct store *s)
{
	return 5;
}

static const char *fake_label(const struct store *s)
{
	return "fake";
}

static int fake_make_folders(struct store *s, struct store_make *v, size_t n, struct mm_err *e)
{
	fail_msg("a folder was made");
	return 0;
}

static int fake_enter_begin(struct store *s, const char *raw, bool write, struct mm_err *reterr)
{
	assert_false(write);
	note(s, "enter", raw);
	return 0;
}

static int fake_enter_end(struct store *s, struct store_folder *ret, struct mm_err *reterr)
{
	*ret = (struct store_folder){.status = {.uidvalidity = 9, .uidnext = 4, .known = true},
				     .permanent_flags = text_dup("\\Seen"),
				     .uids_last = true};
	return 0;
}

static int fake_read(struct store *s, const char *set, unsigned want, uint64_t changed_since,
		     struct mm_err *reterr)
{
	note(s, "read", set);
	((struct fake *)s)->reads++;
	((struct fake *)s)->next_uid = 1;
	return 0;
}

static int fake_read_next(struct store *s, struct message *ret, struct mm_err *reterr)
{
	struct fake *f = (struct fake *)s;

	if (f->reads == 0)
		return 0;
	if (f->next_uid == 3) {
		f->reads--;
		return 0;
	}
	*ret = (struct message){.uid = f->next_uid++};
	return 1;
}

static size_t fake_reads(const struct store *s)
{
	return ((const struct fake *)s)->reads;
}

static int fake_put_begin(struct store *s, const char *raw, const struct message *v, size_t n,
			  struct mm_err *reterr)
{
	fail_msg("a message was put");
	return 0;
}

static int fake_put_end(struct store *s, struct store_put *ret, struct mm_err *reterr)
{
	fail_msg("a message was put");
	return 0;
}

static int fake_flags_begin(struct store *s, const char *set, bool add, const char *flags,
			    struct mm_err *reterr)
{
	fail_msg("flags were changed");
	return 0;
}

static int fake_flags_end(struct store *s, struct mm_err *reterr)
{
	fail_msg("flags were changed");
	return 0;
}

static int fake_remove(struct store *s, const char *set, struct mm_err *reterr)
{
	fail_msg("messages were removed");
	return 0;
}

static const struct store_ops fake_ops = {
	.free = fake_free,
	.features = fake_features,
	.round_trips = fake_round_trips,
	.label = fake_label,
	.make_folders = fake_make_folders,
	.enter_begin = fake_enter_begin,
	.enter_end = fake_enter_end,
	.read = fake_read,
	.read_next = fake_read_next,
	.reads = fake_reads,
	.put_begin = fake_put_begin,
	.put_end = fake_put_end,
	.flags_begin = fake_flags_begin,
	.flags_end = fake_flags_end,
	.remove = fake_remove,
};

static struct fake *inner;
static struct store *dry;

static int setup(void **state)
{
	inner = calloc(1, sizeof(*inner));
	inner->head.ops = &fake_ops;
	freed = false;
	return store_new_dry(&inner->head, &dry);
}

static int teardown(void **state)
{
	dry = store_free(dry);
	return freed ? 0 : -1;
}

static void make(const char *raw, bool create)
{
	struct store_make m = {.raw = raw, .create = create, .subscribe = true};

	assert_int_equal(store_make_folders(dry, &m, 1, NULL), 0);
	assert_int_equal(m.error.code, 0);
}

static void test_features(void **state)
{
	struct store_features f;

	store_features(dry, &f);
	assert_true(f.discards);
	assert_true(f.batches);
	assert_int_equal(f.size_limit, 77);
	assert_int_equal(store_round_trips(dry), 5);
	assert_string_equal(store_label(dry), "fake");
}

static void test_what_is_there_is_read(void **state)
{
	struct store_folder folder = {0};
	struct message m = {0};

	assert_int_equal(store_enter_begin(dry, "INBOX", true, NULL), 0);
	assert_int_equal(store_enter_end(dry, &folder, NULL), 0);
	assert_int_equal(folder.status.uidvalidity, 9);
	store_folder_done(&folder);
	assert_int_equal(store_read_range(dry, 1, 0, STORE_WANT_FLAGS, 0, NULL), 0);
	assert_int_equal(store_reads(dry), 1);
	assert_int_equal(store_read_next(dry, &m, NULL), 1);
	assert_int_equal(m.uid, 1);
	assert_int_equal(store_read_next(dry, &m, NULL), 1);
	assert_int_equal(store_read_next(dry, &m, NULL), 0);
	assert_int_equal(store_reads(dry), 0);
	assert_string_equal(inner->calls, "enter INBOX;read 1:*;");
}

static void test_what_seems_to_be_made_is_empty(void **state)
{
	struct store_folder folder = {0};
	struct message m = {0};

	make("New", true);
	make("Other", true);
	assert_int_equal(store_enter_begin(dry, "New", true, NULL), 0);
	assert_int_equal(store_enter_end(dry, &folder, NULL), 0);
	assert_true(folder.uids_last && folder.status.known);
	assert_int_equal(folder.status.messages, 0);
	assert_int_equal(folder.status.uidnext, 1);
	assert_false(folder.read_only);
	assert_int_equal(store_read_range(dry, 1, 0, STORE_WANT_FLAGS, 0, NULL), 0);
	assert_int_equal(store_reads(dry), 0);
	assert_int_equal(store_read_next(dry, &m, NULL), 0);
	assert_string_equal(inner->calls, "");
	store_folder_done(&folder);

	/* and back to one that is there */
	assert_int_equal(store_enter_begin(dry, "INBOX", true, NULL), 0);
	assert_int_equal(store_enter_end(dry, &folder, NULL), 0);
	assert_int_equal(folder.status.uidvalidity, 9);
	store_folder_done(&folder);
}

static void test_subscribing_makes_nothing(void **state)
{
	struct store_folder folder = {0};

	make("INBOX", false);
	assert_int_equal(store_enter_begin(dry, "INBOX", true, NULL), 0);
	assert_string_equal(inner->calls, "enter INBOX;");
	assert_int_equal(store_enter_end(dry, &folder, NULL), 0);
	store_folder_done(&folder);
}

static void test_nothing_is_written(void **state)
{
	struct seqset set = {0};
	struct message m = {.uid = 1};
	struct mm_err err = {0};
	struct store_put put = {0};

	assert_int_equal(seqset_add(&set, 1, 5), 0);
	assert_int_equal(store_flags_begin(dry, &set, true, "\\Seen", &err), 0);
	assert_int_equal(store_flags_end(dry, &err), 0);
	assert_true(store_put_begin(dry, "INBOX", &m, 1, &err) < 0);
	assert_int_equal(err.scope, MM_SCOPE_JOB);
	assert_true(store_put_end(dry, &put, &err) < 0);
	err = (struct mm_err){0};
	assert_true(store_remove(dry, &set, &err) < 0);
	assert_int_equal(err.scope, MM_SCOPE_JOB);
	assert_string_equal(inner->calls, "");
	seqset_done(&set);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_features),
		TEST(test_what_is_there_is_read),
		TEST(test_what_seems_to_be_made_is_empty),
		TEST(test_subscribing_makes_nothing),
		TEST(test_nothing_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
