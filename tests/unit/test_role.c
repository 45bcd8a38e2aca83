/* SPDX-License-Identifier: Apache-2.0 */
#include <imap/utf7.h>
#include <mailmig/text.h>
#include <model/role_internal.h>

#include "unit.h"

static void test_words(void **state)
{
	static const struct {
		const char *word;
		enum folder_role role;
	} rows[] = {
		{"\\All", ROLE_ALL},          {"\\Archive", ROLE_ARCHIVE},
		{"\\Drafts", ROLE_DRAFTS},    {"\\Flagged", ROLE_FLAGGED},
		{"\\Junk", ROLE_JUNK},        {"\\Important", ROLE_IMPORTANT},
		{"\\Sent", ROLE_SENT},        {"\\Trash", ROLE_TRASH},
		{"\\SENT", ROLE_SENT},        {"\\trash", ROLE_TRASH},
		{"\\AllMail", ROLE_ALL},      {"\\Spam", ROLE_JUNK},
		{"\\Starred", ROLE_FLAGGED},  {"\\Inbox", ROLE_NONE},
		{"Sent", ROLE_NONE},          {"\\Sents", ROLE_NONE},
		{"\\HasChildren", ROLE_NONE}, {"", ROLE_NONE},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++)
		assert_int_equal(role_parse(rows[i].word), rows[i].role);
	for (int r = ROLE_NONE + 1; r < ROLE_N; r++)
		assert_int_equal(role_parse(role_name((enum folder_role)r)), r);
}

/* ---- names as people write them ---- */

static void test_folding(void **state)
{
	static const char *const same[][2] = {
		{"Sent Items", "sENT iTEMS"},
		{"  Sent \t  Items ", "sent items"},
		{"Sent\u00a0Items", "sent items"},    /* a blank that does not break */
		{"\u200fהמסומנים\u200e", "המסומנים"}, /* direction of text */
		{"GESENDETE OBJEKTE", "Gesendete Objekte"},
		{"Entwu\u0308rfe", "Entwürfe"}, /* composed and not */
		{"ENTWÜRFE", "Entwürfe"},
		{"Straße", "STRASSE"},
		{"Отправленные", "ОТПРАВЛЕННЫЕ"},
		{"Κάδος", "ΚΆΔΟΣ"},                   /* a sigma at the end */
		{"Gönderilmiş", "GÖNDERİLMİŞ"},       /* Turkish İ */
		{"Gönderilmiş", "GÖNDERILMIŞ"},       /* and typed without its dot */
		{"Sık Kullanılan", "SIK KULLANILAN"}, /* Turkish ı */
		{"İstenmeyen", "istenmeyen"},
		{"Ｓｅｎｔ", "sent"}, /* wide letters */
		{"ｺﾞﾐ箱", "ゴミ箱"},  /* narrow ones */
		{"Boîte d’envoi", "Boîte d'envoi"},
	};
	static const char *const different[][2] = {
		{"Sent", "Sent Items"}, {"Sent-Items", "Sent Items"},
		{"已发送", "已删除"},   {"Entwurf", "Entwürfe"},
		{"Senti", "Sent"},
	};
	char *none = NULL;

	for (size_t i = 0; i < ELEMENTS(same); i++) {
		_cleanup_(freep) char *a = NULL, *b = NULL;

		assert_int_equal(role_fold(same[i][0], &a), 0);
		assert_int_equal(role_fold(same[i][1], &b), 0);
		assert_string_equal(a, b);
	}
	for (size_t i = 0; i < ELEMENTS(different); i++) {
		_cleanup_(freep) char *a = NULL, *b = NULL;

		assert_int_equal(role_fold(different[i][0], &a), 0);
		assert_int_equal(role_fold(different[i][1], &b), 0);
		assert_string_not_equal(a, b);
	}
	assert_int_equal(role_fold("\xff\xfe", &none), -EILSEQ);
	assert_int_equal(role_fold("caf\xc3", &none), -EILSEQ);
}

/* ---- the table itself ---- */

