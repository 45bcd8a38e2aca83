/* SPDX-License-Identifier: Apache-2.0 */
/* How a session comes to be and ends, and what its server can do. */
#include <mailmig/crash_point.h>
#include <mailmig/text.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "imap_internal.h"

/* ---- capabilities ---- */

static const struct {
	const char *name;
	unsigned cap;
} cap_table[] = {
	{"LITERAL+", IMAP_CAP_LITERAL_PLUS},
	{"LITERAL-", IMAP_CAP_LITERAL_MINUS},
	{"MULTIAPPEND", IMAP_CAP_MULTIAPPEND},
	{"UIDPLUS", IMAP_CAP_UIDPLUS},
	{"ENABLE", IMAP_CAP_ENABLE},
	{"CONDSTORE", IMAP_CAP_CONDSTORE},
	{"QRESYNC", IMAP_CAP_CONDSTORE},
	{"LIST-EXTENDED", IMAP_CAP_LIST_EXTENDED},
	{"LIST-STATUS", IMAP_CAP_LIST_STATUS},
	{"SPECIAL-USE", IMAP_CAP_SPECIAL_USE},
	{"STATUS=SIZE", IMAP_CAP_STATUS_SIZE},
	{"NAMESPACE", IMAP_CAP_NAMESPACE},
	{"SASL-IR", IMAP_CAP_SASL_IR},
	{"AUTH=PLAIN", IMAP_CAP_AUTH_PLAIN},
	{"LOGINDISABLED", IMAP_CAP_LOGINDISABLED},
	{"ID", IMAP_CAP_ID},
	{"QUOTA", IMAP_CAP_QUOTA},
	{"IDLE", IMAP_CAP_IDLE},
	{"APPENDLIMIT", IMAP_CAP_APPENDLIMIT},
	{"X-GM-EXT-1", IMAP_CAP_GMAIL},
	{"ESEARCH", IMAP_CAP_ESEARCH},
	{"XLIST", IMAP_CAP_XLIST},
	{"CREATE-SPECIAL-USE", IMAP_CAP_CREATE_SPECIAL_USE},
	{"COMPRESS=DEFLATE", IMAP_CAP_COMPRESS},
	{"UTF8=ACCEPT", IMAP_CAP_UTF8},
	{"UTF8=ONLY", IMAP_CAP_UTF8}, /* it is enabled by the same word (RFC 6855 §6) */
};

void imap_set_caps(struct imap *c, const char *s, size_t n)
{
	const char *end = s + n;

	c->caps = 0;
	c->caps_hash = 0;
	c->append_limit = 0;
	while (s < end) {
		const char *q = memchr(s, ' ', (size_t)(end - s));
		size_t len = q ? (size_t)(q - s) : (size_t)(end - s);

		for (size_t i = 0; i < ELEMENTS(cap_table); i++)
			if (text_ieqn(s, len, cap_table[i].name))
				c->caps |= cap_table[i].cap;
		if (len > 12 && strncasecmp(s, "APPENDLIMIT=", 12) == 0) {
			struct imap_cursor limit = {.p = s + 12, .end = s + len};

			(void)imap_take_u64(&limit,
					    &c->append_limit); /* nonsense is no limit */
		}
		c->caps_hash += text_hash(TEXT_HASH_SEED, s, len);
		s += len + 1;
	}
	c->caps_known = true;
}

bool imap_has(const struct imap *c, unsigned cap)
{
	return (c->caps & cap) == cap;
}

unsigned imap_caps(const struct imap *c)
{
	return c->caps;
}

uint64_t imap_caps_hash(const struct imap *c)
{
	return c->caps_hash;
}

uint64_t imap_append_limit(const struct imap *c)
{
	return c->append_limit;
}

bool imap_usable(const struct imap *c)
{
	return !c->broken && stream_usable(c->stream);
}

bool imap_garbled(const struct imap *c)
{
	return stream_garbled(c->stream);
}

uint64_t imap_round_trips(const struct imap *c)
{
	return stream_turns(c->stream);
}

const char *imap_label(const struct imap *c)
{
	return c->label;
}

enum folder_server imap_server(const struct imap *c)
{
	if (imap_has(c, IMAP_CAP_GMAIL))
		return FOLDER_SERVER_GMAIL;
	return imap_quirks(c) & IMAP_QUIRK_EXCHANGE ? FOLDER_SERVER_EXCHANGE
						    : FOLDER_SERVER_ANY;
}

/* ---- life ---- */

static enum stream_tls stream_tls_of(enum tls_mode t)
{
	return t == TLS_IMPLICIT   ? STREAM_TLS_IMPLICIT
	       : t == TLS_STARTTLS ? STREAM_TLS_STARTTLS
				   : STREAM_TLS_NONE;
}

