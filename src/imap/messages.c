/* SPDX-License-Identifier: Apache-2.0 */
/* UID FETCH, APPEND and MULTIAPPEND, UID STORE, UID EXPUNGE. */
#include <mailmig/flags.h>
#include <mailmig/text.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "imap_internal.h"
#include "utf8.h"

/* ---- FETCH ---- */

/* Those of a fingerprint, enum match_by. */
#define FINGERPRINT_FIELDS MATCH_DEFAULT

/* The header fields that are asked for: enum match_by; 0: none. */
static unsigned header_fields(const struct imap *c, unsigned want)
{
	if (want & (IMAP_WANT_BODY | IMAP_WANT_DIGEST))
		return 0;
	return (want & IMAP_WANT_FINGERPRINT ? FINGERPRINT_FIELDS : 0) |
	       (want & IMAP_WANT_WITNESS ? c->match & MATCH_HEADER : 0);
}

/* Some servers (Courier) show a session what it has put into its folder itself only after a
 * command in whose answer they may tell of new messages. UID FETCH is none. */
static int show_what_came(struct imap *c, struct mm_err *reterr)
{
	struct imap_cmd *cmd;

	if (!c->appended)
		return 0;
	cmd = imap_cmd_begin(c, VERB_PLAIN, "NOOP", reterr);
	if (!cmd)
		return -ENOBUFS;
	imap_put(c, "NOOP");
	imap_cmd_end(c);
	cmd->forget = true;
	c->appended = false;
	return 0;
}

int imap_fetch_begin(struct imap *c, const char *set, unsigned want, uint64_t changed_since,
		     struct mm_err *reterr)
{
	bool body = want & (IMAP_WANT_BODY | IMAP_WANT_DIGEST);
	unsigned fields = header_fields(c, want);
	_cleanup_(buf_done) struct buf names = {0};
	int r = show_what_came(c, reterr);
	struct imap_cmd *cmd = r < 0 ? NULL : imap_cmd_begin(c, VERB_FETCH, "FETCH", reterr);

	if (!cmd)
		return -ENOBUFS;
	if (witness_fields(fields, &names) < 0)
		return mm_err_oom(reterr);
	cmd->want = want;
	imap_put(c, "UID FETCH %s (UID", set);
	if (want & IMAP_WANT_FLAGS)
		imap_put(c, " FLAGS");
	if (want & IMAP_WANT_SIZE)
		imap_put(c, " RFC822.SIZE");
	if (want & IMAP_WANT_DATE)
		imap_put(c, " INTERNALDATE");
	if (want & IMAP_WANT_LABELS)
		imap_put(c, " X-GM-LABELS");
	if (body)
		imap_put(c, " BODY.PEEK[]");
	else if (fields)
		imap_put(c, " BODY.PEEK[HEADER.FIELDS (%s)]", buf_str(&names));
	imap_put(c, ")");
	if (changed_since)
		imap_put(c, " (CHANGEDSINCE %llu)", (unsigned long long)changed_since);
	imap_cmd_end(c);
	return 0;
}

size_t imap_fetches(const struct imap *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++) {
		const struct imap_cmd *cmd = &c->cmds[(c->first + i) % IMAP_WINDOW_MAX];

		n += cmd->verb == VERB_FETCH && cmd->id != 0;
	}
	return n;
}

/* A body that came as a quoted string: short and legal. */
static int quoted_body(struct imap *c, const struct imap_fetch *f, bool keep, bool text)
{
	int r = 0;

	c->body = spool_unref(c->body);
	c->body_size = f->body.n;
	if (EVP_Digest(f->body.p, f->body.n, c->digest, NULL, EVP_sha256(), NULL) != 1 ||
	    imap_text_begin(c, text) < 0 ||
	    (text && message_text_add(c->text, f->body.p, f->body.n) < 0))
		return -ENOMEM;
	if (keep)
		r = spool_new(c->pool, f->body.n, &c->body);
	if (r == 0 && keep)
		r = spool_write(c->body, f->body.p, f->body.n);
	c->body_complete = r == 0;
	return r;
}

static int take_body(struct imap *c, const struct imap_fetch *f, unsigned want,
		     struct message *m)
{
	bool keep = want & IMAP_WANT_BODY;
	int r = 0;

	/* What an earlier response left, which was not wanted, belongs to another message. */
	if (!f->body.external)
		c->body_complete = false;
	if (!f->body.external && f->body.p)
		r = quoted_body(c, f, keep, want & IMAP_WANT_TEXT);
	if (r < 0)
		return r;
	if (!c->body_complete || (keep && !c->body) ||
	    ((want & IMAP_WANT_TEXT) && !c->text_wanted))
		return 0; /* NIL: not told */

