/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that the state does not know, for each list of witnesses. */
#include "match_rows.h"

/* A message that the state does not know: its Message-ID and what the rest of its header says
 * ('-': nothing; capitals would name one message even without Message-ID), its text ('-':
 * empty), all of it (a capital: it is a draft) and its size. */
struct stranger {
	uint32_t uid;
	char id, rest, text, content;
	uint64_t size;
};

static bool is_capital(char c)
{
	return c >= 'A' && c <= 'Z';
}

static void fill_strangers(struct match_list *l, const struct stranger *v, unsigned match)
{
	for (; v->uid; v++) {
		struct match_item *it = match_add(l);

		assert_non_null(it);
		it->uid = v->uid;
		it->size = v->size;
		it->id = match & MATCH_MESSAGE_ID && v->id != '-' ? (uint64_t)v->id : 0;
		it->rest = (uint64_t)v->rest;
		it->says = v->rest != '-';
		it->certain = match & MATCH_MESSAGE_ID ? it->id != 0 : is_capital(v->rest);
		it->text[0] = v->text == '-' ? 0 : (uint8_t)v->text;
		it->digest[0] = (uint8_t)(v->content | 0x20 * is_capital(v->content));
		it->flags = strdup(is_capital(v->content) ? "\\Draft \\Seen" : "\\Seen");
	}
}

/* What is read is what is in doubt. */
static void read_doubtful(struct match_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		l->v[i].has_digest = l->v[i].doubtful;
}

/* "1-11h 2": and by what. */
static void shown_how(const struct match_list *l, char *to, size_t size)
{
	size_t at = 0;

	*to = '\0';
	for (size_t i = 0; i < l->n; i++) {
		at += (size_t)snprintf(to + at, size - at, "%s%u", i ? " " : "", l->v[i].uid);
		if (l->v[i].partner)
			at += (size_t)snprintf(to + at, size - at, "-%u%c", l->v[i].partner,
					       "hct"[l->v[i].how]);
		assert_true(at < size);
	}
}

