/* SPDX-License-Identifier: Apache-2.0 */
#include "map_table.h"
#include "prng.h"

/* What is left to the folders themselves, and what they do together. */

static void test_automap(void **state)
{
	static const struct table_row rows[] = {
		/* role to role, whatever the names and the languages */
		{.origin = {"Sent|\\Sent", "Drafts|\\Drafts"},
		 .destination = {"Sent Items|\\Sent", "Entwürfe|\\Drafts"},
		 .map = "Drafts -> Entwürfe (automap \\Drafts (SPECIAL-USE)) =\n"
			"Sent -> Sent Items (automap \\Sent (SPECIAL-USE)) =\n"},
		{.origin = {"Gesendet", "Papierkorb", "已删除"},
		 .destination = {"Éléments envoyés", "Корзина"},
		 .map = "Gesendet -> Éléments envoyés (automap \\Sent (name)) =\n"
			"Papierkorb -> Корзина (automap \\Trash (name)) =\n" SAME("已删除")},
		{.origin = {"GÖNDERİLMİŞ ÖĞELER", "ごみ箱", "ΑΠΕΣΤΑΛΜΈΝΑ/x"},
		 .destination = {"Sent", "Trash"},
		 .map = "GÖNDERİLMİŞ ÖĞELER -> Sent (automap \\Sent (name)) =\n" SAME(
			 "ΑΠΕΣΤΑΛΜΈΝΑ/x") "ごみ箱 -> Trash (automap \\Trash (name)) =\n"},
		/* sub-folders follow, also those of a parent that holds no messages */
		{.origin = {"Sent|\\Sent", "Sent/2019", "Sent/2019/May", "Sentinel",
			    "Archives|~", "Archives/2018"},
		 .destination = {"Sent Items|\\Sent", "Archiv|\\Archive", "Archiv/2018"},
		 .map = "Archives/2018 -> Archiv/2018 (automap \\Archive (name)) =\n"
			"Sent -> Sent Items (automap \\Sent (SPECIAL-USE)) =\n"
			"Sent/2019 -> Sent Items/2019 (automap \\Sent (SPECIAL-USE))\n"
			"Sent/2019/May -> Sent Items/2019/May (automap \\Sent "
			"(SPECIAL-USE))\n" SAME("Sentinel")},
		/* the nearest folder with a role above it decides */
		{.origin = {"Archive|\\Archive", "Archive/Sent|\\Sent", "Archive/Sent/a",
			    "Archive/b"},
		 .destination = {"Sent", "Old|\\Archive"},
		 .map = "Archive -> Old (automap \\Archive (SPECIAL-USE)) =\n"
			"Archive/Sent -> Sent (automap \\Sent (SPECIAL-USE)) =\n"
			"Archive/Sent/a -> Sent/a (automap \\Sent (SPECIAL-USE))\n"
			"Archive/b -> Old/b (automap \\Archive (SPECIAL-USE))\n"},
		/* a name is no evidence against the very same name, a flag is */
		{.origin = {"Entwürfe", "Drafts"},
		 .destination = {"Drafts", "Entwürfe"},
		 .map = "Drafts -> Drafts (same name) =\n"
			"Entwürfe -> Entwürfe (automap \\Drafts (name)) =\n"},
		{.origin = {"Gesendet"},
		 .destination = {"Sent|\\Sent", "Gesendet"},
		 .map = "Gesendet -> Sent (automap \\Sent (name)) =\n"},
		/* map moves the one folder alone: what is below goes by its role */
		{.rules.map = {"Sent", "X"},
		 .origin = {"Sent", "Sent/a"},
		 .destination = {"Sent Items"},
		 .map = "Sent -> X (map)\nSent/a -> Sent Items/a (automap \\Sent (name))\n"},
		/* the destination has none: its language, else the same name */
		{.origin = {"Gesendet", "Papierkorb|\\Trash"},
		 .destination = {"Drafts", "Junk"},
		 .map = "Gesendet -> Sent (automap \\Sent (name)) + \\Sent\n"
			"Papierkorb -> Trash (automap \\Trash (SPECIAL-USE)) + \\Trash\n"},
		{.origin = {"Gesendet"},
		 .destination = {"INBOX"},
		 .map = "Gesendet -> Gesendet (automap \\Sent (name)) + \\Sent\n"},
		/* there by name, but not for this: it is taken, nothing is made */
		{.origin = {"Weird|\\Sent"},
		 .destination = {"Weird"},
		 .map = "Weird -> Weird (automap \\Sent (SPECIAL-USE)) =\n"},
		/* views are not made */
		{.origin = {"All|\\All", "Star|\\Flagged", "Imp|\\Important"},
		 .map = "All -> All (automap \\All (SPECIAL-USE))\n"
			"Imp -> Imp (automap \\Important (SPECIAL-USE)) + \\Important\n"
			"Star -> Star (automap \\Flagged (SPECIAL-USE))\n"},
		/* guesses: taken where the role is, never made */
		{.origin = {"Junk Messages", "Sent to clients"},
		 .destination = {"Spam|\\Junk", "Sent"},
		 .map = "Junk Messages -> Spam (automap \\Junk (name, guess)) =\n" SAME(
			 "Sent to clients")},
		{.origin = {"Junk Messages"},
		 .destination = {"Sent", "Drafts"},
		 .map = "Junk Messages -> Junk Messages (automap \\Junk (name, guess))\n"},
		/* names that mean two things */
		{.origin = {"Lixo"}, .destination = {"Trash", "Junk"}, .map = SAME("Lixo")},
		{.origin = {"Lixo", "Spam"},
		 .destination = {"Bin|\\Trash", "Junk"},
		 .map = "Lixo -> Bin (automap \\Trash (name)) =\n"
			"Spam -> Junk (automap \\Junk (name)) =\n"},
		/* outgoing mail is not sent mail */
		{.origin = {"Postausgang", "OUTBOX"},
		 .destination = {"Sent|\\Sent"},
		 .map = SAME("OUTBOX") SAME("Postausgang")},
		/* INBOX is INBOX */
		{.origin = {"INBOX", "INBOX/Sent"},
		 .destination = {"INBOX", "Sent|\\Sent"},
		 .map = "INBOX -> INBOX (same name) =\n" SAME("INBOX/Sent")},
		/* only what nobody says and the name itself: the same flag twice */
		{.origin = {"Z|\\Sent", "A|\\Sent"},
		 .destination = {"Sent"},
		 .map = SAME("A") "Z -> Sent (automap \\Sent (SPECIAL-USE)) =\n"
				  "# the origin marks more than one folder as \\Sent: \"Z\", "
				  "\"A\"; the first is taken\n"},
		{.origin = {"S|\\Sent"},
		 .destination = {"Z|\\Sent", "A|\\Sent"},
		 .map = "S -> Z (automap \\Sent (SPECIAL-USE)) =\n"
			"# the destination marks more than one folder as \\Sent: \"Z\", \"A\"; "
			"the first is taken\n"},
	};

	check_rows(rows, ELEMENTS(rows));
}