/* A server that does not even let us in may have said why and for how long. */
static int turned_away(int r, struct mm_err *reterr)
{
	static const char bye[] = "turned us away: BYE ";
	const char *text = r < 0 && reterr ? strstr(reterr->text, bye) : NULL;
	uint64_t wait = 0;

	if (text &&
	    reply_meaning(REPLY_GREETING, text + sizeof(bye) - 1, &wait) == REPLY_THROTTLED)
		(void)imap_judged(reterr, REPLY_THROTTLED, wait);
	return r;
}

static int connect_stream(struct imap *c, const struct imap_options *o, struct mm_err *reterr)
{
	const struct endpoint *e = o->endpoint;
	struct stream_options so = {
		.label = c->label,
		.host = e->host,
		.port = e->port,
		.tls = stream_tls_of(e->tls),
		.tls_verify = e->tls_verify,
		.tls_ca = e->tls_ca,
		.tls_fingerprint = e->tls_fingerprint,
		.tls_min = e->tls_min,
		.tls_client_cert = e->tls_client_cert,
		.tls_client_key = e->tls_client_key,
		.proxy = e->proxy,
		.timeout_usec = e->timeout_usec,
		.cancel_fd = o->cancel_fd,
		.limiter = o->limiter,
	};

	if (e->tls == TLS_NONE && !e->allow_cleartext) {
		mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_NEVER, -EPERM,
			   "%s: tls = \"none\" would send the password in clear", c->label);
		return mm_err_class(
			reterr, MM_CLASS_CONFIG,
			"use TLS, or set allow_cleartext = true on a network you trust");
	}
	return turned_away(stream_open(&so, &c->stream, reterr), reterr);
}

int imap_open(const struct imap_options *o, struct imap **ret, struct mm_err *reterr)
{
	_cleanup_(imap_closep) struct imap *c = NULL;
	int r;

	c = calloc(1, sizeof(*c));
	if (!c)
		return mm_err_oom(reterr);
	c->pump = o->pump;
	c->pool = o->pool;
	c->match = o->match;
	c->may_compress = !o->no_compress;
	c->budget.timeout_usec = o->endpoint->timeout_usec;
	c->side = text_dup(o->side);
	c->prefix = text_dup("");
	c->label =
		text_fmt("%s %s:%u", o->side, o->endpoint->host, (unsigned)o->endpoint->port);
	if (!c->side || !c->label || !c->prefix ||
	    getrandom(&c->tag_base, sizeof(c->tag_base), 0) != sizeof(c->tag_base))
		return mm_err_oom(reterr);

	r = connect_stream(c, o, reterr);
	if (r < 0)
		return r;
	if (pump_add(c->pump, c->stream) < 0)
		return mm_err_oom(reterr);
	if (o->connected)
		o->connected(o->userdata, c->stream);
	if (o->before_login && o->before_login(o->userdata) < 0) {
		mm_err_set(reterr, MM_SCOPE_STORE, MM_RETRY_LATER, -ECANCELED,
			   "%s: not logged in: another connection could not", c->label);
		return mm_err_class(reterr, MM_CLASS_CANCELLED, "%s", "");
	}
	r = imap_login(c, o->endpoint, o->secret, reterr);
	if (r == 0)
		r = imap_announce(c, reterr);
	if (r < 0)
		return r;
	*ret = STEAL(c);
	return 0;
}

int imap_use_pump(struct imap *c, struct pump *pump)
{
	int r = pump_add(pump, c->stream);

	if (r < 0)
		return r;
	pump_remove(c->pump, c->stream);
	c->pump = pump;
	return 0;
}

struct imap *imap_close(struct imap *c)
{
	if (!c)
		return NULL;

	if (c->stream) {
		if (!c->broken) {
			imap_put(c, "%08x.%u LOGOUT\r\n", c->tag_base, ++c->last_id);
			pump_poll(c->pump);
			CRASH_POINT("sent", "LOGOUT");
		}
		pump_remove(c->pump, c->stream);
		stream_free(c->stream);
	}
	for (size_t i = 0; i < IMAP_WINDOW_MAX; i++) {
		seqset_done(&c->cmds[i].uids);
		free(c->cmds[i].sizes);
	}
	imap_framer_done(&c->framer);
	imap_mailbox_done(&c->box);
	buf_done(&c->scratch);
	EVP_MD_CTX_free(c->md);
	message_text_free(c->text);
	spool_unref(c->body);
	free(c->side);
	free(c->label);
	free(c->prefix);
	free(c->bye);
	free(c);
	return NULL;
}
