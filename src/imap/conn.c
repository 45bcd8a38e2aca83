/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to commands, the window, and untagged data to whom it concerns. */
#include <mailmig/clock.h>
#include <mailmig/crash_point.h>
#include <mailmig/text.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "imap_internal.h"

/* Between commands, for a server that wants it slower: as Dovecot's imapc has found them good.
 */
#define PAUSE_MIN (50 * USEC_PER_MSEC)
#define PAUSE_MAX (16 * USEC_PER_SEC)

/* ---- receiving ---- */

int imap_protocol_error(struct imap *c, const char *what, struct mm_err *reterr)
{
	c->broken = true;
	mm_err_set(reterr, MM_SCOPE_STORE, MM_RETRY_NOW, -EPROTO, "%s: protocol error: %s",
		   c->label, what);
	return mm_err_class(reterr, MM_CLASS_PROTOCOL,
			    "the server breaks IMAP's rules; if it goes on, tell its operator");
}

/* The server brings the session to no end. */
static int over_budget(struct imap *c, enum imap_verdict v, const char *what,
		       struct mm_err *reterr)
{
	if (v == IMAP_TOO_MUCH)
		return imap_protocol_error(c, "more data than anybody asked for", reterr);
	c->broken = true;
	mm_err_set(reterr, MM_SCOPE_STORE, MM_RETRY_NOW, -ETIMEDOUT,
		   "%s: the server goes on and comes to no end (%s)", c->label, what);
	return mm_err_class(reterr, MM_CLASS_TIMEOUT,
			    "the server or the network is slow: raise the server's timeout, or "
			    "try again later");
}

/* Does somebody wait for the text of messages? */
static bool wants_bodies(struct imap *c)
{
	const struct imap_cmd *fetch = imap_oldest_pending(c, VERB_FETCH);

	return fetch && (fetch->want & (IMAP_WANT_BODY | IMAP_WANT_DIGEST));
}

int imap_text_begin(struct imap *c, bool wanted)
{
	int r = 0;

	c->text_wanted = wanted;
	if (wanted && !c->text)
		r = message_text_new(&c->text);
	return r == 0 && wanted ? message_text_begin(c->text) : r;
}

/* A body begins: where its octets go depends on the oldest fetch in flight. */
static int body_begin(struct imap *c, struct mm_err *reterr)
{
	const struct imap_cmd *fetch = imap_oldest_pending(c, VERB_FETCH);
	int r;

	c->body = spool_unref(c->body);
	c->body_complete = false;
	c->body_size = c->framer.body_size;
	if (!c->md)
		c->md = EVP_MD_CTX_new();
	if (!c->md || EVP_DigestInit_ex(c->md, EVP_sha256(), NULL) != 1)
		return mm_err_oom(reterr);
	if (imap_text_begin(c, fetch && (fetch->want & IMAP_WANT_TEXT)) < 0)
		return mm_err_oom(reterr);
	if (!fetch || !(fetch->want & IMAP_WANT_BODY))
		return 0;

	r = spool_new(c->pool, c->body_size, &c->body);
	return r < 0 ? spool_trouble(c->pool, c->body_size, r, reterr) : 0;
}

static int body_data(struct imap *c, struct mm_err *reterr)
{
	enum imap_verdict v = imap_budget_body(&c->budget, c->framer.n, wants_bodies(c));
	int r = 0;

	if (v != IMAP_GO_ON)
		return over_budget(c, v, "reading a message", reterr);
	if (EVP_DigestUpdate(c->md, c->framer.data, c->framer.n) != 1 ||
	    (c->text_wanted && message_text_add(c->text, c->framer.data, c->framer.n) < 0))
		return mm_err_oom(reterr);
	if (c->body)
		r = spool_write(c->body, c->framer.data, c->framer.n);
	return r < 0 ? spool_trouble(c->pool, c->body_size, r, reterr) : 0;
}

static int body_end(struct imap *c, struct mm_err *reterr)
{
	if (EVP_DigestFinal_ex(c->md, c->digest, NULL) != 1)
		return mm_err_oom(reterr);
	c->body_complete = true;
	return 0;
}

/* The text for people of a status response, with its code. */
static void keep_text(const struct imap_resp *r, char *to, size_t size)
{
	const char *start = r->code.p ? r->code.p - 1 : r->rest.p;

	text_clean(to, size, start, (size_t)(r->rest.end - start));
}

