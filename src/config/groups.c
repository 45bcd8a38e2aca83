/* SPDX-License-Identifier: Apache-2.0 */
#include "groups.h"
#include "csv.h"
#include <mailmig/secret.h>
#include <mailmig/text.h>
#include <string.h>

enum column {
	COL_USER, /* + side */
	COL_PASSWORD = COL_USER + N_SIDES,
	COL_NAME = COL_PASSWORD + N_SIDES,
	N_COLUMNS,
};

static const char *const column_names[N_COLUMNS] = {
	[COL_USER + ORIGIN] = "origin_user",
	[COL_USER + DESTINATION] = "destination_user",
	[COL_PASSWORD + ORIGIN] = "origin_password",
	[COL_PASSWORD + DESTINATION] = "destination_password",
	[COL_NAME] = "name",
};

#define FIELDS_MAX 64 /* of a header: to name what is wrong with each */
#define HEADER                                                                                 \
	"begin the file with the line: "                                                       \
	"origin_user,origin_password,destination_user,destination_password"

/* A file on its way into cfg_group. */
struct reader {
	struct check *c;
	const char *path;
	const struct member_rules *rules;
	struct cfg_group *group;
	size_t n_columns;
	size_t at[N_COLUMNS]; /* SIZE_MAX: the file has no such column */
};

#define COMPLAIN(r, line, ...)                                                                 \
	complain(&(r)->c->cfg->complaints, (r)->path, (line), __VA_ARGS__)

/* ---- the header ---- */

static void complain_column(struct reader *r, unsigned line, const char *name)
{
	char buf[CONFIG_SHOWN_MAX];
	struct nearest near;

	nearest_init(&near, name);
	for (size_t i = 0; i < N_COLUMNS; i++)
		nearest_try(&near, column_names[i]);
	shown(buf, name);
	if (key_find(&keys_account, name) || strchr(name, '.'))
		COMPLAIN(r, line,
			 "column \"%s\": keys of accounts are not in this version; write it "
			 "into the group, for all its members",
			 buf);
	else if (near.best)
		COMPLAIN(r, line, "unknown column \"%s\"; did you mean \"%s\"?", buf,
			 near.best);
	else
		COMPLAIN(r, line,
			 "unknown column \"%s\"; mailmig.conf(5) has those of an accounts_file",
			 buf);
}

/* Lists of other tools have no header of ours. False: one of them. */
static bool is_ours(struct reader *r, unsigned line, const char *first, size_t n)
{
	if (*first == '{' || *first == '[')
		COMPLAIN(r, line, "JSON is not in this version; write CSV, and " HEADER);
	else if (n == 1 && strchr(first, ';'))
		COMPLAIN(r, line,
			 "lines with ';' are not in this version; write CSV with ',', "
			 "and " HEADER);
	else
		return true;
	return false;
}

static bool is_needed(const struct reader *r, size_t column)
{
	if (column >= COL_PASSWORD && column < COL_PASSWORD + N_SIDES)
		return r->rules->password[column - COL_PASSWORD];
	return column != COL_NAME;
}

static size_t find_column(const char *name)
{
	size_t i = 0;

	while (i < N_COLUMNS && strcmp(column_names[i], name) != 0)
		i++;
	return i;
}

/* True when the rows can be made sense of. */
static bool take_header(struct reader *r, char *const *fields, size_t n, unsigned line)
{
	struct complaints *complaints = &r->c->cfg->complaints;
	size_t before = complaints->n;

	memset(r->at, 0xff, sizeof(r->at));
	r->n_columns = n;
	if (!is_ours(r, line, fields[0], n))
		return false;
	for (size_t i = 0; i < MIN_OF(n, (size_t)FIELDS_MAX); i++) {
		size_t column = find_column(fields[i]);

		if (column == N_COLUMNS)
			complain_column(r, line, fields[i]);
		else if (r->at[column] != SIZE_MAX)
			COMPLAIN(r, line, "column \"%s\" is there twice; keep one of the two",
				 fields[i]);
		else
			r->at[column] = i;
	}
	for (size_t i = 0; i < N_COLUMNS; i++)
		if (is_needed(r, i) && r->at[i] == SIZE_MAX)
			COMPLAIN(r, line, "there is no column %s; " HEADER, column_names[i]);
	return complaints->n == before && !complaints->oom;
}

/* ---- the rows ---- */

static const struct key *column_key(size_t column)
{
	if (column == COL_NAME)
		return key_find(&keys_account, "name");
	return key_find(&keys_endpoint, column < COL_PASSWORD ? "user" : "password");
}

