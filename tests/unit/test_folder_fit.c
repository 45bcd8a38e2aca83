/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/folder_fit.h>
#include <mailmig/text.h>

#include "unit.h"

static void add(struct folder_list *l, const char *name, bool noinferiors)
{
	struct folder *f = folder_list_add(l);

	assert_non_null(f);
	f->name = text_dup(name);
	f->raw = text_dup(name);
	f->noinferiors = noinferiors;
}

/* What is known of a kind of server. */
static void test_known_servers(void **state)
{
	static const struct {
		enum folder_server server;
		const char *name, *becomes; /* NULL: it stays */
	} rows[] = {
		{FOLDER_SERVER_ANY, "a^b /  c/Files", NULL},
		{FOLDER_SERVER_GMAIL, "plain/Name with blanks", NULL},
		{FOLDER_SERVER_GMAIL, "2^10", "2%5E10"},
		{FOLDER_SERVER_GMAIL, " first", "%20first"},
		{FOLDER_SERVER_GMAIL, "last ", "last%20"},
		{FOLDER_SERVER_GMAIL, "a/last /b", "a/last%20/b"},
		{FOLDER_SERVER_GMAIL, "two  blanks", "two %20blanks"},
		{FOLDER_SERVER_GMAIL, "three   blanks", "three %20%20blanks"},
		{FOLDER_SERVER_GMAIL, " ", "%20"},
		/* What looks like an escape gets one, too, or the way back were not exact. */
		{FOLDER_SERVER_GMAIL, "100%25/x^", "100%2525/x%5E"},
		{FOLDER_SERVER_GMAIL, "100%/x^", "100%/x%5E"},
		{FOLDER_SERVER_GMAIL, "100%25/x", NULL},
		{FOLDER_SERVER_GMAIL, "Files", NULL},
		{FOLDER_SERVER_GMAIL, "Gel\xc3\xb6scht ", "Gel\xc3\xb6scht%20"},
		{FOLDER_SERVER_EXCHANGE, "Files", "%46iles"},
		{FOLDER_SERVER_EXCHANGE, "FILES/2019", "%46ILES/2019"},
		{FOLDER_SERVER_EXCHANGE, "My/Files", NULL},
		{FOLDER_SERVER_EXCHANGE, "Filesystem", NULL},
		{FOLDER_SERVER_EXCHANGE, "last ", "last%20"},
		{FOLDER_SERVER_EXCHANGE, " first/x", NULL},
		{FOLDER_SERVER_EXCHANGE, "2^10", NULL},
	};
	const struct folder_list none = {0};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(buf_done) struct buf out = {0};
		int r = folder_fit(rows[i].name, rows[i].server, &none, &out);

		assert_string_equal(buf_str(&out),
				    rows[i].becomes ? rows[i].becomes : rows[i].name);
		assert_int_equal(r, rows[i].becomes != NULL);
	}
	assert_true(folder_server_ignores_case(FOLDER_SERVER_EXCHANGE));
	assert_false(folder_server_ignores_case(FOLDER_SERVER_GMAIL));
	assert_false(folder_server_ignores_case(FOLDER_SERVER_ANY));
}

/* Below folders that can hold no others. */
static void test_joints(void **state)
{
	static const struct {
		enum folder_server server;
		const char *name, *becomes;
	} rows[] = {
		{FOLDER_SERVER_ANY, "INBOX", NULL},
		{FOLDER_SERVER_ANY, "INBOX/a", "INBOX%2Fa"},
		{FOLDER_SERVER_ANY, "INBOX/a/b", "INBOX%2Fa/b"},
		{FOLDER_SERVER_ANY, "Open/a", NULL},
		{FOLDER_SERVER_ANY, "Open/Flat", NULL},
		{FOLDER_SERVER_ANY, "Open/Flat/x", "Open/Flat%2Fx"},
		{FOLDER_SERVER_ANY, "Missing/x", NULL},
		{FOLDER_SERVER_GMAIL, "INBOX/a ", "INBOX%252Fa%20"},
	};
	struct folder_list there = {0};

	add(&there, "INBOX", true);
	add(&there, "Open", false);
	add(&there, "Open/Flat", true);
	folder_list_sort(&there);
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(buf_done) struct buf out = {0};
		int r = folder_fit(rows[i].name, rows[i].server, &there, &out);

		assert_string_equal(buf_str(&out),
				    rows[i].becomes ? rows[i].becomes : rows[i].name);
		assert_int_equal(r, rows[i].becomes != NULL);
	}
	folder_list_done(&there);
}

