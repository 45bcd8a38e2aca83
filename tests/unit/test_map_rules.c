/* SPDX-License-Identifier: Apache-2.0 */
#include <engine/engine_internal.h>
#include <mailmig/text.h>

#include "prng.h"
#include "unit.h"

/* Which folder goes where: rules and both sides' folders in, the whole map out as text. */

#define LIST_MAX 12

/* A side in the server's order: a name, then marks behind a bar: a role, "~" for \Noselect, "-"
 * for not subscribed, "?" for a name that is none. */
struct table_row {
	struct {
		const char *include[4], *exclude[4], *map[6], *rewrite[4];
		const char *into;
		bool no_automap, subscribed_only;
	} rules;
	const char *origin[LIST_MAX], *destination[LIST_MAX];
	struct map_known known[4];
	bool exchange, caseless;
	/* "ORIGIN -> DESTINATION (rule)": behind it "+ \Role" where it is made with a role, "="
	 * where it is there, "&" where it is shared; "ORIGIN x why", "ORIGIN ! error" and
	 * "# warning". */
	const char *map;
};

static void add_all(struct text_list *l, const char *const *v, size_t n)
{
	for (size_t i = 0; i < n && v[i]; i++)
		assert_int_equal(text_list_add(l, v[i]), 0);
}

static void make(struct folder_list *l, const char *const *v)
{
	for (size_t i = 0; i < LIST_MAX && v[i]; i++) {
		const char *bar = strchr(v[i], '|'), *mark = bar ? bar + 1 : "";
		struct folder *f = folder_list_add(l);

		assert_non_null(f);
		f->name = bar ? text_dupn(v[i], (size_t)(bar - v[i])) : text_dup(v[i]);
		f->raw = text_fmt("raw %s", f->name);
		f->delim = '/';
		f->subscribed = *mark != '-';
		f->noselect = *mark == '~';
		f->unusable = *mark == '?';
		f->role = strchr(mark, '\\') ? text_dup(strchr(mark, '\\')) : NULL;
	}
	folder_list_sort(l);
}

static int tell(struct buf *out, const struct map *m)
{
	int r = 0;

	for (size_t i = 0; i < m->n_pairs && r == 0; i++) {
		const struct pair *p = &m->pairs[i];

		if (p->error.code) {
			assert_int_equal(p->place, PAIR_DONE);
			assert_true(p->error.advice[0]);
			r = buf_addf(out, "%s ! %s\n", p->origin, p->error.text);
			continue;
		}
		assert_int_equal(p->place, PAIR_QUEUED);
		assert_true(!p->exists == !p->destination_raw);
		r = buf_addf(out, "%s -> %s (%s)%s%s%s%s\n", p->origin, p->destination,
			     p->map.by, p->map.role ? " + " : "", role_name(p->map.role),
			     p->exists ? " =" : "", p->map.shared ? " &" : "");
	}
	for (size_t i = 0; i < m->n_omitted && r == 0; i++)
		r = buf_addf(out, "%s x %s\n", m->omitted[i].origin, m->omitted[i].by);
	for (size_t i = 0; i < m->notes.n && r == 0; i++)
		r = buf_addf(out, "# %s\n", m->notes.v[i]);
	return r;
}

static void check_row(const struct table_row *row)
{
	_cleanup_(folder_list_done) struct folder_list origin = {0}, destination = {0};
	_cleanup_(buf_done) struct buf out = {0};
	_cleanup_(map_done) struct map m = {0};
	const struct engine_sides sides = {.origin = &origin,
					   .destination = &destination,
					   .origin_not_mail = row->exchange,
					   .destination_ignores_case = row->caseless};
	struct folder_rules rules = {.automap = !row->rules.no_automap,
				     .subscribed_only = row->rules.subscribed_only,
				     .into = (char *)(uintptr_t)row->rules.into, /* only read */
				     .subscribe = true};
	size_t n_known = 0;

	make(&origin, row->origin);
	make(&destination, row->destination);
	add_all(&rules.include, row->rules.include, ELEMENTS(row->rules.include));
	add_all(&rules.exclude, row->rules.exclude, ELEMENTS(row->rules.exclude));
	add_all(&rules.map, row->rules.map, ELEMENTS(row->rules.map));
	add_all(&rules.rewrite, row->rules.rewrite, ELEMENTS(row->rules.rewrite));
	while (n_known < ELEMENTS(row->known) && row->known[n_known].origin_raw)
		n_known++;
	assert_int_equal(map_folders(&rules, &sides, row->known, n_known, &m), 0);
	assert_int_equal(tell(&out, &m), 0);
	assert_string_equal(buf_str(&out), row->map);
	text_list_done(&rules.include);
	text_list_done(&rules.exclude);
	text_list_done(&rules.map);
	text_list_done(&rules.rewrite);
}