/* A command was done, and the server says that the next one should come later: longer each time
 * that it says so, and shorter when it does not. */
static void keep_pace(struct imap *c, const struct imap_cmd *cmd)
{
	if (reply_meaning(REPLY_TO_DONE, cmd->text, NULL) != REPLY_SLOWER) {
		c->pause_usec /= 2;
		return;
	}
	c->pause_usec = MIN_OF(MAX_OF(2 * c->pause_usec, PAUSE_MIN), PAUSE_MAX);
	stream_hold(c->stream, c->pause_usec);
}

static void take_tagged(struct imap *c, const struct imap_resp *r, struct imap_cmd *cmd)
{
	struct imap_cursor rest;
	size_t n = 0;

	imap_budget_answered(&c->budget);
	cmd->done = true;
	cmd->status = r->status;
	keep_text(r, cmd->text, sizeof(cmd->text));
	while (n < r->code.n && n < sizeof(cmd->code) - 1 && r->code.p[n] != ' ') {
		cmd->code[n] = r->code.p[n];
		n++;
	}
	cmd->code[n] = '\0';

	if (r->status == IMAP_OK)
		keep_pace(c, cmd);
	else if (cmd->verb == VERB_ENABLE)
		c->utf8 = false; /* whatever it said before */
	if (imap_code_is(r, "CAPABILITY", &rest))
		imap_set_caps(c, rest.p, (size_t)(rest.end - rest.p));
	if (cmd->verb == VERB_APPEND && imap_code_is(r, "APPENDUID", &rest) &&
	    imap_parse_appenduid(rest, &cmd->uidvalidity, &cmd->uids) < 0) {
		/* A hint that makes no sense is no hint: the engine looks for itself. */
		cmd->uidvalidity = 0;
		seqset_reset(&cmd->uids);
	}
}

static int tagged(struct imap *c, const struct imap_resp *r, struct mm_err *reterr)
{
	char base[16];
	int n = snprintf(base, sizeof(base), "%08x.", c->tag_base);
	struct imap_cursor tag = {.p = r->tag.p, .end = r->tag.p + r->tag.n};
	uint32_t id;

	if (r->tag.n > (size_t)n && memcmp(r->tag.p, base, (size_t)n) == 0) {
		tag.p += n;
		if (imap_take_u32(&tag, &id) == 0 && tag.p == tag.end) {
			for (size_t i = 0; i < c->n; i++) {
				struct imap_cmd *cmd =
					&c->cmds[(c->first + i) % IMAP_WINDOW_MAX];

				if (cmd->id == id && !cmd->done) {
					CRASH_POINT("reply", cmd->name);
					take_tagged(c, r, cmd);
					if (cmd->forget)
						imap_cmd_free(c, cmd);
					return 0;
				}
			}
		}
	}
	return imap_protocol_error(c, "an answer to a command that was not given", reterr);
}

/* A size asked for beside appends. */
static void note_size(struct imap *c, const struct imap_resp *r)
{
	struct imap_cmd *cmd = imap_oldest_pending(c, VERB_SIZES);
	struct imap_fetch f;

	if (!cmd || !cmd->sizes || cmd->n_sizes == IMAP_SIZES_MAX)
		return;
	if (imap_parse_fetch(r, &c->scratch, &f) < 0 || f.uid == 0 || !f.has_size)
		return;
	imap_budget_told(&c->budget);
	cmd->sizes[cmd->n_sizes++] = (struct imap_size){.uid = f.uid, .size = f.size};
}

static void untagged(struct imap *c, const struct imap_resp *r)
{
	if (r->status == IMAP_BYE) {
		free(c->bye);
		c->bye = calloc(1, IMAP_TEXT_MAX);
		if (c->bye)
			keep_text(r, c->bye, IMAP_TEXT_MAX);
		return;
	}
	if (r->status == IMAP_OK) {
		struct imap_cursor rest;

		if (imap_code_is(r, "CAPABILITY", &rest))
			imap_set_caps(c, rest.p, (size_t)(rest.end - rest.p));
	}
	if (text_ieqn(r->word.p, r->word.n, "CAPABILITY"))
		imap_set_caps(c, r->rest.p, (size_t)(r->rest.end - r->rest.p));
	else if (text_ieqn(r->word.p, r->word.n, "ENABLED"))
		imap_take_enabled(c, r);
	else if (text_ieqn(r->word.p, r->word.n, "ID"))
		imap_take_id(c, r);
	else if (text_ieqn(r->word.p, r->word.n, "FETCH"))
		note_size(c, r);
	else if (text_ieqn(r->word.p, r->word.n, "SEARCH") ||
		 text_ieqn(r->word.p, r->word.n, "ESEARCH"))
		imap_take_found(c, r);
	imap_box_data(c, r);
}