static void test_gmail(void **state)
{
	static const struct table_row rows[] = {
		{.origin = {"INBOX", "[Gmail]|~", "[Gmail]/Sent Mail|\\Sent",
			    "[Gmail]/All Mail|\\All", "[Gmail]/Important|\\Important",
			    "[Gmail]/Starred|\\Flagged", "[Gmail]/Chats", "Work", "Work/a"},
		 .destination = {"INBOX", "Gesendet|\\Sent", "Entwürfe|\\Drafts"},
		 .map = "INBOX -> INBOX (same name) =\n" SAME("Work")
			 SAME("Work/a") "[Gmail]/All Mail -> Alle Nachrichten (automap \\All "
					"(SPECIAL-USE))\n"
					"[Gmail]/Chats -> Chats (automap, without [Gmail])\n"
					"[Gmail]/Important -> Important (automap \\Important "
					"(SPECIAL-USE)) + \\Important\n"
					"[Gmail]/Sent Mail -> Gesendet (automap \\Sent "
					"(SPECIAL-USE)) =\n"
					"[Gmail]/Starred -> Starred (automap \\Flagged "
					"(SPECIAL-USE))\n"},
		/* from Gmail to Gmail, in another language */
		{.origin = {"[Gmail]/Sent Mail|\\Sent", "[Gmail]/Chats"},
		 .destination = {"[Gmail]/Gesendet|\\Sent"},
		 .map = SAME("[Gmail]/Chats") "[Gmail]/Sent Mail -> [Gmail]/Gesendet (automap "
					      "\\Sent (SPECIAL-USE)) =\n"},
		/* to Gmail */
		{.origin = {"Sent", "Junk"},
		 .destination = {"[Google Mail]/Sent Mail|\\Sent", "[Google Mail]/Spam|\\Junk"},
		 .map = "Junk -> [Google Mail]/Spam (automap \\Junk (name)) =\n"
			"Sent -> [Google Mail]/Sent Mail (automap \\Sent (name)) =\n"},
		/* by name, below the prefix */
		{.origin = {"[Google Mail]/Drafts", "[Google Mail]/x/Trash"},
		 .destination = {"Entwürfe"},
		 .map = "[Google Mail]/Drafts -> Entwürfe (automap \\Drafts (name)) =\n"
			"[Google Mail]/x/Trash -> x/Trash (automap, without [Gmail])\n"},
	};

	check_rows(rows, ELEMENTS(rows));
}

