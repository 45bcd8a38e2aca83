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

/* What a kind of server refuses in one level of a name. */
struct refusals {
	const char *chars;
	unsigned blanks;      /* enum blanks */
	const char *reserved; /* a name of the first level, in any case; or NULL */
	bool dots;            /* at the beginning or end of a level */
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
static const struct refusals strict = {.chars = "\"*%\\:;<>|?^~&#'`{}[]!$=",
				       .blanks = BLANK_FIRST | BLANK_LAST | BLANK_TWICE,
				       .dots = true,
				       .controls = true};

bool folder_server_ignores_case(enum folder_server server)
{
	return kinds[server].ignores_case;
}

static bool is_escape(const char *s)
{
	return s[0] == '%' && isxdigit((unsigned char)s[1]) && isxdigit((unsigned char)s[2]);
}

static bool is_edge(const char *s, size_t n, size_t i)
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
		return k->dots && is_edge(s, n, i);
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

/* What already looks like an escape gets one of its own, so that the way back is exact. */
static int escape_level(const struct refusals *k, const char *s, size_t n, bool top,
			struct buf *out)
{
	bool reserved = is_reserved(k, s, n, top);
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (is_refused(k, s, n, i) || is_escape(s + i) || (reserved && i == 0))
			r = buf_addf(out, "%%%02X", (unsigned)(unsigned char)s[i]);
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

/* 1: something was escaped. */
static int escape(const struct refusals *k, const char *name, struct buf *out)
{
	int r = 0;

	if (!is_refused_name(k, name))
		return buf_adds(out, name);
	for (const char *s = name; r == 0; s++) {
		size_t n = strcspn(s, "/");

		r = escape_level(k, s, n, s == name, out);
		s += n;
		if (*s == '\0')
			break;
		r = r < 0 ? r : buf_addc(out, '/');
	}
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

/* Each `what` in another spelling. */
static int respell(const char *s, const char *what, const char *with, struct buf *out)
{
	size_t n = strlen(what);
	int r = 0;

	while (r == 0 && *s) {
		bool found = strncmp(s, what, n) == 0;

		r = found ? buf_adds(out, with) : buf_addc(out, *s);
		s += found ? n : 1;
	}
	return r;
}

int folder_other_name(const char *name, unsigned n, struct buf *out)
{
	_cleanup_(buf_done) struct buf plain = {0}, flat = {0};
	int r;

	if (n > 2)
		return 0;
	r = escape(&strict, name, &plain);
	if (r >= 0)
		r = respell(buf_str(&plain), "/", "%2F", &flat);
	if (r == 0)
		r = n == 0   ? buf_adds(out, buf_str(&plain))
		    : n == 1 ? buf_adds(out, buf_str(&flat))
			     : respell(buf_str(&flat), "%2F", "%252F", out);
	return r < 0 ? r : 1;
}