static int said_bye(const struct imap *c, struct mm_err *reterr)
{
	uint64_t wait = 0;

	mm_err_set(reterr, MM_SCOPE_STORE, MM_RETRY_NOW, -ECONNRESET,
		   "%s: the server ended the session: BYE %s", c->label, c->bye);
	if (reply_meaning(REPLY_BYE, c->bye, &wait) == REPLY_THROTTLED)
		(void)imap_judged(reterr, REPLY_THROTTLED, wait);
	else
		mm_err_class(reterr, MM_CLASS_CONNECT,
			     "the server gives the reason; try again later");
	return -ECONNRESET;
}

static int wait_for_octets(struct imap *c, const char *what, struct mm_err *reterr)
{
	uint64_t begin = clock_usec(), queued = stream_queued(c->stream);
	uint64_t held = stream_held_usec(c->stream);
	enum imap_verdict v;
	int r;

	r = pump_wait(c->pump, c->stream, what, reterr);
	if (r < 0) {
		c->broken = true;
		return c->bye && r == -ECONNRESET ? said_bye(c, reterr) : r;
	}
	held = stream_held_usec(c->stream) - held; /* that was not the server */
	v = imap_budget_waited(
		&c->budget, clock_usec() - begin - MIN_OF(held, clock_usec() - begin),
		queued - stream_queued(c->stream), imap_framer_midway(&c->framer));
	return v == IMAP_GO_ON ? 0 : over_budget(c, v, what, reterr);
}

/* The next event of the framer; waits for octets when it has none. */
static int next_event(struct imap *c, const char *what, struct mm_err *reterr)
{
	for (;;) {
		const uint8_t *p;
		size_t n = stream_peek(c->stream, &p);
		size_t used = 0;
		int ev;

		ev = imap_framer_push(&c->framer, p, n, &used);
		stream_consume(c->stream, used);
		if (ev == -ENOMEM)
			return mm_err_oom(reterr);
		if (ev == -EMSGSIZE)
			return imap_protocol_error(c, "a line or literal beyond all limits",
						   reterr);
		if (ev < 0)
			return imap_protocol_error(c, "a malformed literal", reterr);
		if (ev != IMAP_EVENT_MORE)
			return ev;

		if (n == 0) {
			int r = wait_for_octets(c, what, reterr);

			if (r < 0)
				return r;
		}
	}
}

static int read_response(struct imap *c, const char *what, struct imap_resp *ret,
			 struct mm_err *reterr)
{
	for (;;) {
		int ev = next_event(c, what, reterr);
		enum imap_verdict v;
		int r = 0;

		if (ev < 0)
			return ev;
		switch (ev) {
		case IMAP_EVENT_BODY:
			r = body_begin(c, reterr);
			break;
		case IMAP_EVENT_DATA:
			r = body_data(c, reterr);
			break;
		case IMAP_EVENT_BODY_END:
			r = body_end(c, reterr);
			break;
		default:
			v = imap_budget_response(&c->budget, c->framer.line.len);
			if (v != IMAP_GO_ON)
				return over_budget(c, v, what, reterr);
			if (imap_parse_response(&c->framer.line, ret) < 0)
				return imap_protocol_error(c, "a line that is no response",
							   reterr);
			return 0;
		}
		if (r < 0) {
			c->broken = true;
			return r;
		}
	}
}

int imap_read(struct imap *c, const char *what, struct imap_resp *ret, struct mm_err *reterr)
{
	int r;

	r = read_response(c, what, ret, reterr);
	if (r < 0)
		return r;

	switch (ret->kind) {
	case IMAP_CONTINUATION:
		c->continuation = true;
		return 0;
	case IMAP_TAGGED:
		return tagged(c, ret, reterr);
	default:
		untagged(c, ret);
		return 0;
	}
}

/* ---- waiting ---- */