static void test_witnesses(void **state)
{
	enum { ID = MATCH_MESSAGE_ID, D = MATCH_DATE, F = MATCH_FROM, S = MATCH_SUBJECT };
	enum { R = MATCH_RECEIVED, SIZE = MATCH_SIZE, BODY = MATCH_BODY, ALL = MATCH_DEFAULT };
	static const struct {
		const char *what;
		unsigned match;
		struct stranger a[5], b[5];
		const char *first; /* of a: certain at once, or in doubt */
		const char *end;
	} rows[] = {
		/* ---- one and one ---- */
		{"all agree",
		 ALL,
		 {{1, 'i', 'R', 't', 'c', 5}},
		 {{11, 'i', 'R', 'u', 'd', 9}},
		 "1-11",
		 "1-11h"},
		{"all agree, Message-ID alone",
		 ID,
		 {{1, 'i', '-', 't', 'c', 5}},
		 {{11, 'i', '-', 'u', 'd', 9}},
		 "1-11",
		 "1-11h"},
		{"all agree, with Received",
		 ID | R,
		 {{1, 'i', 'R', 't', 'c', 5}},
		 {{11, 'i', 'R', 'u', 'd', 9}},
		 "1-11",
		 "1-11h"},
		{"without Message-ID in the list the others are enough",
		 D | F | S,
		 {{1, 'i', 'R', 't', 'c', 5}},
		 {{11, 'j', 'R', 'u', 'd', 9}},
		 "1-11",
		 "1-11h"},
		{"or are not: the content decides",
		 S,
		 {{1, 'i', 'r', 't', 'c', 5}},
		 {{11, 'i', 'r', 'u', 'd', 9}},
		 "1?",
		 "1"},
		{"or are not, and the content is the same",
		 S,
		 {{1, 'i', 'r', 't', 'c', 5}},
		 {{11, 'i', 'r', 't', 'c', 9}},
		 "1?",
		 "1-11c"},
		{"or are not, and the text is the same",
		 S,
		 {{1, 'i', 'r', 't', 'c', 5}},
		 {{11, 'i', 'r', 't', 'd', 9}},
		 "1?",
		 "1-11t"},
		{"nothing agrees",
		 ALL,
		 {{1, 'i', 'R', 't', 'c', 5}},
		 {{11, 'j', 'Q', 't', 'c', 5}},
		 "1",
		 "1"},
		/* ---- size ---- */
		{"sizes agree",
		 ALL | SIZE,
		 {{1, 'i', 'R', 't', 'c', 5}},
		 {{11, 'i', 'R', 'u', 'd', 5}},
		 "1-11",
		 "1-11h"},
		{"sizes differ: nothing else counts",
		 ALL | SIZE,
		 {{1, 'i', 'R', 't', 'c', 5}},
		 {{11, 'i', 'R', 't', 'c', 9}},
		 "1",
		 "1"},
		{"two under one Message-ID, told apart by size",
		 ID | SIZE,
		 {{1, 'i', '-', 't', 'c', 5}, {2, 'i', '-', 'u', 'd', 6}},
		 {{11, 'i', '-', 'u', 'e', 6}, {12, 'i', '-', 't', 'f', 5}},
		 "1-12 2-11",
		 "1-12h 2-11h"},
		{"size alone names nothing: the content decides",
		 SIZE,
		 {{1, 'i', '-', 't', 'c', 5}, {2, 'i', '-', 'u', 'd', 6}},
		 {{11, 'i', '-', 't', 'x', 5}, {12, 'i', '-', 'u', 'd', 6}},
		 "1? 2?",
		 "1 2-12c"},
		{"another size under another header",
		 ALL | SIZE,
		 {{1, 'i', 'R', 't', 'c', 5}},
		 {{11, 'i', 'Q', 't', 'd', 9}},
		 "1",
		 "1"},
		{"the same size under another header",
		 ALL | SIZE,
		 {{1, 'i', 'R', 't', 'c', 5}},
		 {{11, 'i', 'Q', 't', 'd', 5}},
		 "1?",
		 "1-11t"},
		/* ---- body ---- */
		{"body: every octet",
		 ALL | BODY,
		 {{1, 'i', 'R', 't', 'c', 5}},
		 {{11, 'i', 'R', 't', 'c', 9}},
		 "1?",
		 "1-11c"},
		{"body: the text is not all of it",
		 ALL | BODY,
		 {{1, 'i', 'R', 't', 'c', 5}},
		 {{11, 'i', 'R', 't', 'd', 5}},
		 "1?",
		 "1"},
		{"body: under another header nobody looks",
		 ALL | BODY,
		 {{1, 'i', 'R', 't', 'c', 5}},
		 {{11, 'i', 'Q', 't', 'c', 5}},
		 "1",
		 "1"},
		{"body alone: whatever the header",
		 BODY,
		 {{1, 'i', '-', 't', 'c', 5}, {2, 'i', '-', 'u', 'd', 5}},
		 {{11, 'j', '-', 'u', 'd', 9}, {12, 'j', '-', 't', 'e', 5}},
		 "1? 2?",
		 "1 2-11c"},
		{"body and size: the content is of one size",
		 BODY | SIZE,
		 {{1, 'i', '-', 't', 'c', 5}},
		 {{11, 'i', '-', 't', 'c', 9}},
		 "1",
		 "1"},
		{"body: as many as there are",
		 BODY,
		 {{1, 'i', '-', 't', 'c', 5}, {2, 'i', '-', 't', 'c', 5}},
		 {{11, 'i', '-', 't', 'c', 5}},
		 "1? 2?",
		 "1-11c 2"},
		/* ---- no Message-ID ---- */
		{"a message without Message-ID is a message",
		 ALL,
		 {{1, '-', 'R', 't', 'c', 5}},
		 {{11, '-', 'R', 't', 'c', 9}},
		 "1?",
		 "1-11c"},
		{"with another header field",
		 ALL,
		 {{1, '-', 'R', 't', 'c', 5}},
		 {{11, '-', 'R', 't', 'd', 9}},
		 "1?",
		 "1-11t"},
		{"with a Message-ID made for it",
		 ALL,
		 {{1, '-', 'R', 't', 'c', 5}},
		 {{11, 'j', 'R', 't', 'd', 9}},
		 "1?",
		 "1-11t"},
		{"which the origin has and the destination has not",
		 ALL,
		 {{1, 'i', 'R', 't', 'c', 5}},
		 {{11, '-', 'R', 't', 'd', 9}},
		 "1?",
		 "1-11t"},
		{"another text",
		 ALL,
		 {{1, '-', 'R', 't', 'c', 5}},
		 {{11, 'j', 'R', 'u', 'd', 9}},
		 "1?",
		 "1"},
		{"an empty text says nothing",
		 ALL,
		 {{1, '-', 'R', '-', 'c', 5}},
		 {{11, 'j', 'R', '-', 'd', 9}},
		 "1?",
		 "1"},
		{"a header that says nothing",
		 ALL,
		 {{1, '-', '-', 't', 'c', 5}},
		 {{11, 'j', '-', 't', 'd', 9}},
		 "1",
		 "1"},
		{"no header at all, the same content",
		 ALL,
		 {{1, '-', '-', 't', 'c', 5}},
		 {{11, '-', '-', 't', 'c', 9}},
		 "1?",
		 "1-11c"},
		{"one without, one with a Message-ID: the nearer one first",
		 ALL,
		 {{1, '-', 'R', 't', 'c', 5}},
		 {{11, 'j', 'R', 't', 'd', 9}, {12, '-', 'R', 't', 'e', 9}},
		 "1?",
		 "1-12t"},
		/* ---- rewritten ---- */
		{"two Message-IDs are two messages",
		 ALL,
		 {{1, 'i', 'R', 't', 'c', 5}},
		 {{11, 'j', 'R', 't', 'd', 9}},
		 "1",
		 "1"},
		{"the same Message-ID and text under another header",
		 ALL,
		 {{1, 'i', 'R', 't', 'c', 5}},
		 {{11, 'i', 'Q', 't', 'd', 9}},
		 "1?",
		 "1-11t"},
		{"the same Message-ID under another header and text",
		 ALL,
		 {{1, 'i', 'R', 't', 'c', 5}},
		 {{11, 'i', 'Q', 'u', 'd', 9}},
		 "1?",
		 "1"},
		{"a Received more",
		 ID | R,
		 {{1, 'i', 'R', 't', 'c', 5}},
		 {{11, 'i', 'Q', 't', 'd', 9}},
		 "1?",
		 "1-11t"},
		/* ---- equal ones ---- */
		{"twins, as they were",
		 ALL,
		 {{1, 'i', 'R', 't', 'c', 5}, {2, 'i', 'R', 't', 'c', 5}},
		 {{11, 'i', 'R', 't', 'c', 5}},
		 "1? 2?",
		 "1-11c 2"},
		{"twins, with another header field",
		 ALL,
		 {{1, 'i', 'R', 't', 'c', 5}, {2, 'i', 'R', 't', 'c', 5}},
		 {{11, 'i', 'R', 't', 'd', 5}, {12, 'i', 'R', 't', 'e', 5}},
		 "1? 2?",
		 "1-11t 2-12t"},
		{"twins of which the server has changed the text",
		 ALL,
		 {{1, 'i', 'R', 't', 'c', 5}, {2, 'i', 'R', 't', 'c', 5}},
		 {{11, 'i', 'R', 'u', 'd', 5}},
		 "1? 2?",
		 "1-11h 2"},
		{"one, there twice and changed",
		 ALL,
		 {{1, 'i', 'R', 't', 'c', 5}},
		 {{11, 'i', 'R', 'u', 'd', 5}, {12, 'i', 'R', 'u', 'd', 5}},
		 "1?",
		 "1-11h"},
		{"several texts there: none is believed",
		 ALL,
		 {{1, 'i', 'R', 't', 'c', 5}},
		 {{11, 'i', 'R', 'u', 'd', 5}, {12, 'i', 'R', 'v', 'e', 5}},
		 "1?",
		 "1"},
		{"several texts here",
		 ALL,
		 {{1, 'i', 'R', 't', 'c', 5}, {2, 'i', 'R', 'u', 'd', 5}},
		 {{11, 'i', 'R', 'v', 'e', 5}},
		 "1? 2?",
		 "1 2"},
		{"one of several is there",
		 ALL,
		 {{1, 'i', 'R', 't', 'c', 5}, {2, 'i', 'R', 'u', 'd', 5}},
		 {{11, 'i', 'R', 'u', 'd', 5}, {12, 'i', 'R', 'v', 'e', 5}},
		 "1? 2?",
		 "1 2-11c"},
		{"twins without Message-ID, changed as a whole",
		 ALL,
		 {{1, '-', 'R', 't', 'c', 5}, {2, '-', 'R', 't', 'c', 5}},
		 {{11, '-', 'R', 'u', 'd', 5}, {12, '-', 'R', 'u', 'd', 5}},
		 "1? 2?",
		 "1 2"},
		{"twins, but every octet is asked for",
		 ALL | BODY,
		 {{1, 'i', 'R', 't', 'c', 5}, {2, 'i', 'R', 't', 'c', 5}},
		 {{11, 'i', 'R', 't', 'd', 5}, {12, 'i', 'R', 't', 'c', 5}},
		 "1? 2?",
		 "1-12c 2"},
		/* ---- drafts ---- */
		{"a draft is not believed by its header",
		 ALL,
		 {{1, 'i', 'R', 't', 'C', 5}},
		 {{11, 'i', 'R', 'u', 'd', 5}},
		 "1?",
		 "1"},
		{"nor against one",
		 ALL,
		 {{1, 'i', 'R', 't', 'c', 5}},
		 {{11, 'i', 'R', 'u', 'D', 5}},
		 "1?",
		 "1"},
		{"but by its content",
		 ALL,
		 {{1, 'i', 'R', 't', 'C', 5}},
		 {{11, 'i', 'R', 't', 'C', 5}},
		 "1?",
		 "1-11c"},
		{"and by its text",
		 ALL,
		 {{1, 'i', 'R', 't', 'C', 5}},
		 {{11, 'i', 'Q', 't', 'D', 5}},
		 "1?",
		 "1-11t"},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct match_list a = {0}, b = {0};
		char text[256];

		print_message("%s\n", rows[i].what);
		fill_strangers(&a, rows[i].a, rows[i].match);
		fill_strangers(&b, rows[i].b, rows[i].match);
		match_by_witness(&a, &b, rows[i].match);
		shown(&a, text, sizeof(text));
		assert_string_equal(text, rows[i].first);
		assert_sound(&a, &b);
		read_doubtful(&a);
		read_doubtful(&b);
		match_by_digest(&a, &b);
		match_changed(&a, &b, rows[i].match);
		shown_how(&a, text, sizeof(text));
		assert_string_equal(text, rows[i].end);
		assert_sound(&a, &b);
		match_done(&a);
		match_done(&b);
	}
}

