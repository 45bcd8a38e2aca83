/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <mailmig/folder_fit.h>
#include <mailmig/text.h>
#include <string.h>

enum blanks {
	BLANK_FIRST = 1 << 0,
	BLANK_LAST = 1 << 1,
	BLANK_TWICE = 1 << 2,
};

enum dots {
	DOT_NONE,
	DOT_EDGE, /* at the beginning or end of a level */
	DOT_ANY,
};

/* What a kind of server refuses in one level of a name. */
struct refusals {
	const char *chars;
	unsigned blanks;      /* enum blanks */
	const char *reserved; /* a name of the first level, in any case; or NULL */
	enum dots dots;
	bool controls;
	bool ignores_case;
};

static const struct refusals kinds[FOLDER_SERVER_N] = {
	[FOLDER_SERVER_ANY] = {.chars = ""},
	[FOLDER_SERVER_GMAIL] = {.chars = "^",
				 .blanks = BLANK_FIRST | BLANK_LAST | BLANK_TWICE},
	[FOLDER_SERVER_EXCHANGE] = {.chars = "",
				    .blanks = BLANK_LAST,
				    .reserved = "Files",
				    .ignores_case = true},
};

/* Whatever any of them may dislike: what file systems, shells and LIST give a meaning to. */
#define STRICT(dots_)                                                                          \
	{                                                                                      \
		.chars = "\"*%\\:;<>|?^~&#'`{}[]!$",                                           \
		.blanks = BLANK_FIRST | BLANK_LAST | BLANK_TWICE, .dots = (dots_),             \
		.controls = true                                                               \
	}
static const struct refusals strict = STRICT(DOT_EDGE);
/* Maildir++ writes a dot between levels, whatever the server shows there. */
static const struct refusals dotless = STRICT(DOT_ANY);

bool folder_server_ignores_case(enum folder_server server)
{
	return kinds[server].ignores_case;
}

static bool is_escape(const char *s, char mark)
{
	return s[0] == mark && isxdigit((unsigned char)s[1]) && isxdigit((unsigned char)s[2]);
}

static bool is_edge(size_t n, size_t i)
{
	return i == 0 || i + 1 == n;
}

/* The i-th octet of a level of n octets. */
static bool is_refused(const struct refusals *k, const char *s, size_t n, size_t i)
{
	unsigned char c = (unsigned char)s[i];

	if (c == ' ')
		return (k->blanks & BLANK_FIRST && i == 0) ||
		       (k->blanks & BLANK_LAST && i + 1 == n) ||
		       (k->blanks & BLANK_TWICE && i > 0 && s[i - 1] == ' ');
	if (c == '.')
		return k->dots == DOT_ANY || (k->dots == DOT_EDGE && is_edge(n, i));
	if (c < ' ' || c == 0x7f)
		return k->controls;
	return strchr(k->chars, c) != NULL && c != '\0';
}

static bool is_reserved(const struct refusals *k, const char *s, size_t n, bool top)
{
	return top && k->reserved && text_ieqn(s, n, k->reserved);
}

static bool is_refused_level(const struct refusals *k, const char *s, size_t n, bool top)
{
	for (size_t i = 0; i < n; i++)
		if (is_refused(k, s, n, i))
			return true;
	return is_reserved(k, s, n, top);
}

/* How octets are escaped. */
struct manner {
	char mark;  /* before the digits */
	char other; /* escaped, too; 0: none */
};
static const struct manner usual = {.mark = '%'};

/* What already looks like an escape gets one of its own, so that the way back is exact. */
static int escape_level(const struct refusals *k, const struct manner *m, const char *s,
			size_t n, bool top, struct buf *out)
{
	bool reserved = is_reserved(k, s, n, top);
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (is_refused(k, s, n, i) || is_escape(s + i, m->mark) ||
		    (m->other && s[i] == m->other) || (reserved && i == 0))
			r = buf_addf(out, "%c%02X", m->mark, (unsigned)(unsigned char)s[i]);
		else
			r = buf_addc(out, s[i]);
	}
	return r;
}

static bool is_refused_name(const struct refusals *k, const char *name)
{
	for (const char *s = name;; s++) {
		size_t n = strcspn(s, "/");

		if (is_refused_level(k, s, n, s == name))
			return true;
		s += n;
		if (*s == '\0')
			return false;
	}
}

static int escape_all(const struct refusals *k, const struct manner *m, const char *name,
		      struct buf *out)
{
	int r = 0;

	for (const char *s = name; r == 0; s++) {
		size_t n = strcspn(s, "/");

		r = escape_level(k, m, s, n, s == name, out);
		s += n;
		if (*s == '\0')
			break;
		r = r < 0 ? r : buf_addc(out, '/');
	}
	return r;
}

/* 1: something was escaped. */
static int escape(const struct refusals *k, const char *name, struct buf *out)
{
	int r;

	if (!is_refused_name(k, name))
		return buf_adds(out, name);
	r = escape_all(k, &usual, name, out);
	return r < 0 ? r : 1;
}

/* Where the name of a folder that can hold none ends in it, or NULL. */
static const char *find_joint(const char *name, const struct folder_list *there)
{
	for (const char *s = strchr(name, '/'); s; s = strchr(s + 1, '/')) {
		_cleanup_(freep) char *above = text_dupn(name, (size_t)(s - name));
		const struct folder *f = above ? folder_list_find(there, above) : NULL;

		if (f && f->noinferiors)
			return s;
	}
	return NULL;
}

int folder_fit(const char *name, enum folder_server server, const struct folder_list *there,
	       struct buf *out)
{
	_cleanup_(buf_done) struct buf joined = {0};
	const char *joint = find_joint(name, there);
	int r;

	if (!joint)
		return escape(&kinds[server], name, out);
	r = buf_add(&joined, name, (size_t)(joint - name));
	if (r == 0)
		r = buf_addf(&joined, "%%2F%s", joint + 1);
	if (r == 0)
		r = escape(&kinds[server], joined.p, out);
	return r < 0 ? r : 1;
}

/* Levels parted otherwise. */
static int respell(const char *s, const char *slash, struct buf *out)
{
	int r = 0;

	for (; r == 0 && *s; s++)
		r = *s == '/' ? buf_adds(out, slash) : buf_addc(out, *s);
	return r;
}

int folder_other_name(const char *name, unsigned n, char separator, struct buf *out)
{
	const struct manner equals = {.mark = '=',
				      .other = separator == '/' ? '\0' : separator};
	const struct way {
		const struct refusals *refusals;
		const struct manner *manner; /* NULL: the usual one, where it is needed */
		const char *slash;           /* between levels; NULL: as it is */
	} ways[] = {
		{&strict, NULL, NULL},    {&dotless, NULL, NULL},    {&strict, NULL, "%2F"},
		{&strict, NULL, "%252F"}, {&dotless, &equals, NULL}, {&dotless, &equals, "=2F"},
	};
	_cleanup_(buf_done) struct buf plain = {0};
	const struct way *w = &ways[n];
	int r;

	if (n >= ELEMENTS(ways))
		return 0;
	r = w->manner ? escape_all(w->refusals, w->manner, name, &plain)
		      : escape(w->refusals, name, &plain);
	if (r >= 0)
		r = w->slash ? respell(buf_str(&plain), w->slash, out)
			     : buf_adds(out, buf_str(&plain));
	return r < 0 ? r : 1;
}
