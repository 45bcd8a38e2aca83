/* SPDX-License-Identifier: Apache-2.0 */
#include "prng.h"
#include "special_names.h"
#include "unit.h"
#include <mailmig/folder.h>
#include <mailmig/text.h>

static const char delims[] = {'/', '.', '\\', '\0', '^'};
static const char *const prefixes[] = {"", "INBOX.", "INBOX/", "mail/", "INBOX.old.", "#mh/"};

static void canonical(const char *name, char delim, const char *prefix, struct buf *out)
{
	buf_reset(out);
	assert_int_equal(folder_name_canonical(name, delim, prefix, out), 0);
}

static void local(const char *name, char delim, const char *prefix, struct buf *out)
{
	buf_reset(out);
	assert_int_equal(folder_name_local(name, delim, prefix, out), 0);
}

static void test_canonical(void **state)
{
	static const struct {
		const char *name;
		char delim;
		const char *prefix, *out;
	} cases[] = {
		{"INBOX", '/', "", "INBOX"},
		{"inbox", '/', "", "INBOX"},
		{"Inbox/x", '/', "", "INBOX/x"},
		{"Inbox.x", '.', "", "INBOX/x"},
		{"Inboxes", '/', "", "Inboxes"},
		{"x/inbox", '/', "", "x/inbox"},
		{"Inbox/x", '.', "", "Inbox%2Fx"},
		{"a/b/c", '/', "", "a/b/c"},
		{"a.b.c", '.', "", "a/b/c"},
		{"a\\b", '\\', "", "a/b"},
		{"a.b", '/', "", "a.b"},
		{"a/b", '.', "", "a%2Fb"},
		{"a.b/c", '.', "", "a/b%2Fc"},
		/* no prefix, or another one */
		{"INBOX.Sent", '.', "INBOX.", "Sent"},
		{"Inbox.Sent", '.', "INBOX.", "Sent"},
		{"INBOX.Sent", '.', "inbox.", "Sent"},
		{"INBOX.a.b", '.', "INBOX.", "a/b"},
		{"INBOX", '.', "INBOX.", "INBOX"},
		{"inbox", '.', "INBOX.", "INBOX"},
		{"INBOX.", '.', "INBOX.", "INBOX"},
		{"Inbox.", '.', "INBOX.", "INBOX"},
		{"INBOX.INBOX.x", '.', "INBOX.", "INBOX/x"},
		{"INBOX.inbox.x", '.', "INBOX.", "INBOX/x"},
		{"INBOX.INBOX", '.', "INBOX.", "INBOX/INBOX"},
		{"INBOX.INBOX.INBOX", '.', "INBOX.", "INBOX/INBOX/INBOX"},
		{"shared.x", '.', "INBOX.", "shared/x"},
		{"INBOXES.x", '.', "INBOX.", "INBOXES/x"},
		{"INBOX/Sent", '/', "INBOX/", "Sent"},
		{"mail/Sent", '/', "mail/", "Sent"},
		{"Mail/Sent", '/', "mail/", "Mail/Sent"},
		{"mail", '/', "mail/", "mail"},
		{"mail/", '/', "mail/", "mail"},
		{"mail/INBOX", '/', "mail/", "mail/INBOX"},
		{"mail/mail/x", '/', "mail/", "mail/x"},
		{"inbox.Old.x", '.', "INBOX.old.", "INBOX/Old/x"},
		{"inbox.old.x", '.', "INBOX.old.", "x"},
		/* escapes */
		{"v1%2E2", '.', "", "v1.2"},
		{"v1%252E2", '.', "", "v1%2E2"},
		{"100%", '.', "", "100%"},
		{"100%25", '.', "", "100%25"},
		{"a%2Fb", '.', "", "a%252Fb"},
		{"a%252Fb", '.', "", "a%25252Fb"},
		{"a%2Fb", '/', "", "a%2Fb"},
		{"a%2fb", '.', "", "a%2fb"},
		{"a%41b", '.', "", "a%41b"},
		{"a%5Cb", '.', "", "a%5Cb"},
		{"a%5Cb", '\\', "", "a\\b"},
		{"%25%2F%", '.', "", "%25%252F%"},
		/* no levels */
		{"a/b", '\0', "", "a%2Fb"},
		{"a%2Fb", '\0', "", "a/b"},
		{"a%252Fb", '\0', "", "a%252Fb"},
		{"a.b", '\0', "", "a.b"},
		{"inbox", '\0', "", "INBOX"},
	};
	_cleanup_(buf_done) struct buf out = {0};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		canonical(cases[i].name, cases[i].delim, cases[i].prefix, &out);
		assert_string_equal(buf_str(&out), cases[i].out);
	}
}