	c->body_complete = false;
	memcpy(m->digest, c->digest, sizeof(m->digest));
	m->has_digest = true;
	m->size = c->body_size;
	if (want & IMAP_WANT_TEXT)
		r = message_text_end(c->text, m->text);
	if (r == 0 && keep) {
		m->body = STEAL(c->body);
		r = fingerprint_body(m->body, &m->fingerprint);
		m->has_fingerprint = r == 0;
	}
	return r;
}

/* Where no field was asked for, none is a witness. */
static int take_header(const struct imap *c, const struct imap_fetch *f, unsigned want,
		       struct message *m)
{
	int r = 0;

	if ((want & IMAP_WANT_FINGERPRINT) && f->header.p) {
		r = fingerprint_header(f->header.p, f->header.n, &m->fingerprint);
		m->has_fingerprint = true;
	}
	if (r == 0 && (want & IMAP_WANT_WITNESS))
		r = witness_header(f->header.p, f->header.n, c->match, &m->witness);
	return r;
}

/* In the form of folder.raw, so that a label is known by its folder's name. */
static int take_labels(const struct imap *c, struct imap_cursor labels, struct message *m)
{
	_cleanup_(buf_done) struct buf scratch = {0}, out = {0};
	struct imap_str label;
	int r;

	while ((r = imap_take_label(&labels, &scratch, &label)) > 0) {
		_cleanup_(freep) char *raw = imap_take_mailbox(c, &label);

		if (!raw)
			return -ENOMEM;
		/* With a line end in it it would be two. */
		if (!strpbrk(raw, "\r\n") && buf_addf(&out, "%s\n", raw) < 0)
			return -ENOMEM;
		buf_reset(&scratch);
	}
	if (r < 0)
		return r == -EPROTO ? 0 : r;
	m->labels = out.len ? buf_take(&out) : text_dup("");
	return m->labels ? 0 : -ENOMEM;
}

/* Does the response hold all that was wanted? */
static bool is_complete(const struct imap *c, const struct imap_fetch *f, unsigned want)
{
	return f->uid != 0 && (!(want & IMAP_WANT_FLAGS) || f->has_flags) &&
	       (!(want & IMAP_WANT_SIZE) || f->has_size) &&
	       (!(want & IMAP_WANT_LABELS) || f->labels.p) &&
	       (!(want & (IMAP_WANT_BODY | IMAP_WANT_DIGEST)) || f->has_body) &&
	       (!header_fields(c, want) || f->has_header);
}

/* 1: a message; 0: something unsolicited. */
static int take_fetch(struct imap *c, const struct imap_resp *resp, unsigned want,
		      struct message *ret, struct mm_err *reterr)
{
	struct message m = {0};
	struct imap_fetch f;
	int r = 0;

	if (imap_parse_fetch(resp, &c->scratch, &f) < 0)
		return imap_protocol_error(c, "a FETCH line that makes no sense", reterr);
	if (!is_complete(c, &f, want))
		return 0;

	m.uid = f.uid;
	m.modseq = f.modseq;
	m.size = m.announced_size = f.size;
	memcpy(m.date, f.date, sizeof(m.date));
	if (want & IMAP_WANT_FLAGS) {
		_cleanup_(buf_done) struct buf flags = {0};

		r = flags_normalize(f.flags.p, f.flags.n, &flags);
		m.flags = r == 0 ? buf_take(&flags) : NULL;
		if (r == 0 && !m.flags)
			m.flags = text_dup("");
		r = m.flags ? 0 : -ENOMEM;
	}
	if (r == 0 && (want & IMAP_WANT_LABELS))
		r = take_labels(c, f.labels, &m);
	if (r == 0 && !(want & (IMAP_WANT_BODY | IMAP_WANT_DIGEST)))
		r = take_header(c, &f, want, &m);
	if (r == 0 && (want & (IMAP_WANT_BODY | IMAP_WANT_DIGEST))) {
		r = take_body(c, &f, want, &m);
		if (r == 0 && !m.has_digest) {
			message_done(&m);
			return 0;
		}
	}
	if (r < 0) {
		message_done(&m);
		return spool_trouble(c->pool, c->body_size, r, reterr);
	}
	imap_budget_told(&c->budget);
	*ret = m;
	return 1;
}