/* Each name is what it looks like: it survives the encoding of mailbox names, it is not itself
 * in that encoding, and it is found under its own role. */
static void test_table(void **state)
{
	_cleanup_(role_table_freep) struct role_table *t = NULL;
	size_t n[ROLE_N] = {0}, languages = 0;

	assert_int_equal(role_table_new(&t), 0);
	for (size_t i = 0; i < role_n_rows; i++) {
		const struct role_row *row = &role_rows[i];
		_cleanup_(buf_done) struct buf raw = {0}, back = {0}, twice = {0};
		_cleanup_(freep) char *folded = NULL, *again = NULL;
		const struct role_entry *e = NULL;
		size_t found;
		bool own = false;

		assert_true(text_is_utf8(row->name, strlen(row->name)) && *row->name);
		assert_int_equal(utf7_encode(row->name, strlen(row->name), &raw), 0);
		assert_int_equal(utf7_decode(buf_str(&raw), raw.len, &back), 0);
		assert_string_equal(buf_str(&back), row->name);
		if (utf7_decode(row->name, strlen(row->name), &twice) == 0)
			assert_string_equal(buf_str(&twice), row->name);

		assert_int_equal(role_fold(row->name, &folded), 0);
		assert_int_equal(role_fold(folded, &again), 0);
		assert_string_equal(folded, again);
		assert_true(*folded);
		found = role_table_look(t, folded, &e);
		for (size_t k = 0; k < found; k++) {
			own |= e[k].row == row;
			/* said once for a language and a role */
			if (e[k].row != row && strcmp(e[k].row->language, row->language) == 0)
				assert_string_not_equal(e[k].row->what, row->what);
			if (e[k].row == row)
				n[e[k].role]++;
			if (e[k].row == row && e[k].role == ROLE_NONE)
				assert_true(strcmp(row->what, "noun") == 0 ||
					    strcmp(row->what, "other") == 0);
		}
		assert_true(own);
		languages += i == 0 || strcmp(row->language, role_rows[i - 1].language) != 0;
	}
	assert_true(n[ROLE_SENT] > 190 && n[ROLE_TRASH] > 180 && n[ROLE_JUNK] > 180);
	assert_true(n[ROLE_DRAFTS] > 120 && n[ROLE_ARCHIVE] > 70 && n[ROLE_ALL] > 40);
	assert_true(languages > 80);
}

/* All names that mean two roles, and no others. */
static void test_ambiguous(void **state)
{
	static const char *const names[] = {"Lixo", "Sampah", "Smeće", "Szemét", "Отпад",
					    "זבל",  "ئەخلەت", "垃圾",  "垃圾箱"};
	_cleanup_(role_table_freep) struct role_table *t = NULL;
	const unsigned both = 1u << ROLE_JUNK | 1u << ROLE_TRASH;
	struct role_meaning m;
	size_t n = 0;

	assert_int_equal(role_table_new(&t), 0);
	for (size_t i = 0; i < ELEMENTS(names); i++) {
		assert_int_equal(role_mean(t, names[i], &m), 0);
		assert_int_equal(m.roles, both);
	}
	for (size_t i = 0; i < role_n_rows; i++) {
		assert_int_equal(role_mean(t, role_rows[i].name, &m), 0);
		n += (m.roles & (m.roles - 1)) != 0;
		/* one and the same word is no name and a thing that holds no mail */
		assert_false(m.not_mail && m.roles);
	}
	assert_int_equal(n, 24); /* rows, of these nine names */
}

