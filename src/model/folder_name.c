/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/folder.h>
#include <mailmig/text.h>
#include <string.h>

/* Two ways to write one name. The canonical one parts levels by "/", the local one by the
 * store's delimiter. A level that contains the other side's separator writes it as %XX there,
 * and what already looks like such an escape, "%2F", "%252F", "%25252F", gets one "25" more.
 * Both ways are each other's inverse, and no two names become one. */

#define INBOX     "INBOX"
#define INBOX_LEN 5

static bool is_hex_of(const char *s, char c)
{
	static const char hex[] = "0123456789ABCDEF";

	return s[0] == hex[(unsigned char)c >> 4] && s[1] == hex[(unsigned char)c & 15];
}

/* Octets of an escape of one of two characters at s, 0 when there is none. ret_depth: how many
 * "25" stand between "%" and the digits. */
static size_t escape_at(const char *s, char a, char b, char *ret_what, size_t *ret_depth)
{
	size_t i = 1;

	if (s[0] != '%')
		return 0;
	while (s[i] == '2' && s[i + 1] == '5')
		i += 2;
	if (!is_hex_of(s + i, a) && !is_hex_of(s + i, b))
		return 0;

	*ret_what = is_hex_of(s + i, a) ? a : b;
	*ret_depth = (i - 1) / 2;
	return i + 2;
}

static int add_escape(struct buf *out, char c, size_t depth)
{
	int r;

	r = buf_addc(out, '%');
	for (size_t i = 0; i < depth && r == 0; i++)
		r = buf_adds(out, "25");
	return r < 0 ? r : buf_addf(out, "%02X", (unsigned)(unsigned char)c);
}

/* From a side with the separator in_sep to one with out_sep. */
static int translate(const char *s, char in_sep, char out_sep, struct buf *out)
{
	size_t depth = 0, n;
	char what = 0;
	int r;

	if (in_sep == out_sep)
		return buf_adds(out, s);

	for (; *s; s += n) {
		n = escape_at(s, in_sep, out_sep, &what, &depth);
		if (n > 0 && what == out_sep) {
			r = add_escape(out, what, depth + 1);
		} else if (n > 0) {
			r = depth == 0 ? buf_addc(out, in_sep)
				       : add_escape(out, in_sep, depth - 1);
		} else {
			n = 1;
			r = *s == out_sep ? add_escape(out, out_sep, 0)
					  : buf_addc(out, *s == in_sep ? out_sep : *s);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* Without levels on the other side "/" and "%2F" change places, in both directions. */
static int translate_flat(const char *s, struct buf *out)
{
	size_t depth = 0, n;
	char what = 0;
	int r;

	for (; *s; s += n) {
		n = escape_at(s, '/', '/', &what, &depth);
		if (n > 0) {
			r = depth == 0 ? buf_addc(out, '/') : buf_add(out, s, n);
		} else {
			n = 1;
			r = *s == '/' ? add_escape(out, '/', 0) : buf_addc(out, *s);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static bool has_prefix(const char *name, const char *prefix, char delim)
{
	const char delims[] = {delim, '\0'};
	size_t n = strlen(prefix), from = 0;

	if (n == 0 || strnlen(name, n) < n)
		return false;
	if (text_ieqn(prefix, strcspn(prefix, delims), INBOX) &&
	    text_ieqn(name, INBOX_LEN, INBOX))
		from = INBOX_LEN;
	return memcmp(name + from, prefix + from, n - from) == 0;
}

/* Octets of the prefix at the beginning of a local name with something behind it, or 0. */
static size_t prefix_at(const char *name, const char *prefix, char delim)
{
	size_t n = strlen(prefix);

	return has_prefix(name, prefix, delim) && name[n] ? n : 0;
}

/* True for a local name that is INBOX once, or after any number of prefixes. "INBOX.INBOX" is a
 * folder beside INBOX on servers with the prefix "INBOX.": taking its prefix off would melt the
 * two into one. */
static bool leads_to_inbox(const char *name, const char *prefix, char delim)
{
	size_t n;

	while ((n = prefix_at(name, prefix, delim)) > 0)
		name += n;
	return text_ieq(name, INBOX);
}

/* INBOX as the first level, in any case. */
static bool begins_with_inbox(const char *canonical)
{
	return text_ieqn(canonical, strcspn(canonical, "/"), INBOX);
}

int folder_name_canonical(const char *name, char delim, const char *prefix, struct buf *out)
{
	const size_t start = out->len, prefix_len = strlen(prefix);
	_cleanup_(freep) char *bare = NULL;
	int r;

	if (prefix_len > 1 && prefix[prefix_len - 1] == delim &&
	    has_prefix(name, prefix, delim) && !name[prefix_len]) {
		bare = text_dupn(name, prefix_len - 1);
		if (!bare)
			return -ENOMEM;
		name = bare;
	} else if (!leads_to_inbox(name, prefix, delim)) {
		name += prefix_at(name, prefix, delim);
	}

	r = delim ? translate(name, delim, '/', out) : translate_flat(name, out);
	if (r < 0)
		return r;

	if (out->len > start && begins_with_inbox(out->p + start))
		memcpy(out->p + start, INBOX, INBOX_LEN);
	return 0;
}

int folder_name_local(const char *canonical, char delim, const char *prefix, struct buf *out)
{
	_cleanup_(buf_done) struct buf name = {0};
	int r;

	if (begins_with_inbox(canonical)) {
		r = buf_adds(&name, INBOX);
		if (r < 0)
			return r;
		canonical += INBOX_LEN;
	}
	r = delim ? translate(canonical, '/', delim, &name) : translate_flat(canonical, &name);
	if (r < 0)
		return r;

	if (name.len > 0 && !leads_to_inbox(name.p, prefix, delim)) {
		r = buf_adds(out, prefix);
		if (r < 0)
			return r;
	}
	return buf_add(out, buf_str(&name), name.len);
}

const char *folder_levels_wrong(const char *canonical)
{
	size_t n = strlen(canonical);

	if (n == 0)
		return "is empty";
	if (canonical[0] == '/')
		return "begins with a slash";
	if (canonical[n - 1] == '/')
		return "ends in a slash";
	return strstr(canonical, "//") ? "has two slashes in a row" : NULL;
}

const char *folder_name_wrong(const char *canonical)
{
	const char *wrong = folder_levels_wrong(canonical);
	size_t n = strlen(canonical);

	if (wrong)
		return wrong;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)canonical[i] < ' ' || canonical[i] == 0x7f)
			return "has a control character";
	return text_is_utf8(canonical, n) ? NULL : "is not UTF-8";
}