static int end_fetch(struct imap *c, struct imap_cmd *cmd, struct mm_err *reterr)
{
	/* Somebody deleted some of them meanwhile: the others have come (RFC 5530 §3). */
	bool gone = cmd->status == IMAP_NO && strcasecmp(cmd->code, "EXPUNGEISSUED") == 0;
	int r = 0;

	if (cmd->status != IMAP_OK && !gone)
		r = imap_refused(c, cmd, MM_SCOPE_FOLDER, "cannot fetch messages", reterr);
	imap_cmd_free(c, cmd);
	return r;
}

int imap_fetch_next(struct imap *c, struct message *ret, struct mm_err *reterr)
{
	struct imap_cmd *cmd = imap_oldest(c, VERB_FETCH);

	if (!cmd)
		return 0;
	while (!cmd->done) {
		struct imap_resp resp;
		int r = imap_read(c, "waiting for FETCH data", &resp, reterr);

		if (r < 0)
			return r;
		if (resp.kind != IMAP_UNTAGGED)
			continue;
		if (resp.has_number && text_ieqn(resp.word.p, resp.word.n, "FETCH"))
			r = take_fetch(c, &resp, cmd->want, ret, reterr);
		if (r != 0)
			return r;
	}
	return end_fetch(c, cmd, reterr);
}

/* ---- APPEND ---- */

/* One message of an APPEND. Results as those of imap_put_literal(). */
static int put_message(struct imap *c, struct imap_cmd *cmd, const struct message *m,
		       struct mm_err *reterr)
{
	int wide = imap_utf8(c) ? utf8_header(m->body) : 0;
	int r;

	if (wide < 0) {
		stream_write_nothing(c->stream); /* half a command is out */
		return spool_trouble(c->pool, spool_size(m->body), wide, reterr);
	}
	/* Courier knows the form of RFC 6855 only behind a list of flags. */
	if (wide || (m->flags && *m->flags))
		imap_put(c, " (%s)", m->flags ? m->flags : "");
	if (*m->date)
		imap_put(c, " \"%s\"", m->date);
	imap_put(c, wide ? " UTF8 (~" : " ");
	r = imap_put_literal(c, cmd, spool_size(m->body), reterr);
	if (r != 0)
		return r;
	stream_write_spool(c->stream, m->body);
	if (wide)
		imap_put(c, ")");
	return 0;
}

int imap_append_begin(struct imap *c, const char *raw, const struct message *v, size_t n,
		      struct mm_err *reterr)
{
	struct imap_cmd *cmd = imap_cmd_begin(c, VERB_APPEND, "APPEND", reterr);
	int r;

	if (!cmd)
		return -ENOBUFS;
	cmd->n_messages = n;
	c->appended = true;
	imap_put(c, "APPEND ");
	r = imap_put_mailbox(c, cmd, raw, reterr);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = put_message(c, cmd, &v[i], reterr);
	if (r < 0)
		return r;
	if (r == 0)
		imap_cmd_end(c);
	return 0;
}

void imap_append_result_done(struct imap_append_result *r)
{
	seqset_done(&r->uids);
	*r = (struct imap_append_result){0};
}

static bool has_code(const struct imap_cmd *cmd, const char *const *codes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(cmd->code, codes[i]) == 0)
			return true;
	return false;
}

/* No message would be taken by this folder (RFC 5530 §3). */
static bool is_for_folder(const struct imap_cmd *cmd)
{
	static const char *const codes[] = {"TRYCREATE", "NOPERM", "READ-ONLY", "ACL"};

	return has_code(cmd, codes, ELEMENTS(codes));
}

/* The server's trouble, not the message's. */
static bool is_passing(const struct imap_cmd *cmd)
{
	static const char *const codes[] = {"UNAVAILABLE", "INUSE",        "SERVERBUG",
					    "EXPIRED",     "CONTACTADMIN", "THROTTLED"};

	return has_code(cmd, codes, ELEMENTS(codes));
}

static void describe_refusal(struct imap *c, const struct imap_cmd *cmd,
			     struct imap_append_result *ret)
{
	ret->outcome = IMAP_APPEND_REFUSED;
	ret->try_create = strcasecmp(cmd->code, "TRYCREATE") == 0;
	imap_refused(c, cmd, is_for_folder(cmd) ? MM_SCOPE_FOLDER : MM_SCOPE_MESSAGE,
		     "the message was refused", &ret->error);
	/* What is refused for what it is will be refused again. */
	if (ret->error.scope == MM_SCOPE_MESSAGE && ret->error.cls != MM_CLASS_THROTTLED &&
	    !is_passing(cmd))
		ret->error.retry = MM_RETRY_NEVER;
}