static void check_rows(const struct table_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check_row(&rows[i]);
}

#define SAME(name) name " -> " name " (same name)\n"

static void test_selection(void **state)
{
	static const struct table_row rows[] = {
		{.origin = {"INBOX", "A", "B/c"}, .map = SAME("INBOX") SAME("A") SAME("B/c")},
		/* include */
		{.rules.include = {"A"},
		 .origin = {"INBOX", "A", "A/b"},
		 .map = SAME("A") "INBOX x not in include\nA/b x not in include\n"},
		{.rules.include = {"inbox", "A*", "/^C/"},
		 .origin = {"INBOX", "A", "A/b", "Cc", "D"},
		 .map = SAME("INBOX") SAME("A") SAME("A/b") SAME("Cc") "D x not in include\n"},
		/* exclude wins */
		{.rules.include = {"A*"},
		 .rules.exclude = {"A/b", "A"},
		 .origin = {"A", "A/b", "A/c"},
		 .map = SAME("A/c") "A x exclude A\nA/b x exclude A/b\n"},
		/* a role is its folder and all below it, by flag, name or guess */
		{.rules.exclude = {"\\Trash", "\\Junk"},
		 .origin = {"Papierkorb", "Papierkorb/2019", "Junk Messages", "x|\\Sent",
			    "Trashes"},
		 .map = SAME("Trashes") "x -> x (automap \\Sent (SPECIAL-USE)) + \\Sent\n"
					"Junk Messages x exclude \\Junk\n"
					"Papierkorb x exclude \\Trash\n"
					"Papierkorb/2019 x exclude \\Trash\n"},
		{.rules.include = {"\\Sent"},
		 .rules.no_automap = true,
		 .origin = {"Sent", "Sent/a", "Sent Items", "INBOX"},
		 .map = SAME("Sent") SAME("Sent/a") "INBOX x not in include\n"
						    "Sent Items x not in include\n"},
		{.rules.exclude = {"\\Junk"}, .origin = {"Lixo"}, .map = SAME("Lixo")},
		/* what nobody subscribed to; INBOX is always meant */
		{.rules.subscribed_only = true,
		 .origin = {"INBOX|-", "A", "B|-"},
		 .map = SAME("INBOX") SAME("A") "B x not subscribed\n"},
		{.rules.subscribed_only = true,
		 .rules.exclude = {"INBOX", "A"},
		 .origin = {"INBOX|-", "A", "B"},
		 .map = SAME("B") "INBOX x exclude INBOX\nA x exclude A\n"},
		/* \Noselect is no folder of messages */
		{.origin = {"A|~", "A/b"}, .map = SAME("A/b")},
		/* a rule that goes on for ever */
		{.rules.exclude = {"/^(a+)+$/"},
		 .origin = {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "b"},
		 .map = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa! ! folders.exclude "
			"\"/^(a+)+$/\" needs too many steps on this name: "
			"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"\n" SAME("b")},
		{.rules.include = {"/^(a+)+$/"},
		 .origin = {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "b"},
		 .map = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa! ! folders.include "
			"\"/^(a+)+$/\" needs too many steps on this name: "
			"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"\nb x not in include\n"},
	};

	check_rows(rows, ELEMENTS(rows));
}

static void test_exchange(void **state)
{
	static const struct table_row rows[] = {
		{.exchange = true,
		 .origin = {"INBOX", "Calendar", "Kontakte/Privat", "Sync Issues/Conflicts",
			    "Outbox", "Postausgang", "Files|\\Archive", "A/Calendar"},
		 .map = SAME("INBOX") SAME("A/Calendar") "Files -> Files (automap \\Archive "
							 "(SPECIAL-USE)) + \\Archive\n"
							 "Calendar x holds no mail\n"
							 "Kontakte/Privat x holds no mail\n"
							 "Outbox x holds no mail\n"
							 "Postausgang x holds no mail\n"
							 "Sync Issues/Conflicts x holds no "
							 "mail\n"},
		/* elsewhere they are folders like others */
		{.origin = {"Calendar", "Outbox"}, .map = SAME("Calendar") SAME("Outbox")},
		/* wanted by their own name alone */
		{.exchange = true,
		 .rules.include = {"Calendar", "*"},
		 .origin = {"Calendar", "Contacts", "A"},
		 .map = SAME("A") SAME("Calendar") "Contacts x holds no mail\n"},
		{.exchange = true,
		 .rules.map = {"Notes", "My notes"},
		 .origin = {"Notes", "Tasks"},
		 .map = "Notes -> My notes (map)\nTasks x holds no mail\n"},
		{.exchange = true,
		 .rules.include = {"Calendar"},
		 .rules.exclude = {"Cal*"},
		 .origin = {"Calendar"},
		 .map = "Calendar x exclude Cal*\n"},
	};

	check_rows(rows, ELEMENTS(rows));
}

static void test_precedence(void **state)
{
	static const struct table_row rows[] = {
		/* map, before rewrite, before automap, before the name */
		{.rules.map = {"Sent", "Archive/Sent"},
		 .rules.rewrite = {"s/^S/X/"},
		 .origin = {"Sent|\\Sent", "Spam", "Trash", "T"},
		 .destination = {"Papierkorb|\\Trash", "T"},
		 .map = "Sent -> Archive/Sent (map)\n"
			"Spam -> Xpam (rewrite 1)\n"
			"T -> T (same name) =\n"
			"Trash -> Papierkorb (automap \\Trash (name)) =\n"},
		/* map is exact: neither what is below nor another case */
		{.rules.map = {"A", "B"},
		 .origin = {"A", "A/x", "a"},
		 .map = "A -> B (map)\n" SAME("A/x") SAME("a")},
		{.rules.map = {"inbox", "Old/Inbox", "B", "Inbox"},
		 .origin = {"INBOX", "B"},
		 .destination = {"INBOX"},
		 .map = "INBOX -> Old/Inbox (map)\nB -> INBOX (map) =\n"},
		{.rules.map = {"C", "D", "A", "B"},
		 .rules.exclude = {"A"},
		 .origin = {"A"},
		 .map = "A x exclude A\n"
			"# folders.map: the origin has no folder \"C\" to be copied\n"
			"# folders.map: the origin has no folder \"A\" to be copied\n"},
		/* rewrite: all of them, in order, on what the one before made */
		{.rules.rewrite = {"s/a/b/", "s/b/c/", "s/x/y/"},
		 .origin = {"a", "b", "d", "x"},
		 .map = "a -> c (rewrite 1+2) &\nb -> c (rewrite 2) &\n" SAME(
			 "d") "x -> y (rewrite 3)\n# the origin's folders \"a\" and \"b\" go "
			      "to one "
			      "folder: \"c\"\n"},
		{.rules.rewrite = {"s/a/b/", "s/b/a/"}, .origin = {"a"}, .map = SAME("a")},
		{.rules.rewrite = {"s#^Lists/#Archive/Lists/#"},
		 .origin = {"Lists", "Lists/a", "My/Lists/a"},
		 .map = SAME("Lists") "Lists/a -> Archive/Lists/a (rewrite 1)\n" SAME(
			 "My/Lists/a")},
		{.rules.rewrite = {"s/.*/iNbOx/"},
		 .origin = {"A"},
		 .destination = {"INBOX"},
		 .map = "A -> INBOX (rewrite 1) =\n"},
		{.rules.rewrite = {"s#^#Old/#"},
		 .origin = {"INBOX", "Sent"},
		 .map = "INBOX -> Old/INBOX (rewrite 1)\nSent -> Old/Sent (rewrite 1)\n"},
		/* automap off: names are names */
		{.rules.no_automap = true,
		 .origin = {"Sent|\\Sent", "[Gmail]/Trash|\\Trash"},
		 .destination = {"Sent Items|\\Sent", "Bin|\\Trash"},
		 .map = SAME("Sent") SAME("[Gmail]/Trash")},
		/* into, and automap is off */
		{.rules.into = "Old/mail",
		 .rules.map = {"M", "N"},
		 .rules.rewrite = {"s/^R/S/"},
		 .origin = {"INBOX", "Sent|\\Sent", "M", "R", "[Gmail]/x"},
		 .destination = {"Sent Items|\\Sent", "Old/mail/INBOX"},
		 .map = "INBOX -> Old/mail/INBOX (into) =\n"
			"M -> N (map)\n"
			"R -> Old/mail/S (rewrite 1, into)\n"
			"Sent -> Old/mail/Sent (into)\n"
			"[Gmail]/x -> Old/mail/[Gmail]/x (into)\n"},
		{.rules.into = "inbox",
		 .origin = {"INBOX", "A"},
		 .map = "INBOX -> INBOX/INBOX (into)\nA -> INBOX/A (into)\n"},
	};
	check_rows(rows, ELEMENTS(rows));
}

#define ILLEGAL(origin, name, why)                                                             \
	origin " ! folders.rewrite makes \"" name "\" of \"" origin                            \
	       "\", which is no name for a folder: it " why "\n"

static void test_rewriting_to_no_name(void **state)
{
	static const struct table_row rows[] = {
		{.rules.rewrite = {"s/A//"},
		 .origin = {"A"},
		 .map = ILLEGAL("A", "", "is empty")},
		{.rules.rewrite = {"s/B//"},
		 .origin = {"A/B", "B/C", "A/B/C"},
		 .map = ILLEGAL("A/B", "A/", "ends in a slash")
			 ILLEGAL("A/B/C", "A//C", "has two slashes in a row")
				 ILLEGAL("B/C", "/C", "begins with a slash")},
		{.rules.rewrite = {"s/A/\001/"},
		 .origin = {"A", "C"},
		 .map = ILLEGAL("A", "?", "has a control character") SAME("C")},
		{.rules.rewrite = {"s/x/y/", "s/^(a+)+$/b/"},
		 .origin = {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"},
		 .map = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa! ! folders.rewrite "
			"\"s/^(a+)+$/b/\" needs too many steps on this name: "
			"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"\n"},
	};

	check_rows(rows, ELEMENTS(rows));
}

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

/* What the caller remembers of each manner. */
static void test_basis(void **state)
{
	static const struct {
		const char *map[2], *rewrite, *into, *basis;
		bool no_automap;
	} rows[] = {
		{.basis = "automap"},
		{.no_automap = true, .basis = "same"},
		{.map = {"Sent", "X"}, .basis = "map X"},
		{.map = {"Sent", "X"}, .into = "Old", .basis = "map X"},
		{.rewrite = "s/S/T/", .basis = "rewrite Tent"},
		{.rewrite = "s/S/T/", .into = "Old", .basis = "rewrite Old/Tent"},
		{.into = "Old", .basis = "into Old/Sent"},
		{.rewrite = "s/x/T/", .basis = "automap"},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		static const char *const sent[LIST_MAX] = {"Sent"};
		_cleanup_(folder_list_done) struct folder_list origin = {0}, destination = {0};
		_cleanup_(map_done) struct map m = {0};
		const struct engine_sides sides = {.origin = &origin,
						   .destination = &destination};
		struct folder_rules rules = {.automap = !rows[i].no_automap,
					     .into = (char *)(uintptr_t)rows[i].into};

		make(&origin, sent);
		add_all(&rules.map, rows[i].map, 2);
		add_all(&rules.rewrite, &rows[i].rewrite, 1);
		assert_int_equal(map_folders(&rules, &sides, NULL, 0, &m), 0);
		assert_string_equal(m.pairs[0].map.basis, rows[i].basis);
		text_list_done(&rules.map);
		text_list_done(&rules.rewrite);
	}
}

static void test_rules_that_no_check_has_seen(void **state)
{
	_cleanup_(folder_list_done) struct folder_list none = {0};
	const struct engine_sides sides = {.origin = &none, .destination = &none};

	for (int i = 0; i < 3; i++) {
		_cleanup_(map_done) struct map m = {0};
		struct folder_rules rules = {0};
		struct text_list *l = i == 0   ? &rules.include
				      : i == 1 ? &rules.exclude
					       : &rules.rewrite;

		assert_int_equal(text_list_add(l, "/("), 0);
		assert_int_equal(map_folders(&rules, &sides, NULL, 0, &m), -EINVAL);
		text_list_done(l);
	}
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
		cmocka_unit_test(test_selection),
		cmocka_unit_test(test_exchange),
		cmocka_unit_test(test_precedence),
		cmocka_unit_test(test_rewriting_to_no_name),
		cmocka_unit_test(test_automap),
		cmocka_unit_test(test_gmail),
		cmocka_unit_test(test_meeting),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_basis),
		cmocka_unit_test(test_rules_that_no_check_has_seen),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