static void test_local(void **state)
{
	static const struct {
		const char *name;
		char delim;
		const char *prefix, *out;
	} cases[] = {
		{"INBOX", '/', "", "INBOX"},
		{"INBOX", '.', "INBOX.", "INBOX"},
		{"INBOX", '/', "mail/", "INBOX"},
		{"inbox", '.', "INBOX.", "INBOX"},
		{"Inbox/x", '/', "", "INBOX/x"},
		{"INBOX/x", '.', "", "INBOX.x"},
		{"INBOX/x", '.', "INBOX.", "INBOX.INBOX.x"},
		{"INBOX/INBOX", '.', "INBOX.", "INBOX.INBOX"},
		{"INBOX/INBOX/INBOX", '.', "INBOX.", "INBOX.INBOX.INBOX"},
		{"Sent", '.', "INBOX.", "INBOX.Sent"},
		{"a/b", '.', "INBOX.", "INBOX.a.b"},
		{"a/b", '/', "mail/", "mail/a/b"},
		{"mail", '/', "mail/", "mail/mail"},
		{"a/b", '\\', "", "a\\b"},
		{"v1.2", '.', "", "v1%2E2"},
		{"v1.2", '/', "", "v1.2"},
		{"v1%2E2", '.', "", "v1%252E2"},
		{"a%2Fb", '.', "", "a/b"},
		{"a%2Fb", '/', "", "a%2Fb"},
		{"a%252Fb", '.', "", "a%2Fb"},
		{"a\\b", '\\', "", "a%5Cb"},
		{"a/b", '\0', "", "a%2Fb"},
		{"a%2Fb", '\0', "", "a/b"},
		{"a/b/c", '\0', "", "a%2Fb%2Fc"},
		{"", '.', "INBOX.", ""},
	};
	_cleanup_(buf_done) struct buf out = {0};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		local(cases[i].name, cases[i].delim, cases[i].prefix, &out);
		assert_string_equal(buf_str(&out), cases[i].out);
	}
}

static void test_appends(void **state)
{
	_cleanup_(buf_done) struct buf out = {0};

	assert_int_equal(buf_adds(&out, "inbox|"), 0);
	assert_int_equal(folder_name_canonical("inbox.x", '.', "", &out), 0);
	assert_int_equal(buf_adds(&out, "|"), 0);
	assert_int_equal(folder_name_local("a/b", '.', "INBOX.", &out), 0);
	assert_string_equal(out.p, "inbox|INBOX/x|INBOX.a.b");
}

/* Canonical name -> local name -> canonical name. */
static void assert_round_trip(const char *name, char delim, const char *prefix)
{
	_cleanup_(buf_done) struct buf there = {0}, back = {0};

	local(name, delim, prefix, &there);
	canonical(there.p, delim, prefix, &back);
	if (strcmp(back.p, name) != 0)
		fail_msg("%s -> %s -> %s (delimiter %d, prefix %s)", name, there.p, back.p,
			 delim, prefix);
}

static void assert_all_round_trips(const char *name)
{
	for (size_t d = 0; d < sizeof(delims); d++)
		for (size_t p = 0; p < ELEMENTS(prefixes); p++)
			assert_round_trip(name, delims[d], prefixes[p]);
}