/* Whatever the list and the mail: nobody has two partners, none has one that differs in
 * Message-ID, and equal ones find each other as often as both sides have them. */
static void test_any_strangers(void **state)
{
	unsigned x = 1;

	for (unsigned match = 1; match <= MATCH_ALL; match++) {
		struct match_list a = {0}, b = {0};
		size_t count[2][256] = {{0}};

		for (uint32_t uid = 1; uid <= 60; uid++) {
			unsigned kind, side;
			struct stranger v[2] = {{0}};

			x = x * 1664525u + 1013904223u;
			kind = (x >> 8) % 40;
			side = x >> 31;
			/* Equal content is equal in all. */
			v[0] = (struct stranger){uid,
						 "ijk-"[kind % 4],
						 "RQr-"[kind / 4 % 4],
						 "tu-"[kind % 3],
						 (char)(kind + 1),
						 kind % 5};
			fill_strangers(side ? &b : &a, v, match);
			count[side][kind]++;
		}
		match_by_witness(&a, &b, match);
		read_doubtful(&a);
		read_doubtful(&b);
		match_by_digest(&a, &b);
		match_changed(&a, &b, match);
		assert_sound(&a, &b);
		for (size_t i = 0; i < a.n; i++) {
			const struct match_item *other = match_find(&b, a.v[i].partner);

			if (!other)
				continue;
			assert_false(a.v[i].id && other->id && a.v[i].id != other->id);
			if (match & MATCH_SIZE && a.v[i].how != MATCHED_CONTENT)
				assert_int_equal(a.v[i].size, other->size);
			if (match & MATCH_BODY)
				assert_int_equal(a.v[i].digest[0], other->digest[0]);
		}
		/* Left on both sides is nothing that is the same. */
		for (size_t i = 0; i < a.n; i++)
			for (size_t k = 0; k < b.n; k++)
				if (!a.v[i].partner && !b.v[k].partner)
					assert_int_not_equal(a.v[i].digest[0],
							     b.v[k].digest[0]);
		match_done(&a);
		match_done(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_witnesses),
		cmocka_unit_test(test_any_strangers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