/* The value of a column, NULL when it has none; false: that, or the value, is wrong. */
static bool take_value(struct reader *r, char *const *fields, size_t column, unsigned line,
		       const char **ret)
{
	const char *name = column_names[column], *wrong;
	const char *v = r->at[column] == SIZE_MAX ? "" : fields[r->at[column]];
	const struct key *k = column_key(column);
	char buf[CONFIG_SHOWN_MAX];

	if (!*v && is_needed(r, column)) {
		COMPLAIN(r, line, "%s is empty; write one", name);
		return false;
	}
	if (*v && column >= COL_PASSWORD && column < COL_NAME && !is_needed(r, column)) {
		COMPLAIN(r, line,
			 "%s is of no use: the server logs in with its admin_user; remove it",
			 name);
		return false;
	}
	wrong = *v ? text_wrong(k, v) : NULL;
	if (wrong && k->hidden)
		COMPLAIN(r, line, "%s %s", name, wrong);
	else if (wrong)
		COMPLAIN(r, line, "%s = \"%s\" %s", name, shown(buf, v), wrong);
	*ret = *v && !wrong ? v : NULL;
	return !wrong;
}

/* Its name, or that of its origin's user. */
static bool take_name(struct reader *r, char *const *fields, struct member *m)
{
	char buf[CONFIG_SHOWN_MAX];

	if (!take_value(r, fields, COL_NAME, m->line, &m->name))
		return false;
	if (m->name || !m->user[ORIGIN])
		return true;
	m->name = m->user[ORIGIN];
	if (config_account_name_ok(m->name))
		return true;
	COMPLAIN(r, m->line,
		 "origin_user = \"%s\" cannot be the member's name; add a column name, with 1 "
		 "to "
		 "64 of A-Z a-z 0-9 _ . @ -",
		 shown(buf, m->name));
	return false;
}