static void test_round_trips(void **state)
{
	static const char *const names[] = {
		"INBOX",
		"INBOX/x",
		"INBOX/INBOX",
		"INBOX/inbox",
		"INBOX/INBOX/x",
		"INBOX/Inbox/x",
		"INBOX.INBOX",
		"INBOX.x",
		"inbox.x",
		"Inbox.INBOX.x",
		"INBOX.INBOX.INBOX",
		"INBOX.old",
		"INBOX/old",
		"INBOX/old/INBOX",
		"INBOX/old/x",
		"INBOX.old.INBOX",
		"inbox%2Fx",
		"INBOX%2FINBOX",
		"INBOX%2E",
		"x/inbox",
		"x/INBOX",
		"Inboxes",
		"mail",
		"mail/mail",
		"mail/INBOX",
		"mail/mail/INBOX",
		"mail/x",
		"mail.x",
		"#mh/x",
		"#mh/INBOX",
		"a",
		"a/b",
		"a.b",
		"a.b/c.d",
		"a\\b",
		"a^b",
		"v1.2/x",
		".",
		"..",
		".hidden",
		"a.",
		"%",
		"%%",
		"100%",
		"50% off",
		"%2",
		"%2F",
		"%2f",
		"%2E",
		"%5C",
		"%5E",
		"%25",
		"%252F",
		"%252E",
		"%25252F",
		"%25%2F",
		"%2%2F",
		"%2F%2E",
		"%2%2E",
		"a%2Fb/c",
		"a%2Fb.c/d",
		"%2F.%2E",
		"%25.",
		"%.2E",
		"%2.F",
		"%/2F",
		"%2/F",
		"%25/2F",
		"a b",
		" a ",
		"Entwürfe/2024",
		"日本語.台北/x",
		"&AOQ-",
		"a//b",
		"a/",
		"/a",
	};

	for (size_t i = 0; i < ELEMENTS(names); i++)
		assert_all_round_trips(names[i]);
	for (size_t i = 0; i < ELEMENTS(special_names); i++)
		assert_all_round_trips(special_names[i].utf8);
}

/* The other way round: local name -> canonical name -> local name, where the name lies below
 * the prefix as the store spells it, or is INBOX. */
static void test_local_round_trips(void **state)
{
	static const char *const names[] = {
		"x",       "a.b",     "a/b",   "a\\b",       "%2F",    "%2E",
		"%252F",   "a%2Fb.c", "a%5Cb", "v1%2E2/3",   "100%",   "%25",
		"INBOX.x", "INBOX/x", "INBOX", "mail/INBOX", "日本語", "a%2Eb/%2F",
	};
	_cleanup_(buf_done) struct buf name = {0}, there = {0}, back = {0};

	for (size_t d = 0; d < sizeof(delims); d++)
		for (size_t p = 0; p < ELEMENTS(prefixes); p++)
			for (size_t i = 0; i < ELEMENTS(names); i++) {
				buf_reset(&name);
				assert_int_equal(buf_addf(&name, "%s%s", prefixes[p], names[i]),
						 0);
				canonical(name.p, delims[d], prefixes[p], &there);
				local(there.p, delims[d], prefixes[p], &back);
				assert_string_equal(back.p, name.p);
			}
}