static void test_meanings(void **state)
{
	static const struct {
		const char *name;
		enum folder_role role, guess;
	} rows[] = {
		{"Sent", ROLE_SENT, 0},
		{"SENT ITEMS", ROLE_SENT, 0},
		{"Gesendete Elemente", ROLE_SENT, 0},
		{"Éléments envoyés", ROLE_SENT, 0},
		{"ÉLÉMENTS ENVOYÉS", ROLE_SENT, 0},
		{"Отправленные", ROLE_SENT, 0},
		{"已发送", ROLE_SENT, 0},
		{"送信済み", ROLE_SENT, 0},
		{"GÖNDERİLMİŞ ÖĞELER", ROLE_SENT, 0},
		{"Gönderilmiş öğeler", ROLE_SENT, 0},
		{"Απεσταλμένα", ROLE_SENT, 0},
		{"ΚΆΔΟΣ ΑΠΟΡΡΙΜΜΆΤΩΝ", ROLE_TRASH, 0},
		{"Papierkorb", ROLE_TRASH, 0},
		{"Corbeille", ROLE_TRASH, 0},
		{"Корзина", ROLE_TRASH, 0},
		{"ゴミ箱", ROLE_TRASH, 0},
		{"已删除", ROLE_TRASH, 0},
		{"迷惑メール", ROLE_JUNK, 0},
		{"Junk E-Mail", ROLE_JUNK, 0},
		{"垃圾邮件", ROLE_JUNK, 0},
		{"المسودات", ROLE_DRAFTS, 0},
		{"Entwurf", ROLE_DRAFTS, 0},
		{"Wszystkie", ROLE_ALL, 0},
		/* a word that is left without the nouns: a guess */
		{"Junk Messages", 0, ROLE_JUNK},
		{"Spam e-mails", 0, ROLE_JUNK},
		{"Mail Archive", 0, ROLE_ARCHIVE},
		{"Entwürfe Nachrichten", 0, ROLE_DRAFTS},
		{"Отправленные письма", 0, ROLE_SENT},
		/* and what is none */
		{"Sent to clients", 0, 0},
		{"Sent 2019", 0, 0},
		{"Sent Trash", 0, 0},
		{"Not Junk Mail", 0, 0},
		{"Mail", 0, 0},
		{"Mail Messages", 0, 0},
		{"Sentinel", 0, 0},
		{"My Drafts", 0, 0},
		{"", 0, 0},
		{" ", 0, 0},
		{"\xff", 0, 0},
		/* outgoing mail that is not yet gone */
		{"OUTBOX", 0, 0},
		{"Bandeja de salida", 0, 0},
		{"Boîte d'envoi", 0, 0},
		{"Skrzynka nadawcza", 0, 0},
		{"Postausgang", 0, 0},
		{"Postvak UIT", 0, 0},
		{"Исходящие", 0, 0},
		{"Utkorgen", 0, 0},
		{"Udbakke", 0, 0},
		/* words of the language that mean other things, too */
		{"Archivo", 0, ROLE_ARCHIVE},
		{"Arquivo", 0, ROLE_ARCHIVE},
		{"กล่องขาออก", 0, ROLE_SENT},
	};
	_cleanup_(role_table_freep) struct role_table *t = NULL;
	char *longest = malloc(100001);
	struct role_meaning m;

	assert_int_equal(role_table_new(&t), 0);
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		assert_int_equal(role_mean(t, rows[i].name, &m), 0);
		assert_int_equal(m.roles, rows[i].role ? 1u << rows[i].role : 0);
		if (!rows[i].role)
			assert_int_equal(m.weak, rows[i].guess ? 1u << rows[i].guess : 0);
	}

	assert_non_null(longest);
	memset(longest, 'a', 100000);
	longest[100000] = '\0';
	assert_int_equal(role_mean(t, longest, &m), 0);
	assert_int_equal(m.roles | m.weak, 0);
	free(longest);
}

static void test_not_mail(void **state)
{
	static const struct {
		const char *name;
		int is;
	} rows[] = {
		{"Calendar", 1},      {"calendar", 1},    {"Kalender", 1},
		{"Kontakte", 1},      {"Tâches", 1},      {"Postvak UIT", 1},
		{"Исходящие", 1},     {"日历", 1},        {"Attività", 1},
		{"Outbox", 1},        {"Sync Issues", 1}, {"Fødselsdage", 1},
		{"Boîte d’envoi", 1}, {"Yammer Root", 1}, {"Sent", 0},
		{"INBOX", 0},         {"Calendars", 0},   {"My Calendar", 0},
		{"\xff", 0},
	};
	_cleanup_(role_table_freep) struct role_table *t = NULL;

	assert_int_equal(role_table_new(&t), 0);
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		assert_int_equal(role_is_not_mail(t, rows[i].name), rows[i].is);
}

