/* SPDX-License-Identifier: Apache-2.0 */
/* What is agreed upon after a login: ENABLE (RFC 5161), ID (RFC 2971), COMPRESS (RFC 4978).
 * Each is used where this server offers it, by its capabilities after the login, and not used
 * when it refuses: no mail depends on it. */
#include <mailmig/text.h>
#include <string.h>

#include "imap_internal.h"
#include "servers.h"
#include "utf8.h"

/* Mail is base64 for the most part, of which compression saves a quarter; one connection then
 * carries some 40 MB/s, as much as one processor packs at either end. Within a building lines
 * are faster than that, and both servers have better things to do. How fast a line is cannot be
 * known before it is used, but fast ones are short: beyond this, even in one town. */
#define COMPRESS_ROUND_TRIP_USEC (5 * USEC_PER_MSEC)

/* ---- what the server says ---- */

/* Only what was asked for counts, and only until the answer to that: iCloud says OK and enables
 * nothing, others tell of things that nobody wants. */
void imap_take_enabled(struct imap *c, const struct imap_resp *r)
{
	struct imap_cursor rest = r->rest;
	struct imap_str word;

	if (!imap_oldest_pending(c, VERB_ENABLE))
		return;
	do {
		imap_skip_blanks(&rest);
		word = imap_take_word(&rest, false);
		c->utf8 = c->utf8 || imap_str_is(&word, "UTF8=ACCEPT");
	} while (word.n > 0);
}

bool imap_utf8(const struct imap *c)
{
	return c->utf8;
}

void imap_take_id(struct imap *c, const struct imap_resp *r)
{
	struct imap_id id;

	if (!imap_oldest_pending(c, VERB_ID) || imap_parse_id(r, &c->scratch, &id) < 0)
		return; /* without a name there is less to know, and nothing else */
	text_clean(c->server_name, sizeof(c->server_name), id.name.p ? id.name.p : "",
		   id.name.n);
}

unsigned imap_quirks(const struct imap *c)
{
	return server_quirks(stream_greeting(c->stream), c->server_name);
}

/* ---- what we say ---- */

/* CONDSTORE needs no word here: SELECT asks for it. */
static int say_enable(struct imap *c, struct mm_err *reterr)
{
	struct imap_cmd *cmd;

	if (!imap_has(c, IMAP_CAP_ENABLE | IMAP_CAP_UTF8))
		return 0;
	cmd = imap_cmd_begin(c, VERB_ENABLE, "ENABLE", reterr);
	if (!cmd)
		return -ENOBUFS;
	cmd->forget = true;
	imap_put(c, "ENABLE UTF8=ACCEPT");
	imap_cmd_end(c);
	return 0;
}

/* NetEase lets nobody in who has not said it. */
static int say_id(struct imap *c, struct mm_err *reterr)
{
	struct imap_cmd *cmd;

	if (!imap_has(c, IMAP_CAP_ID))
		return 0;
	cmd = imap_cmd_begin(c, VERB_ID, "ID", reterr);
	if (!cmd)
		return -ENOBUFS;
	cmd->forget = true;
	imap_put(c, "ID (\"name\" \"mailmig\" \"version\" \"%s\")", MAILMIG_VERSION);
	imap_cmd_end(c);
	return 0;
}

bool imap_compress_pays(uint64_t round_trip_usec)
{
	return round_trip_usec >= COMPRESS_ROUND_TRIP_USEC;
}

/* Nothing may follow COMPRESS until it is answered, and while that is waited for other answers
 * would be lost. */
static bool is_awaited(const struct imap *c)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct imap_cmd *cmd = &c->cmds[(c->first + i) % IMAP_WINDOW_MAX];

		if (cmd->id != 0 && !cmd->forget)
			return true;
	}
	return false;
}

int imap_compress(struct imap *c, struct mm_err *reterr)
{
	struct imap_cmd *cmd;
	bool agreed;
	int r;

	if (!c->may_compress || is_awaited(c))
		return 0;
	c->may_compress = false; /* it is asked for once */
	if (!imap_has(c, IMAP_CAP_COMPRESS) ||
	    !imap_compress_pays(stream_round_trip_usec(c->stream)))
		return 0;
	cmd = imap_cmd_begin(c, VERB_PLAIN, "COMPRESS", reterr);
	if (!cmd)
		return -ENOBUFS;
	imap_put(c, "COMPRESS DEFLATE");
	imap_cmd_end(c);
	r = imap_await(c, cmd, reterr);
	if (r < 0)
		return r;
	agreed = cmd->status == IMAP_OK;
	imap_cmd_free(c, cmd);
	if (!agreed)
		return 0;
	r = stream_compress(c->stream);
	if (r == -EBUSY)
		return imap_protocol_error(c, "an answer to a command that was not given",
					   reterr);
	return r < 0 ? mm_err_oom(reterr) : 0;
}

int imap_announce(struct imap *c, struct mm_err *reterr)
{
	int r = say_enable(c, reterr);

	return r < 0 ? r : say_id(c, reterr);
}

/* ---- names of folders ---- */

/* In which form names travel is not known before ENABLE is answered. */
static int await_enable(struct imap *c, struct mm_err *reterr)
{
	while (imap_oldest_pending(c, VERB_ENABLE)) {
		struct imap_resp resp;
		int r = imap_read(c, "waiting for ENABLE reply", &resp, reterr);

		if (r < 0)
			return r;
	}
	return 0;
}

int imap_put_mailbox(struct imap *c, struct imap_cmd *cmd, const char *raw,
		     struct mm_err *reterr)
{
	_cleanup_(buf_done) struct buf wire = {0};
	int r = 0;

	if (utf8_matters(raw)) {
		r = await_enable(c, reterr);
		if (r < 0)
			return r;
		if (imap_utf8(c))
			r = utf8_from_raw(raw, &wire);
	}
	if (r < 0) {
		stream_write_nothing(c->stream);
		return mm_err_oom(reterr);
	}
	return wire.len > 0 ? imap_put_string(c, cmd, wire.p, wire.len, reterr)
			    : imap_put_string(c, cmd, raw, strlen(raw), reterr);
}

char *imap_take_mailbox(const struct imap *c, const struct imap_str *wire)
{
	_cleanup_(buf_done) struct buf raw = {0};

	/* INBOX is one folder in whatever letters (RFC 9051 §5.1). */
	if (imap_str_is(wire, "INBOX"))
		return text_dup("INBOX");
	if (!imap_utf8(c))
		return text_dupn(wire->p, wire->n);
	return utf8_to_raw(wire->p, wire->n, &raw) < 0 ? NULL : buf_take(&raw);
}