/* A canonical name made of what is dangerous, at most 12 pieces. */
static void random_name(struct prng *rng, struct buf *out)
{
	static const char *const pieces[] = {
		"/",   ".",   "\\",  "^",   "%",     "2",     "5",    "F",   "E", "C",
		"%2F", "%2E", "%25", "%5C", "INBOX", "inbox", "mail", "old", "x", "#mh",
	};

	buf_reset(out);
	for (unsigned n = 1 + prng_below(rng, 12); n > 0; n--)
		assert_int_equal(buf_adds(out, pieces[prng_below(rng, ELEMENTS(pieces))]), 0);
	if (text_ieqn(out->p, strcspn(out->p, "/"), "INBOX"))
		memcpy(out->p, "INBOX", 5);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Different canonical names have different local ones. Both are sorted; the numbers of
 * different ones must agree. */
static size_t count_different(char **v, size_t n)
{
	size_t different = n > 0;

	qsort(v, n, sizeof(*v), by_text);
	for (size_t i = 1; i < n; i++)
		different += strcmp(v[i], v[i - 1]) != 0;
	return different;
}

static void test_injective(void **state)
{
	enum { N = 3000 };
	static char *names[N], *locals[N];

	for (size_t d = 0; d < sizeof(delims); d++)
		for (size_t p = 0; p < ELEMENTS(prefixes); p++) {
			struct prng rng = {.state = 1 + d * 100 + p};

			for (size_t i = 0; i < N; i++) {
				struct buf name = {0}, there = {0};

				random_name(&rng, &name);
				local(name.p, delims[d], prefixes[p], &there);
				names[i] = buf_take(&name);
				locals[i] = buf_take(&there);
			}
			assert_int_equal(count_different(names, N), count_different(locals, N));
			for (size_t i = 0; i < N; i++) {
				free(names[i]);
				free(locals[i]);
			}
		}
}

static void test_pseudo_random_round_trips(void **state)
{
	struct prng rng = {.state = 7};
	_cleanup_(buf_done) struct buf name = {0};

	for (unsigned round = 0; round < 20000; round++) {
		random_name(&rng, &name);
		assert_all_round_trips(name.p);
	}
}

/* A local name has a delimiter only between levels: as many as the canonical name has. */
static void test_levels_stay(void **state)
{
	struct prng rng = {.state = 8};
	_cleanup_(buf_done) struct buf name = {0}, there = {0};

	for (unsigned round = 0; round < 20000; round++) {
		char delim = delims[prng_below(&rng, sizeof(delims))];
		int levels = 0;

		random_name(&rng, &name);
		local(name.p, delim, "", &there);
		for (const char *s = name.p; *s; s++)
			levels += *s == '/';
		for (const char *s = there.p; *s; s++)
			levels -= delim && *s == delim;
		if (delim)
			assert_int_equal(levels, 0);
	}
}

/* A delimiter that is part of the escapes themselves: no server has one, none may harm. */
static void test_strange_delimiters(void **state)
{
	struct prng rng = {.state = 9};
	_cleanup_(buf_done) struct buf name = {0}, there = {0};

	for (unsigned round = 0; round < 20000; round++) {
		random_name(&rng, &name);
		local(name.p, (char)prng_below(&rng, 256), "INBOX.", &there);
		canonical(name.p, (char)prng_below(&rng, 256), "INBOX.", &there);
	}
}

static struct folder *add(struct folder_list *l, const char *name)
{
	struct folder *f = folder_list_add(l);

	assert_non_null(f);
	assert_null(f->name);
	assert_false(f->status.known);
	f->name = text_dup(name);
	f->raw = text_dup(name);
	f->role = text_dup("\\Sent");
	assert_true(f->name && f->raw && f->role);
	return f;
}

static void test_list(void **state)
{
	static const char *const sorted[] = {"INBOX", "A", "INBOX/x", "INBOX2",
					     "Z",     "a", "b/c"};
	static const size_t order[] = {5, 2, 6, 0, 4, 3, 1};
	_cleanup_(folder_list_done) struct folder_list l = {0};

	folder_list_sort(&l);
	assert_null(folder_list_find(&l, "INBOX"));
	for (size_t i = 0; i < ELEMENTS(order); i++)
		add(&l, sorted[order[i]])->delim = (char)('0' + order[i]);
	folder_list_sort(&l);

	assert_int_equal(l.n, ELEMENTS(sorted));
	for (size_t i = 0; i < ELEMENTS(sorted); i++) {
		assert_string_equal(l.v[i].name, sorted[i]);
		assert_int_equal(l.v[i].delim, '0' + (int)i);
		assert_ptr_equal(folder_list_find(&l, sorted[i]), &l.v[i]);
	}
	assert_null(folder_list_find(&l, "inbox"));
	assert_null(folder_list_find(&l, "b"));
}

static void test_list_grows(void **state)
{
	_cleanup_(folder_list_done) struct folder_list l = {0};
	char name[16];

	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "f%u", i);
		add(&l, name)->status.messages = i;
	}
	assert_int_equal(l.n, 1000);
	folder_list_sort(&l);
	assert_int_equal(folder_list_find(&l, "f777")->status.messages, 777);
	folder_list_done(&l);
	assert_int_equal(l.n, 0);
	assert_null(l.v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_local),
		cmocka_unit_test(test_appends),
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_local_round_trips),
		cmocka_unit_test(test_injective),
		cmocka_unit_test(test_pseudo_random_round_trips),
		cmocka_unit_test(test_levels_stay),
		cmocka_unit_test(test_strange_delimiters),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_list_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