/* ---- the roles of a mailbox ---- */

#define N_MAX 8

/* A mailbox in the server's order: "name" or "name|\\Flag"; and what comes out: the role, with
 * "?" for a guess and "!" where the server said so. */
struct mailbox {
	const char *folders[N_MAX];
	const char *roles[N_MAX];
	const char *note;
};

static void make(struct folder_list *l, const char *const *folders)
{
	for (size_t i = 0; i < N_MAX && folders[i]; i++) {
		const char *bar = strchr(folders[i], '|');
		struct folder *f = folder_list_add(l);

		assert_non_null(f);
		f->name = bar ? text_dupn(folders[i], (size_t)(bar - folders[i]))
			      : text_dup(folders[i]);
		f->raw = text_dup(f->name);
		f->role = bar ? text_dup(bar + 1) : NULL;
	}
	folder_list_sort(l);
}

static void test_mailboxes(void **state)
{
	static const struct mailbox rows[] = {
		/* what the server says beats any name */
		{{"Sent", "Gesendet|\\Sent"}, {"", "\\Sent!"}, NULL},
		{{"Trash|\\Junk", "Spam"}, {"\\Junk!", ""}, NULL},
		{{"Weird|\\Sent", "Sent Items"}, {"\\Sent!", ""}, NULL},
		/* at any level, and in XLIST's words */
		{{"A/B/C|\\Drafts", "Drafts"}, {"\\Drafts!", ""}, NULL},
		{{"X|\\Spam", "Y|\\AllMail", "Z|\\Starred"},
		 {"\\Junk!", "\\All!", "\\Flagged!"},
		 NULL},
		/* said twice: the first in the server's order, and a warning */
		{{"Zed|\\Sent", "Abc|\\Sent", "Mid|\\Sent"},
		 {"\\Sent!", "", ""},
		 "the origin marks more than one folder as \\Sent: \"Zed\", \"Abc\"; the first "
		 "is taken"},
		/* names: top level only, below the prefix */
		{{"Sent", "A/Trash", "[Gmail]/Drafts", "[Google Mail]/Spam"},
		 {"\\Sent", "", "\\Drafts", "\\Junk"},
		 NULL},
		{{"[Gmail]/Work/Trash"}, {""}, NULL},
		/* INBOX is INBOX */
		{{"INBOX|\\Archive", "Archive"}, {"", "\\Archive"}, NULL},
		/* two of one role: the better attested name, then the server's order */
		{{"Sent Items", "Sent"}, {"", "\\Sent"}, NULL},
		{{"Draft", "Drafts"}, {"", "\\Drafts"}, NULL},
		{{"Papierkorb", "Trash"}, {"", "\\Trash"}, NULL},
		{{"Entwürfe", "Drafts"}, {"\\Drafts", ""}, NULL},
		/* two meanings: only when the other one is known to be elsewhere */
		{{"Lixo"}, {""}, NULL},
		{{"Lixo", "Trash"}, {"\\Junk", "\\Trash"}, NULL},
		{{"Lixo", "Spam"}, {"\\Trash", "\\Junk"}, NULL},
		{{"Lixo", "Bin|\\Trash"}, {"\\Junk", "\\Trash!"}, NULL},
		{{"Lixo", "Spam", "Trash"}, {"", "\\Junk", "\\Trash"}, NULL},
		{{"垃圾箱", "垃圾邮件"}, {"\\Trash", "\\Junk"}, NULL},
		{{"垃圾箱", "已删除"}, {"\\Junk", "\\Trash"}, NULL},
		/* guesses come last, and never decide about another name */
		{{"Junk Messages"}, {"\\Junk?"}, NULL},
		{{"Junk Messages", "Spam"}, {"", "\\Junk"}, NULL},
		{{"Junk Messages", "Lixo"}, {"\\Junk?", ""}, NULL},
		{{"Sent to clients", "Sent 2019"}, {"", ""}, NULL},
		{{"Archivo"}, {"\\Archive?"}, NULL},
		{{"Archivo", "Archive"}, {"", "\\Archive"}, NULL},
		{{"Outbox"}, {""}, NULL},
	};
	_cleanup_(role_table_freep) struct role_table *t = NULL;

	assert_int_equal(role_table_new(&t), 0);
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(folder_list_done) struct folder_list l = {0};
		_cleanup_(text_list_done) struct text_list notes = {0};
		struct role_found found[N_MAX];

		make(&l, rows[i].folders);
		assert_int_equal(roles_find(t, &l, "origin", found, &notes), 0);
		for (size_t k = 0; k < l.n; k++) {
			const struct role_found *f = &found[k];
			const char *mark = f->role == ROLE_NONE     ? ""
					   : f->by == ROLE_BY_FLAG  ? "!"
					   : f->by == ROLE_BY_GUESS ? "?"
								    : "";
			_cleanup_(freep) char *got =
				text_fmt("%s: %s%s", l.v[k].name, role_name(f->role), mark);
			_cleanup_(freep) char *want =
				text_fmt("%s: %s", l.v[k].name, rows[i].roles[l.v[k].order]);

			assert_string_equal(got, want);
		}
		assert_int_equal(notes.n, rows[i].note ? 1 : 0);
		if (rows[i].note)
			assert_string_equal(notes.v[0], rows[i].note);
	}
}