/* After a refusal that nobody explains. */
static void test_other_names(void **state)
{
	static const struct {
		const char *name, *others[6];
	} rows[] = {
		{"plain", {"plain", "plain", "plain", "plain", "plain", "plain"}},
		{"a/b/c",
		 {"a/b/c", "a/b/c", "a%2Fb%2Fc", "a%252Fb%252Fc", "a/b/c", "a=2Fb=2Fc"}},
		{"a: b?",
		 {"a%3A b%3F", "a%3A b%3F", "a%3A b%3F", "a%3A b%3F", "a=3A b=3F",
		  "a=3A b=3F"}},
		{"x:/y", {"x%3A/y", "x%3A/y", "x%3A%2Fy", "x%3A%252Fy", "x=3A/y", "x=3A=2Fy"}},
		{".hide/d.ts..",
		 {"%2Ehide/d.ts.%2E", "%2Ehide/d%2Ets%2E%2E", "%2Ehide%2Fd.ts.%2E",
		  "%2Ehide%252Fd.ts.%2E", "=2Ehide/d=2Ets=2E=2E", "=2Ehide=2Fd=2Ets=2E=2E"}},
		{"v1.2", {"v1.2", "v1%2E2", "v1.2", "v1.2", "v1=2E2", "v1=2E2"}},
		{"AC%2FDC",
		 {"AC%252FDC", "AC%252FDC", "AC%252FDC", "AC%252FDC", "AC=252FDC",
		  "AC=252FDC"}},
		{"tab\there",
		 {"tab%09here", "tab%09here", "tab%09here", "tab%09here", "tab=09here",
		  "tab=09here"}},
		{"100 %", {"100 %25", "100 %25", "100 %25", "100 %25", "100 =25", "100 =25"}},
		{"a=b=3D", {"a=b=3D", "a=b=3D", "a=b=3D", "a=b=3D", "a=b=3D3D", "a=b=3D3D"}},
		{"Entw\xc3\xbcrfe (alt), R&D",
		 {"Entw\xc3\xbcrfe (alt), R%26D", "Entw\xc3\xbcrfe (alt), R%26D",
		  "Entw\xc3\xbcrfe (alt), R%26D", "Entw\xc3\xbcrfe (alt), R%26D",
		  "Entw\xc3\xbcrfe (alt), R=26D", "Entw\xc3\xbcrfe (alt), R=26D"}},
	};
	_cleanup_(buf_done) struct buf none = {0}, own = {0};

	for (size_t i = 0; i < ELEMENTS(rows); i++)
		for (unsigned n = 0; n < ELEMENTS(rows[i].others); n++) {
			_cleanup_(buf_done) struct buf out = {0};

			assert_int_equal(folder_other_name(rows[i].name, n, '.', &out), 1);
			assert_string_equal(buf_str(&out), rows[i].others[n]);
		}
	assert_int_equal(folder_other_name("a/b", 6, '.', &none), 0);
	/* The server's own separator is not to be seen in a level, whatever it is. */
	assert_int_equal(folder_other_name("a~b/c-d", 4, '-', &own), 1);
	assert_string_equal(buf_str(&own), "a=7Eb/c=2Dd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_servers),
		cmocka_unit_test(test_joints),
		cmocka_unit_test(test_other_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
