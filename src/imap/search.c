/* SPDX-License-Identifier: Apache-2.0 */
/* UID SEARCH (RFC 9051 §6.4.4), with the compact answer of RFC 4731 where it is offered. */
#include <mailmig/text.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "imap_internal.h"

/* Some servers cut their answer into lines. */
#define IMAP_SEARCH_LINES_MAX 4096

/* ---- the answer ---- */

static bool is_for(const struct imap *c, const struct imap_cmd *cmd, const struct imap_str *tag)
{
	char own[32];

	snprintf(own, sizeof(own), "%08x.%u", c->tag_base, cmd->id);
	return !tag->p || (tag->n == strlen(own) && memcmp(tag->p, own, tag->n) == 0);
}

void imap_take_found(struct imap *c, const struct imap_resp *r)
{
	struct imap_cmd *cmd = imap_oldest_pending(c, VERB_SEARCH);
	_cleanup_(seqset_done) struct seqset found = {0};
	struct imap_str tag;
	int e;

	if (!cmd)
		return;
	e = imap_parse_search(r, &c->scratch, &tag, &found);
	if (e == 0 && !is_for(c, cmd, &tag))
		return;
	for (size_t i = 0; e == 0 && i < found.n; i++)
		e = seqset_add(&cmd->uids, found.r[i].first, found.r[i].last);
	if (e < 0 || ++cmd->n_answers > IMAP_SEARCH_LINES_MAX ||
	    cmd->uids.n > SEQSET_RANGES_MAX) {
		cmd->nonsense = true;
		seqset_done(&cmd->uids);
	}
}

/* ---- the command ---- */

static bool is_ascii(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] > 0x7e)
			return false;
	return true;
}

/* The length of one piece of the key: a quoted string, or all up to the next one, or blanks and
 * parentheses, or a word that is not ASCII. */
static size_t piece(const char *s)
{
	size_t n = 0;

	if (*s != '"')
		return MAX_OF(strcspn(s, "\" ()"), (size_t)1);
	for (n = 1; s[n] && s[n] != '"'; n++)
		n += s[n] == '\\' && s[n + 1];
	return n + (s[n] == '"');
}

/* A quoted string holds no more than ASCII (RFC 3501 §4.3): other text goes as a literal. */
static int put_text(struct imap *c, struct imap_cmd *cmd, const char *s, size_t n,
		    struct mm_err *reterr)
{
	_cleanup_(buf_done) struct buf plain = {0};
	bool quoted = *s == '"';

	for (size_t i = quoted; i < n - quoted; i++) {
		i += quoted && s[i] == '\\' && i + 1 < n - quoted;
		if (buf_add(&plain, s + i, 1) < 0)
			return mm_err_oom(reterr);
	}
	return imap_put_string(c, cmd, buf_str(&plain), plain.len, reterr);
}

static int put_key(struct imap *c, struct imap_cmd *cmd, const char *raw, struct mm_err *reterr)
{
	int r = 0;

	for (size_t n; r == 0 && *raw; raw += n) {
		n = piece(raw);
		if (is_ascii(raw, n))
			imap_put(c, "%.*s", (int)n, raw);
		else
			r = put_text(c, cmd, raw, n, reterr);
	}
	return r;
}

static void put_day(struct imap *c, const char *key, int64_t day)
{
	static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t t = (time_t)(day * 86400);
	struct tm tm = {0};

	(void)gmtime_r(&t, &tm);
	imap_put(c, "%s %d-%s-%04d", key, tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900);
}

int imap_search_begin(struct imap *c, const struct imap_search *what, struct mm_err *reterr)
{
	struct imap_cmd *cmd = imap_cmd_begin(c, VERB_SEARCH, "SEARCH", reterr);
	int r = 0;

	if (!cmd)
		return -ENOBUFS;
	cmd->by_key = what->raw;
	imap_put(c, "UID SEARCH");
	if (imap_has(c, IMAP_CAP_ESEARCH))
		imap_put(c, " RETURN (ALL)");
	/* In UTF-8 anyway (RFC 6855 §3). */
	if (what->raw && !is_ascii(what->raw, strlen(what->raw)) && !imap_utf8(c))
		imap_put(c, " CHARSET UTF-8");
	imap_put(c, " UID %u:", what->first ? what->first : 1);
	if (what->last)
		imap_put(c, "%u", what->last);
	else
		imap_put(c, "*");
	if (what->before_day)
		put_day(c, " BEFORE", what->before_day);
	if (what->since_day)
		put_day(c, " SINCE", what->since_day);
	if (what->raw) {
		imap_put(c, " ");
		r = put_key(c, cmd, what->raw, reterr);
	}
	if (r == 0)
		imap_cmd_end(c);
	return r < 0 ? r : 0; /* refused before its end: the same as at its end */
}

/* ---- the end ---- */

static bool is_for_key(const struct imap_cmd *cmd)
{
	return cmd->by_key &&
	       (cmd->status == IMAP_BAD || strcasecmp(cmd->code, "BADCHARSET") == 0);
}

static int refused(const struct imap *c, const struct imap_cmd *cmd, struct mm_err *reterr)
{
	bool charset = strcasecmp(cmd->code, "BADCHARSET") == 0;

	if (!is_for_key(cmd))
		return imap_refused(c, cmd, MM_SCOPE_FOLDER, "SEARCH was refused", reterr);
	mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_NEVER, -EINVAL,
		   "%s: messages.search was refused: %s %s", c->label,
		   cmd->status == IMAP_BAD ? "BAD" : "NO", cmd->text);
	return mm_err_class(reterr, MM_CLASS_CONFIG,
			    charset ? "this server searches for ASCII alone: leave out what is "
				      "not in messages.search"
				    : "mend messages.search: search keys of RFC 9051, section "
				      "6.4.4, that this server knows");
}

/* OK without data is no evidence that nothing was found. */
static int no_answer(const struct imap *c, const struct imap_cmd *cmd, struct mm_err *reterr)
{
	mm_err_set(reterr, MM_SCOPE_FOLDER, MM_RETRY_LATER, -ENODATA,
		   "%s: the server does not say what its SEARCH found%s", c->label,
		   cmd->nonsense ? " in a form that makes sense" : "");
	return mm_err_class(
		reterr, MM_CLASS_PROTOCOL,
		"the next run asks again; without messages.search nothing is asked");
}

int imap_search_end(struct imap *c, struct seqset *found, struct mm_err *reterr)
{
	struct imap_cmd *cmd = imap_oldest(c, VERB_SEARCH);
	int r;

	if (!cmd)
		return imap_protocol_error(c, "no SEARCH in flight", reterr);
	r = imap_await(c, cmd, reterr);
	if (r < 0)
		return r;
	if (cmd->status != IMAP_OK)
		r = refused(c, cmd, reterr);
	else if (cmd->nonsense || cmd->n_answers == 0)
		r = no_answer(c, cmd, reterr);
	for (size_t i = 0; r == 0 && i < cmd->uids.n; i++)
		if (seqset_add(found, cmd->uids.r[i].first, cmd->uids.r[i].last) < 0)
			r = mm_err_oom(reterr);
	imap_cmd_free(c, cmd);
	return r;
}
