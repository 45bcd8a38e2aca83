/* SPDX-License-Identifier: Apache-2.0 */
/* AUTHENTICATE PLAIN (RFC 4616, RFC 4959) and LOGIN (RFC 9051 §6.2.3), and the
 * capabilities after a login. */
#include <mailmig/text.h>
#include <string.h>
#include <strings.h>

#include "imap_internal.h"

static int refuse(struct imap *c, enum mm_class cls, const char *text, const char *advice,
		  struct mm_err *reterr)
{
	mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_NEVER, -EACCES, "%s: %s", c->label, text);
	return mm_err_class(reterr, cls, "%s", advice);
}

/* The server's NO to a login: is it the password, or is the server unable just now? */
static int login_refused(struct imap *c, const struct imap_cmd *cmd, const struct endpoint *e,
			 struct mm_err *reterr)
{
	uint64_t wait = 0;
	enum reply_meaning meaning = reply_meaning(REPLY_TO_LOGIN, cmd->text, &wait);
	bool busy = meaning == REPLY_BUSY || meaning == REPLY_CONNECTIONS ||
		    meaning == REPLY_THROTTLED;

	mm_err_set(reterr, busy ? MM_SCOPE_STORE : MM_SCOPE_JOB,
		   busy ? MM_RETRY_LATER : MM_RETRY_NEVER, -EACCES,
		   "%s: login of \"%s\" refused: %s", c->label, e->user, cmd->text);
	if (meaning == REPLY_THROTTLED || meaning == REPLY_CONNECTIONS)
		return imap_judged(reterr, meaning, wait);
	if (busy)
		return mm_err_class(reterr, MM_CLASS_CONNECT,
				    "the server cannot just now; the next run tries again");
	return mm_err_class(reterr, MM_CLASS_LOGIN,
			    "check user and password of the %s; does the provider want an app "
			    "password?",
			    c->side);
}

/* authzid NUL authcid NUL password, in base64. */
static int plain_response(const struct endpoint *e, const struct secret *secret,
			  struct buf *out)
{
	const char *authzid = e->admin_user ? e->user : "";
	const char *authcid = e->admin_user ? e->admin_user : e->user;
	size_t nz = strlen(authzid), nc = strlen(authcid);
	size_t n = nz + nc + secret->len + 2;
	unsigned char *raw = malloc(n);

	if (!raw || buf_reserve(out, 4 * ((n + 2) / 3) + 1) < 0) {
		free(raw);
		return -ENOMEM;
	}
	memcpy(raw, authzid, nz);
	raw[nz] = '\0';
	memcpy(raw + nz + 1, authcid, nc);
	raw[nz + 1 + nc] = '\0';
	memcpy(raw + nz + nc + 2, secret->p, secret->len);
	out->len = (size_t)EVP_EncodeBlock((unsigned char *)out->p, raw, (int)n);
	explicit_bzero(raw, n);
	free(raw);
	return 0;
}

static int authenticate_plain(struct imap *c, const struct endpoint *e,
			      const struct secret *secret, struct imap_cmd *cmd,
			      struct mm_err *reterr)
{
	struct buf response = {0};
	int r;

	r = plain_response(e, secret, &response);
	if (r < 0)
		return mm_err_oom(reterr);

	imap_put(c, "AUTHENTICATE PLAIN");
	if (imap_has(c, IMAP_CAP_SASL_IR)) {
		imap_put(c, " ");
	} else {
		imap_cmd_end(c);
		c->continuation = false;
		while (r == 0 && !c->continuation && !cmd->done) {
			struct imap_resp resp;

			r = imap_read(c, "waiting for AUTHENTICATE challenge", &resp, reterr);
		}
	}
	if (r == 0 && !cmd->done) {
		stream_write(c->stream, response.p, response.len);
		imap_cmd_end(c);
	}
	explicit_bzero(response.p, response.cap);
	buf_done(&response);
	return r;
}

static int login_command(struct imap *c, const struct endpoint *e, const struct secret *secret,
			 struct imap_cmd *cmd, struct mm_err *reterr)
{
	int r;

	imap_put(c, "LOGIN ");
	r = imap_put_string(c, cmd, e->user, strlen(e->user), reterr);
	if (r != 0)
		return r < 0 ? r : 0;
	imap_put(c, " ");
	r = imap_put_string(c, cmd, (const char *)secret->p, secret->len, reterr);
	if (r != 0)
		return r < 0 ? r : 0;
	imap_cmd_end(c);
	return 0;
}

static int choose(struct imap *c, const struct endpoint *e, const struct secret *secret,
		  bool *ret_plain, struct mm_err *reterr)
{
	bool plain = imap_has(c, IMAP_CAP_AUTH_PLAIN);

	if (memchr(secret->p, '\0', secret->len))
		return refuse(c, MM_CLASS_LOGIN,
			      "the password holds a NUL octet, which no login can carry",
			      "check the secret", reterr);
	if ((e->auth == AUTH_PLAIN || e->admin_user) && !plain)
		return refuse(c, MM_CLASS_LOGIN, "the server does not offer AUTHENTICATE PLAIN",
			      e->admin_user
				      ? "admin_user needs it: use the users' own passwords"
				      : "remove auth = \"plain\"",
			      reterr);
	if ((e->auth == AUTH_LOGIN || !plain) && imap_has(c, IMAP_CAP_LOGINDISABLED))
		return refuse(c, MM_CLASS_LOGIN,
			      "the server offers no login with a password here",
			      "it may want TLS or OAuth2", reterr);
	*ret_plain = plain && e->auth != AUTH_LOGIN;
	return 0;
}

/* What was learned before the login is forgotten after it. */
static int ask_caps(struct imap *c, struct mm_err *reterr)
{
	struct imap_cmd *cmd;

	if (c->caps_known)
		return 0;
	cmd = imap_cmd_begin(c, VERB_PLAIN, "CAPABILITY", reterr);
	if (!cmd)
		return -ENOBUFS;
	imap_put(c, "CAPABILITY");
	imap_cmd_end(c);
	return imap_simple_end(c, cmd, MM_SCOPE_STORE, reterr);
}

int imap_login(struct imap *c, const struct endpoint *e, const struct secret *secret,
	       struct mm_err *reterr)
{
	const char *caps = stream_capability(c->stream);
	struct imap_cmd *cmd;
	bool plain = false;
	int r;

	if (strncasecmp(stream_greeting(c->stream), "* PREAUTH", 9) == 0)
		return refuse(
			c, MM_CLASS_CONNECT, "the server takes us for somebody without a login",
			"this is not supported: it would be somebody else's mailbox", reterr);
	if (strlen(caps) > 13)
		imap_set_caps(c, caps + 13, strlen(caps) - 13);
	r = choose(c, e, secret, &plain, reterr);
	if (r < 0)
		return r;

	cmd = imap_cmd_begin(c, VERB_PLAIN, "login", reterr);
	if (!cmd)
		return -ENOBUFS;
	c->caps_known = false;
	r = plain ? authenticate_plain(c, e, secret, cmd, reterr)
		  : login_command(c, e, secret, cmd, reterr);
	if (r < 0)
		return r;
	r = imap_await(c, cmd, reterr);
	if (r < 0)
		return r;
	if (cmd->status != IMAP_OK)
		r = login_refused(c, cmd, e, reterr);
	imap_cmd_free(c, cmd);
	if (r < 0)
		return r;
	return ask_caps(c, reterr);
}