static void test_meeting(void **state)
{
	static const struct table_row rows[] = {
		/* by automap alone: said, not prevented */
		{.origin = {"Sent", "Sent Items|\\Sent"},
		 .destination = {"Sent"},
		 .map = "Sent -> Sent (same name) = &\n"
			"Sent Items -> Sent (automap \\Sent (SPECIAL-USE)) = &\n"
			"# the origin's folders \"Sent\" and \"Sent Items\" go to one folder: "
			"\"Sent\"\n"},
		/* by rules */
		{.rules.map = {"A", "X", "B", "X"},
		 .rules.rewrite = {"s/^C$/X/"},
		 .origin = {"A", "B", "C", "D"},
		 .map = "A -> X (map) &\nB -> X (map) &\nC -> X (rewrite 1) &\n" SAME(
			 "D") "# 3 of the origin's folders, \"A\" and others, go to one "
			      "folder: "
			      "\"X\"\n"},
		/* two of one name at the origin: one of them is not done */
		{.origin = {"A", "A"},
		 .map = SAME("A") "A ! origin folder \"A\" has the same name as another one\n"},
		/* and what is not done meets nobody */
		{.rules.map = {"A", "bad"},
		 .origin = {"A", "bad|?"},
		 .map = "A -> bad (map)\n"
			"bad ! the origin lists a folder whose name is none: \"bad\"\n"},
		/* case */
		{.origin = {"Work", "work"}, .map = SAME("Work") SAME("work")},
		{.caseless = true,
		 .origin = {"Work", "work", "wörk", "WÖRK"},
		 .map = "Work -> Work (same name) &\nWÖRK -> WÖRK (same name) &\n"
			"work -> Work (same name) &\nwörk -> WÖRK (same name) &\n"
			"# the origin's folders \"Work\" and \"work\" go to one folder: "
			"\"Work\"\n"
			"# the origin's folders \"WÖRK\" and \"wörk\" go to one folder: "
			"\"WÖRK\"\n"},
		/* the destination's spelling counts, also that of folders above */
		{.caseless = true,
		 .origin = {"work", "work/A", "work/b/c"},
		 .destination = {"Work", "Work/a"},
		 .map = "work -> Work (same name) =\nwork/A -> Work/a (same name) =\n"
			"work/b/c -> Work/b/c (same name)\n"},
		{.origin = {"work"}, .destination = {"Work"}, .map = SAME("work")},
	};

	check_rows(rows, ELEMENTS(rows));
}

static void test_kept(void **state)
{
	static const struct table_row rows[] = {
		/* a role that moved at the destination moves nothing */
		{.origin = {"Sent|\\Sent", "Sent/a", "Sent/new"},
		 .destination = {"Sent Items|\\Sent", "Sent"},
		 .known = {{"raw Sent", "Sent", "automap"},
			   {"raw Sent/a", "Sent/a", "automap"}},
		 .map = "Sent -> Sent (as before) =\nSent/a -> Sent/a (automap \\Sent "
			"(SPECIAL-USE))\n"
			"Sent/new -> Sent/new (automap \\Sent (SPECIAL-USE))\n"},
		/* nor one that is gone */
		{.origin = {"Gesendet", "A"},
		 .destination = {"INBOX"},
		 .known = {{"raw Gesendet", "Sent Items", "automap"}},
		 .map = SAME("A") "Gesendet -> Sent Items (as before)\n"},
		/* what the configuration says is done */
		{.rules.map = {"Sent", "X"},
		 .origin = {"Sent"},
		 .destination = {"Sent Items"},
		 .known = {{"raw Sent", "Sent Items", "automap"}},
		 .map = "Sent -> X (map)\n"},
		{.rules.no_automap = true,
		 .origin = {"Sent"},
		 .destination = {"Sent Items"},
		 .known = {{"raw Sent", "Sent Items", "automap"}},
		 .map = SAME("Sent")},
		{.rules.into = "Old",
		 .origin = {"Sent"},
		 .known = {{"raw Sent", "Sent Items", "automap"}},
		 .map = "Sent -> Old/Sent (into)\n"},
		{.origin = {"Sent"},
		 .destination = {"Sent Items"},
		 .known = {{"raw Sent", "X", "map X"}},
		 .map = "Sent -> Sent Items (automap \\Sent (name)) =\n"},
		/* where it is anyway */
		{.origin = {"Sent"},
		 .destination = {"Sent Items"},
		 .known = {{"raw Sent", "Sent Items", "automap"}},
		 .map = "Sent -> Sent Items (automap \\Sent (name)) =\n"},
		{.origin = {"A"},
		 .known = {{"raw B", "C", "automap"}, {"raw A", "A", "same"}},
		 .map = SAME("A")},
	};

	check_rows(rows, ELEMENTS(rows));
}