int imap_append_end(struct imap *c, struct imap_append_result *ret, struct mm_err *reterr)
{
	struct imap_cmd *cmd = imap_oldest(c, VERB_APPEND);
	int r;

	if (!cmd)
		return imap_protocol_error(c, "no APPEND in flight", reterr);
	r = imap_await(c, cmd, reterr);
	if (r < 0)
		return r;
	*ret = (struct imap_append_result){.outcome = IMAP_APPEND_STORED};
	if (cmd->status != IMAP_OK) {
		describe_refusal(c, cmd, ret);
	} else if (cmd->uidvalidity && seqset_count(&cmd->uids) == cmd->n_messages) {
		ret->uidvalidity = cmd->uidvalidity;
		ret->uids = cmd->uids;
		cmd->uids = (struct seqset){0};
	}
	imap_cmd_free(c, cmd);
	return 0;
}

int imap_sizes_begin(struct imap *c, const char *set, struct mm_err *reterr)
{
	int r = show_what_came(c, reterr);
	struct imap_cmd *cmd = r < 0 ? NULL : imap_cmd_begin(c, VERB_SIZES, "FETCH", reterr);

	if (!cmd)
		return -ENOBUFS;
	cmd->sizes = calloc(IMAP_SIZES_MAX, sizeof(*cmd->sizes));
	if (!cmd->sizes)
		return mm_err_oom(reterr);
	imap_put(c, "UID FETCH %s (UID RFC822.SIZE)", set);
	imap_cmd_end(c);
	return 0;
}

int imap_sizes_end(struct imap *c, imap_size_fn fn, void *userdata, struct mm_err *reterr)
{
	struct imap_cmd *cmd = imap_oldest(c, VERB_SIZES);
	int r;

	if (!cmd)
		return imap_protocol_error(c, "no FETCH in flight", reterr);
	r = imap_await(c, cmd, reterr);
	if (r < 0)
		return r;
	if (cmd->status != IMAP_OK)
		r = imap_refused(c, cmd, MM_SCOPE_FOLDER, "cannot look at what was stored",
				 reterr);
	for (size_t i = 0; r == 0 && i < cmd->n_sizes; i++)
		fn(userdata, cmd->sizes[i].uid, cmd->sizes[i].size);
	imap_cmd_free(c, cmd);
	return r;
}

/* ---- STORE ---- */

int imap_flags_begin(struct imap *c, const char *set, bool add, const char *flags,
		     struct mm_err *reterr)
{
	struct imap_cmd *cmd = imap_cmd_begin(c, VERB_FLAGS, "STORE", reterr);

	if (!cmd)
		return -ENOBUFS;
	imap_put(c, "UID STORE %s %cFLAGS.SILENT (%s)", set, add ? '+' : '-', flags);
	imap_cmd_end(c);
	return 0;
}

int imap_flags_end(struct imap *c, struct mm_err *reterr)
{
	struct imap_cmd *cmd = imap_oldest(c, VERB_FLAGS);
	int r;

	if (!cmd)
		return imap_protocol_error(c, "no STORE in flight", reterr);
	r = imap_await(c, cmd, reterr);
	if (r < 0)
		return r;
	if (cmd->status != IMAP_OK) {
		r = imap_refused(c, cmd, MM_SCOPE_FOLDER, "STORE was refused", reterr);
		if (reterr && reterr->scope == MM_SCOPE_FOLDER && !is_passing(cmd))
			reterr->retry = MM_RETRY_NEVER;
	}
	imap_cmd_free(c, cmd);
	return r;
}

/* ---- EXPUNGE ---- */

int imap_remove(struct imap *c, const char *set, struct mm_err *reterr)
{
	struct imap_cmd *cmd;
	int r;

	r = imap_flags_begin(c, set, true, "\\Deleted", reterr);
	if (r == 0)
		r = imap_flags_end(c, reterr);
	if (r < 0 || !imap_has(c, IMAP_CAP_UIDPLUS))
		return r < 0 ? r : 1;
	cmd = imap_cmd_begin(c, VERB_PLAIN, "EXPUNGE", reterr);
	if (!cmd)
		return -ENOBUFS;
	imap_put(c, "UID EXPUNGE %s", set);
	imap_cmd_end(c);
	return imap_simple_end(c, cmd, MM_SCOPE_FOLDER, reterr);
}