static struct imap_cmd *find_cmd(struct imap *c, enum imap_verb verb, bool pending)
{
	for (size_t i = 0; i < c->n; i++) {
		struct imap_cmd *cmd = &c->cmds[(c->first + i) % IMAP_WINDOW_MAX];

		if (cmd->verb == verb && cmd->id != 0 && !(pending && cmd->done))
			return cmd;
	}
	return NULL;
}

struct imap_cmd *imap_oldest(struct imap *c, enum imap_verb verb)
{
	return find_cmd(c, verb, false);
}

struct imap_cmd *imap_oldest_pending(struct imap *c, enum imap_verb verb)
{
	return find_cmd(c, verb, true);
}

int imap_await(struct imap *c, const struct imap_cmd *cmd, struct mm_err *reterr)
{
	char what[64];

	snprintf(what, sizeof(what), "waiting for %s reply", cmd->name);
	while (!cmd->done) {
		struct imap_resp resp;
		int r = imap_read(c, what, &resp, reterr);

		if (r < 0)
			return r;
	}
	return 0;
}

void imap_cmd_free(struct imap *c, struct imap_cmd *cmd)
{
	seqset_done(&cmd->uids);
	free(cmd->sizes);
	*cmd = (struct imap_cmd){.done = true};
	while (c->n > 0 && c->cmds[c->first].id == 0) {
		c->first = (c->first + 1) % IMAP_WINDOW_MAX;
		c->n--;
	}
}

static enum reply_place place_of(const struct imap_cmd *cmd)
{
	switch (cmd->verb) {
	case VERB_APPEND:
	case VERB_FLAGS:
		return REPLY_TO_WRITING;
	case VERB_FETCH:
	case VERB_SIZES:
	case VERB_SEARCH:
		return REPLY_TO_READING;
	case VERB_SELECT:
	case VERB_ENABLE:
	case VERB_ID:
	case VERB_PLAIN:
		break;
	}
	return strcmp(cmd->name, "CREATE") == 0 ? REPLY_TO_WRITING : REPLY_TO_OTHERS;
}

int imap_judged(struct mm_err *e, enum reply_meaning meaning, uint64_t wait_usec)
{
	switch (e ? meaning : REPLY_PLAIN) {
	case REPLY_THROTTLED:
		e->scope = MM_SCOPE_STORE;
		e->retry = MM_RETRY_LATER;
		e->retry_after_usec = wait_usec;
		return mm_err_class(e, MM_CLASS_THROTTLED,
				    "the server limits what this mailbox may do at once; it "
				    "goes on by itself later");
	case REPLY_CONNECTIONS:
		e->scope = MM_SCOPE_STORE;
		return mm_err_class(e, MM_CLASS_CONNECT,
				    "close other programs that use this mailbox, or lower "
				    "limits.connections");
	case REPLY_FULL:
		e->scope = MM_SCOPE_JOB;
		return mm_err_class(
			e, MM_CLASS_QUOTA,
			"make room in this mailbox or raise its quota, then run again");
	case REPLY_TOO_LARGE:
		return mm_err_class(e, MM_CLASS_TOO_LARGE, "the server gives the reason");
	case REPLY_OPERATOR:
		return mm_err_class(e, MM_CLASS_REFUSED,
				    "only the operator of this server can mend it");
	case REPLY_PLAIN:
	case REPLY_SLOWER:
	case REPLY_BUSY:
		break;
	}
	return mm_err_class(e, MM_CLASS_REFUSED, "the server gives the reason");
}

int imap_refused(const struct imap *c, const struct imap_cmd *cmd, enum mm_scope scope,
		 const char *what, struct mm_err *reterr)
{
	uint64_t wait = 0;
	enum reply_meaning meaning = reply_meaning(place_of(cmd), cmd->text, &wait);

	mm_err_set(reterr, scope, MM_RETRY_LATER, -EREMOTEIO, "%s: %s: %s %s", c->label, what,
		   cmd->status == IMAP_BAD ? "BAD" : "NO", cmd->text);
	return imap_judged(reterr, meaning, wait);
}

int imap_simple_end(struct imap *c, struct imap_cmd *cmd, enum mm_scope scope,
		    struct mm_err *reterr)
{
	char what[64];
	int r;

	r = imap_await(c, cmd, reterr);
	if (r < 0)
		return r;
	if (cmd->status != IMAP_OK) {
		snprintf(what, sizeof(what), "%s was refused", cmd->name);
		r = imap_refused(c, cmd, scope, what, reterr);
	}
	imap_cmd_free(c, cmd);
	return r;
}