/* ---- any names at all ---- */

static const char *random_name(struct prng *rng)
{
	static const char *const parts[] = {
		"Sent",    "Gesendet", "Trash", "Lixo",    "Junk Messages",
		"[Gmail]", "INBOX",    "A",     "a",       "Archiv",
		"ü",       "Ü",        "\xff",  "Archive", "x y",
		"%2F",     "已删除",   "..",    "Drafts",  "Work",
		"İ"};
	static char name[256];
	size_t levels = 1 + prng_below(rng, 3), n = 0;

	for (size_t i = 0; i < levels; i++)
		n += (size_t)snprintf(name + n, sizeof(name) - n, "%s%s", i ? "/" : "",
				      parts[prng_below(rng, ELEMENTS(parts))]);
	return name;
}

static void random_side(struct prng *rng, struct folder_list *l)
{
	size_t n = prng_below(rng, 40);

	for (size_t i = 0; i < n; i++) {
		struct folder *f = folder_list_add(l);

		assert_non_null(f);
		f->name = text_dup(random_name(rng));
		f->raw = text_fmt("%zu", i);
		f->noselect = prng_below(rng, 8) == 0;
		f->subscribed = prng_below(rng, 2) == 0;
		if (prng_below(rng, 6) == 0)
			f->role =
				text_dup(role_name((enum folder_role)prng_below(rng, ROLE_N)));
	}
	folder_list_sort(l);
}

/* Every folder is somewhere, no destination is shared in silence, all is legal. */
static void check_sound(const struct folder_list *origin, const struct map *m)
{
	size_t n = 0;

	for (size_t i = 0; i < origin->n; i++)
		n += !origin->v[i].noselect;
	assert_int_equal(m->n_pairs + m->n_omitted, n);
	for (size_t i = 0; i < m->n_pairs; i++) {
		const struct pair *p = &m->pairs[i];
		size_t same = 0;

		assert_non_null(p->destination);
		if (p->place == PAIR_DONE) {
			assert_int_not_equal(p->error.code, 0);
			continue;
		}
		for (size_t k = 0; k < m->n_pairs; k++)
			same += m->pairs[k].place != PAIR_DONE &&
				strcmp(m->pairs[k].destination, p->destination) == 0;
		assert_int_equal(same > 1, p->map.shared);
		if (!strchr(p->destination, '\xff'))
			assert_null(folder_name_wrong(p->destination));
	}
}

static void test_random(void **state)
{
	static const char *const rewrites[] = {"s/a/b/gi", "s#/.*##", "s/A//", "s/^/Old\\//",
					       "s/ü/ue/"};
	struct prng rng = {.state = 20};

	for (int round = 0; round < 400; round++) {
		_cleanup_(folder_list_done) struct folder_list origin = {0}, destination = {0};
		_cleanup_(map_done) struct map m = {0};
		struct folder_rules rules = {.automap = prng_below(&rng, 4) > 0,
					     .subscribed_only = prng_below(&rng, 4) == 0,
					     .into = prng_below(&rng, 4) == 0 ? (char[]){"In"}
									      : NULL};
		const struct engine_sides sides = {.origin = &origin,
						   .destination = &destination,
						   .origin_not_mail = prng_below(&rng, 2) == 0,
						   .destination_ignores_case =
							   prng_below(&rng, 2) == 0};

		random_side(&rng, &origin);
		random_side(&rng, &destination);
		for (size_t i = prng_below(&rng, 3); i > 0; i--)
			add_all(&rules.rewrite, &rewrites[prng_below(&rng, ELEMENTS(rewrites))],
				1);
		if (prng_below(&rng, 3) == 0)
			assert_int_equal(text_list_add(&rules.exclude, random_name(&rng)), 0);
		if (prng_below(&rng, 3) == 0)
			for (int k = 0; k < 2; k++)
				assert_int_equal(text_list_add(&rules.map, random_name(&rng)),
						 0);
		assert_int_equal(map_folders(&rules, &sides, NULL, 0, &m), 0);
		check_sound(&origin, &m);
		text_list_done(&rules.rewrite);
		text_list_done(&rules.exclude);
		text_list_done(&rules.map);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_automap), cmocka_unit_test(test_gmail),
		cmocka_unit_test(test_meeting), cmocka_unit_test(test_kept),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
