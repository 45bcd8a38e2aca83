/* SPDX-License-Identifier: Apache-2.0 */
#include "map_table.h"

/* What the configuration says. */

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
		static const char *const sent[LIST_MAX] = {"Sent", "Work"};
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
		if (!rows[i].into) /* the same for what has no role */
			assert_string_equal(m.pairs[1].map.basis,
					    rows[i].no_automap ? "same" : "automap");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_selection),
		cmocka_unit_test(test_exchange),
		cmocka_unit_test(test_precedence),
		cmocka_unit_test(test_rewriting_to_no_name),
		cmocka_unit_test(test_basis),
		cmocka_unit_test(test_rules_that_no_check_has_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