static void test_languages(void **state)
{
	static const struct {
		const char *folders[N_MAX];
		enum folder_role role;
		const char *name; /* NULL: cannot be told */
	} rows[] = {
		{{"Sent", "Drafts"}, ROLE_TRASH, "Trash"},
		{{"Gesendet", "Entwürfe"}, ROLE_TRASH, "Gelöscht"},
		{{"Gesendete Elemente", "Entwürfe"}, ROLE_JUNK, "Junk-E-Mail"},
		{{"Éléments envoyés|\\Sent"}, ROLE_DRAFTS, "Brouillons"},
		{{"Отправленные", "Корзина"}, ROLE_ARCHIVE, "Архив"},
		{{"[Gmail]/Gesendet|\\Sent"}, ROLE_DRAFTS, "Entwürfe"},
		{{"Sent", "Drafts", "Papierkorb"}, ROLE_JUNK, "Junk"}, /* most votes */
		{{"Sent", "Papierkorb"}, ROLE_JUNK, NULL},             /* as many each */
		{{"Borradores"}, ROLE_SENT, NULL}, /* of several languages */
		{{"INBOX", "Work"}, ROLE_SENT, NULL},
		{{"Junk Messages"}, ROLE_SENT, NULL}, /* a guess is no evidence */
		{{"Archivo"}, ROLE_SENT, NULL},
		{{"Gesendet|\\Drafts"}, ROLE_SENT, NULL},
		{{"Gesendet"}, ROLE_FLAGGED, NULL},
	};
	_cleanup_(role_table_freep) struct role_table *t = NULL;

	assert_int_equal(role_table_new(&t), 0);
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(folder_list_done) struct folder_list l = {0};
		_cleanup_(text_list_done) struct text_list notes = {0};
		struct role_found found[N_MAX];
		const char *name = NULL;

		make(&l, rows[i].folders);
		assert_int_equal(roles_find(t, &l, "destination", found, &notes), 0);
		assert_int_equal(roles_call(t, &l, found, rows[i].role, &name),
				 rows[i].name ? 1 : 0);
		if (rows[i].name)
			assert_string_equal(name, rows[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),     cmocka_unit_test(test_folding),
		cmocka_unit_test(test_table),     cmocka_unit_test(test_ambiguous),
		cmocka_unit_test(test_meanings),  cmocka_unit_test(test_not_mail),
		cmocka_unit_test(test_mailboxes), cmocka_unit_test(test_languages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