/* 0 or -ENOMEM. */
static int take_row(struct reader *r, char *const *fields, size_t n, unsigned line)
{
	struct member m = {.line = line}, *v;
	bool good = true;

	if (n != r->n_columns) {
		COMPLAIN(r, line, "the line has %zu values, the header %zu; %s", n,
			 r->n_columns,
			 n > r->n_columns ? "put a value with ',' in quotes"
					  : "write all of them, an empty one too");
		return 0;
	}
	for (size_t i = 0; i < N_SIDES; i++) {
		good &= take_value(r, fields, COL_USER + i, line, &m.user[i]);
		good &= take_value(r, fields, COL_PASSWORD + i, line, &m.password[i]);
	}
	good &= take_name(r, fields, &m);
	if (good && r->rules->same_server && strcmp(m.user[0], m.user[1]) == 0)
		COMPLAIN(r, line, "%s", RULE_ITSELF);
	if (!good)
		return 0;

	v = reallocarray(r->group->members, r->group->n_members + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	r->group->members = v;
	v[r->group->n_members++] = m;
	return 0;
}

static void complain_row(struct reader *r, enum csv_result why, unsigned line)
{
	if (why == CSV_OPEN_QUOTE)
		COMPLAIN(r, line, "a quote is opened here and never closed; close it");
	else if (why == CSV_BAD_CR)
		COMPLAIN(r, line, "the line contains a lone CR; put the value in quotes");
	else
		COMPLAIN(r, line,
			 "a quote in the middle of a value; put the whole value in quotes, and "
			 "write each quote in it twice");
}

static int compare_members(const void *pa, const void *pb)
{
	const struct member *const *a = pa, *const *b = pb;
	int r = strcmp((*a)->name, (*b)->name);

	return r ? r : (*a)->line < (*b)->line ? -1 : (*a)->line > (*b)->line;
}

static int check_names(struct reader *r)
{
	size_t n = r->group->n_members;
	_cleanup_(freep) const struct member **v = calloc(MAX_OF(n, 1U), sizeof(*v));
	char buf[CONFIG_SHOWN_MAX];

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		v[i] = &r->group->members[i];
	qsort(v, n, sizeof(*v), compare_members);
	for (size_t i = 1; i < n; i++)
		if (strcmp(v[i]->name, v[i - 1]->name) == 0)
			COMPLAIN(r, v[i]->line,
				 "member \"%s\" is there already (line %u); give it another "
				 "name, in a column name",
				 shown(buf, v[i]->name), v[i - 1]->line);
	return 0;
}

static int take_rows(struct reader *r)
{
	char *fields[FIELDS_MAX];
	struct csv csv;
	unsigned line = 1;
	bool header = false;
	size_t n, n_rows = 0;
	enum csv_result what;

	csv_init(&csv, r->group->text.p, r->group->text.len);
	while ((what = csv_row(&csv, fields, FIELDS_MAX, &n, &line)) != CSV_END) {
		n_rows += header;
		if (what != CSV_ROW)
			complain_row(r, what, line);
		else if (header && take_row(r, fields, n, line) < 0)
			return -ENOMEM;
		if (!header && (what != CSV_ROW || !take_header(r, fields, n, line)))
			return 0; /* the rows would be misread */
		header = true;
		if (what == CSV_OPEN_QUOTE)
			break;
	}
	if (!header)
		COMPLAIN(r, 1, "the file is empty; " HEADER);
	else if (n_rows == 0)
		COMPLAIN(r, line, "the file has no members; write a line for each");
	return check_names(r);
}

/* ---- the file ---- */

/* 0, -ENOMEM, or -errno: complained about. */
static int read_text(struct check *c, const config_setting_t *s, const char *path,
		     struct buf *ret)
{
	_cleanup_(closep) int fd = -1;
	char buf[CONFIG_SHOWN_MAX];
	struct mm_err err = {0};
	ssize_t n = 1;
	int r;

	fd = secret_open_file(path, &err);
	if (fd == -ENOENT) {
		check_complain(c, s, "accounts_file \"%s\" cannot be read: %s; %s",
			       shown(buf, path), strerror(ENOENT), cfg_read_advice(fd));
		return fd;
	}
	if (fd < 0) {
		check_complain(c, s, "accounts_file: %s; %s", err.text, err.advice);
		return fd;
	}
	while (n != 0 && ret->len <= CONFIG_FILE_MAX) {
		r = buf_reserve(ret, 64 * 1024);
		if (r < 0)
			return r;
		n = read(fd, ret->p + ret->len, 64 * 1024);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		ret->len += (size_t)n;
	}
	if (n == 0) {
		ret->p[ret->len] = '\0';
		return 0;
	}
	r = n < 0 ? -errno : -EFBIG;
	check_complain(c, s, "accounts_file cannot be read: %s; %s", cfg_read_error(r),
		       cfg_read_advice(r));
	return r;
}

static bool has_nul(struct reader *r)
{
	const struct buf *text = &r->group->text;
	const char *nul = memchr(text->p, 0, text->len);
	unsigned line = 1;

	for (const char *p = text->p; nul && p < nul; p++)
		line += *p == '\n';
	if (nul)
		COMPLAIN(r, line, "the file contains a NUL octet; write it as text in UTF-8");
	return nul;
}

static void group_done(struct cfg_group *g)
{
	buf_done(&g->text);
	free(g->members);
}

int groups_add(struct check *c, const config_setting_t *entry, const struct member_rules *rules)
{
	const config_setting_t *s = config_setting_get_member(entry, "accounts_file");
	const char *value = setting_text(entry, "accounts_file");
	_cleanup_(freep) char *path = NULL;
	_cleanup_(group_done) struct cfg_group g = {.entry = entry, .text.secret = true};
	struct reader reader = {.c = c, .rules = rules, .group = &g};
	struct cfg_group *v;
	int r;

	if (!value || !*value)
		return 0; /* that was complained about */
	path = cfg_setting_path(c->file, s, value);
	v = reallocarray(c->cfg->groups, c->cfg->n_groups + 1, sizeof(*v));
	if (v)
		c->cfg->groups = v;
	if (!path || !v)
		return -ENOMEM;

	reader.path = path;
	r = read_text(c, s, path, &g.text);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	complaints_add_file(&c->cfg->complaints, path);
	r = has_nul(&reader) ? 0 : take_rows(&reader);
	if (r < 0)
		return r;

	v[c->cfg->n_groups++] = g;
	g = (struct cfg_group){};
	return 0;
}

void groups_done(struct cfg *cfg)
{
	for (size_t i = 0; i < cfg->n_groups; i++)
		group_done(&cfg->groups[i]);
	free(cfg->groups);
}

const struct cfg_group *groups_find(const struct cfg *cfg, const config_setting_t *entry)
{
	for (size_t i = 0; i < cfg->n_groups; i++)
		if (cfg->groups[i].entry == entry)
			return &cfg->groups[i];
	return NULL;
}
