/* SPDX-License-Identifier: Apache-2.0 */
/* One server, as a run would use it, step by step. */
#include <arpa/inet.h>
#include <mailmig/buf.h>
#include <mailmig/clock.h>
#include <mailmig/parse.h>
#include <mailmig/spool.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "check_internal.h"
#include "worker_internal.h"

#define ADDRESSES_SHOWN 4
#define RENEW_DAYS      14 /* a certificate nearer its end should have been renewed */
#define USEC_PER_DAY    (24 * 3600 * USEC_PER_SEC)
/* Asking for the size of each message costs some 40 octets of answer. */
#define MESSAGES_MEASURED UINT64_C(100000)

/* What is looked at, and the session it was learned in. */
struct attempt {
	struct check_side *s;
	const struct secret *secret; /* NULL: there is none */
	bool connected;
};

/* ---- name ---- */

static int add_address(struct buf *b, const struct addrinfo *a)
{
	char text[INET6_ADDRSTRLEN];

	if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0,
			NI_NUMERICHOST) != 0)
		return 0;
	return buf_addf(b, "%s%s", b->len > 0 ? ", " : "", text);
}

/* 0, or -EHOSTUNREACH when the name has no address: then nothing more is tried. */
static int check_name(struct check_side *s)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	const struct endpoint *e = s->endpoint;
	_cleanup_(buf_done) struct buf addresses = {0};
	struct addrinfo *list = NULL;
	struct check_line l;
	size_t n = 0;
	int r;

	if (e->proxy) {
		check_fine(&s->checks, s->side, "name", "%s, reached through a proxy", e->host);
		return 0;
	}
	r = getaddrinfo(e->host, NULL, &hints, &list);
	if (r != 0) {
		check_begin(&l, CHECK_FAIL, s->side, "name", "%s: %s", e->host,
			    r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r));
		check_advise(&l,
			     "check the server's host name and this machine's DNS: getent "
			     "ahosts %s",
			     e->host);
		check_end(&s->checks, &l, mm_class_exit_code(MM_CLASS_CONNECT));
		return -EHOSTUNREACH;
	}
	for (const struct addrinfo *a = list; a; a = a->ai_next)
		if (n++ < ADDRESSES_SHOWN)
			(void)add_address(&addresses, a); /* for reading only */
	freeaddrinfo(list);
	if (n > ADDRESSES_SHOWN)
		(void)buf_addf(&addresses, " and %zu more", n - ADDRESSES_SHOWN);
	check_fine(&s->checks, s->side, "name", "%s is %s", e->host, buf_str(&addresses));
	return 0;
}

/* ---- TLS ---- */

static void check_certificate(struct check_side *s, const struct stream_tls_info *t)
{
	const struct endpoint *e = s->endpoint;
	uint64_t now = clock_wall_usec();
	bool unchecked = !e->tls_verify && !e->tls_fingerprint;
	bool expired = t->valid_until_usec && t->valid_until_usec < now;
	uint64_t days = expired ? (now - t->valid_until_usec) / USEC_PER_DAY
				: (t->valid_until_usec - now) / USEC_PER_DAY;
	struct check_line l;

	check_begin(&l, unchecked || expired || days < RENEW_DAYS ? CHECK_WARN : CHECK_OK,
		    s->side, "TLS", "%s, certificate %s, %s%llu days%s%s", t->version,
		    *t->subject ? t->subject : "without a name", expired ? "expired " : "",
		    (unsigned long long)days, expired ? " ago" : " left",
		    unchecked            ? ", not checked (tls_verify = false)"
		    : e->tls_fingerprint ? ", pinned"
					 : "");
	if (unchecked)
		check_advise(&l,
			     "anybody could be in between: set tls_verify = true, or "
			     "tls_fingerprint = \"%s\", then: mailmigctl reload",
			     t->fingerprint);
	else if (expired || days < RENEW_DAYS) {
		check_advise(&l, "have the certificate renewed");
		check_advise_certificate(&l, e);
	}
	check_end(&s->checks, &l, 0);
}

/* The stream is connected and nobody logged in yet. */
static void on_connected(void *userdata, const struct stream *stream)
{
	struct attempt *a = userdata;
	struct check_side *s = a->s;
	const struct endpoint *e = s->endpoint;
	struct check_line l;

	a->connected = true;
	check_fine(&s->checks, s->side, "connection", "port %u answers", (unsigned)e->port);
	if (stream_encrypted(stream)) {
		check_certificate(s, stream_tls_info(stream));
		return;
	}
	check_begin(&l, CHECK_WARN, s->side, "TLS",
		    "none: password and mail travel in clear (allow_cleartext)");
	check_advise(&l,
		     "set tls = \"starttls\" if the server has it: openssl s_client "
		     "-connect %s:%u -starttls imap",
		     e->host, (unsigned)e->port);
	check_end(&s->checks, &l, 0);
}

/* Without a password there is nothing to log in with: connection and TLS are worth a look. */
static int before_login(void *userdata)
{
	return ((struct attempt *)userdata)->secret ? 0 : -ENOKEY;
}

/* ---- capabilities ---- */

static const struct {
	const char *name;
	unsigned cap;
	bool origin, destination;
	const char *without; /* what it costs not to have it */
} capabilities[] = {
	{"UIDPLUS", IMAP_CAP_UIDPLUS, false, true, "every copy has to be looked for"},
	{"MULTIAPPEND", IMAP_CAP_MULTIAPPEND, false, true, "messages are stored one by one"},
	{"LITERAL+", IMAP_CAP_LITERAL_PLUS, false, true,
	 "each message waits for the server's consent"},
	{"CONDSTORE", IMAP_CAP_CONDSTORE, true, false,
	 "flags of all messages are read in every run"},
	{"LIST-STATUS", IMAP_CAP_LIST_STATUS, true, true, "each folder is asked by itself"},
	{"SPECIAL-USE", IMAP_CAP_SPECIAL_USE, true, true, "roles of folders are not told"},
	{"QUOTA", IMAP_CAP_QUOTA, false, true, "a full mailbox is noticed when it refuses"},
	{"IDLE", IMAP_CAP_IDLE, true, false, "news are not told"},
};

static void check_capabilities(struct check_side *s, const struct imap *c)
{
	_cleanup_(buf_done) struct buf has = {0}, lacks = {0};
	unsigned caps = imap_caps(c);
	struct check_line l;
	char limit[32];

	for (size_t i = 0; i < ELEMENTS(capabilities); i++) {
		if (!(s->is_destination ? capabilities[i].destination : capabilities[i].origin))
			continue;
		if ((caps & capabilities[i].cap) == capabilities[i].cap)
			(void)buf_addf(&has, "%s%s", has.len > 0 ? ", " : "",
				       capabilities[i].name);
		else
			(void)buf_addf(&lacks, "; without %s: %s", capabilities[i].name,
				       capabilities[i].without);
	}
	if (imap_append_limit(c) > 0 && s->is_destination)
		(void)buf_addf(&lacks, "; APPENDLIMIT: messages over %s are refused",
			       format_size(limit, sizeof(limit), imap_append_limit(c)));

	/* Without UIDPLUS every copy is a search: that is worth a word. */
	check_begin(&l, s->is_destination && !(caps & IMAP_CAP_UIDPLUS) ? CHECK_WARN : CHECK_OK,
		    s->side, "capabilities", "%s%s", has.len > 0 ? has.p : "none that help",
		    buf_str(&lacks));
	if (l.result == CHECK_WARN)
		check_advise(&l, "runs work, slowly; if the server is yours, have it offer "
				 "UIDPLUS; with Dovecot: doveconf imap_capability");
	check_end(&s->checks, &l, 0);
}

/* ---- folders and quota ---- */

static int measure_folder(struct imap *c, struct folder *f, struct mm_err *reterr)
{
	struct imap_mailbox box = {0};
	int r;

	r = imap_select_begin(c, f->raw, true, reterr);
	if (r == 0)
		r = imap_select_end(c, &box, reterr);
	imap_mailbox_done(&box);
	if (r == 0)
		r = imap_fetch_begin(c, "1:*", IMAP_WANT_SIZE, 0, reterr);
	while (r >= 0) {
		struct message m = {0};

		r = imap_fetch_next(c, &m, reterr);
		if (r <= 0)
			break;
		f->status.bytes += m.size;
		message_done(&m);
	}
	return r;
}

int check_measure(struct imap *c, struct folder_list *folders, struct mm_err *reterr)
{
	uint64_t messages = 0;
	int r = 0;

	for (size_t i = 0; i < folders->n; i++)
		messages += folders->v[i].status.messages;
	if (messages > MESSAGES_MEASURED)
		return 1;
	for (size_t i = 0; i < folders->n && r == 0; i++) {
		struct folder *f = &folders->v[i];

		if (f->noselect || f->status.messages == 0)
			continue;
		r = measure_folder(c, f, reterr);
		if (r < 0 && reterr->scope < MM_SCOPE_STORE)
			r = 0; /* a folder that cannot be opened has no size here */
	}
	return r;
}

/* 0 or -errno, described. */
static int look_at_folders(struct check_side *s, struct imap *c, struct mm_err *reterr)
{
	int r;

	r = imap_list(c, true, &s->folders, reterr);
	if (r < 0)
		return r;
	if (s->folders.n == 0 && !s->is_destination) {
		mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, -ENOENT,
			   "%s: the server lists no folder at all", imap_label(c));
		return mm_err_class(
			reterr, MM_CLASS_PROTOCOL,
			"see whether the mailbox exists: log in with a mail program");
	}
	s->labels = imap_caps(c) & IMAP_CAP_GMAIL;
	s->server = imap_server(c);
	s->sized = imap_caps(c) & IMAP_CAP_STATUS_SIZE;
	if (!s->sized) {
		r = check_measure(c, &s->folders, reterr);
		if (r < 0)
			return r;
		s->sized = r == 0;
	}
	if (s->is_destination && (imap_caps(c) & IMAP_CAP_QUOTA)) {
		r = imap_quota(c, "INBOX", &s->quota, reterr);
		if (r < 0 && reterr->scope >= MM_SCOPE_STORE)
			return r;
		s->has_quota = r == 0;
	}
	s->listed = true;
	return 0;
}

static void check_mailbox(struct check_side *s)
{
	char size[32] = "size not told";
	size_t n = 0;

	for (size_t i = 0; i < s->folders.n; i++) {
		const struct folder *f = &s->folders.v[i];

		n += !f->noselect;
		s->messages += f->status.messages;
		s->bytes += f->status.bytes;
	}
	if (s->sized)
		(void)format_size(size, sizeof(size), s->bytes);
	check_fine(&s->checks, s->side, "mailbox", "%zu folder%s, %llu message%s, %s", n,
		   n == 1 ? "" : "s", (unsigned long long)s->messages,
		   s->messages == 1 ? "" : "s", size);
}

/* ---- all of it ---- */

/* Which step a trouble with the session belongs to. */
static const char *item_of(const struct attempt *a, const struct mm_err *err)
{
	if (!a->connected)
		return err->code == -EKEYREJECTED ? "TLS" : "connection";
	return "login";
}

static void try_session(struct attempt *a, struct spool_pool *pool)
{
	struct check_side *s = a->s;
	struct pump pump = {0};
	const struct imap_options o = {
		.side = s->side,
		.endpoint = s->endpoint,
		.secret = a->secret,
		.pump = &pump,
		.pool = pool,
		.cancel_fd = -1,
		.before_login = before_login,
		.connected = on_connected,
		.userdata = a,
	};
	_cleanup_(imap_closep) struct imap *c = NULL;
	struct mm_err err = {0};

	if (imap_open(&o, &c, &err) < 0) {
		/* Not tried for want of a secret: that line is there already. */
		if (a->secret || !a->connected)
			check_trouble(&s->checks, s->job, s->endpoint, s->side,
				      item_of(a, &err), &err);
		return;
	}
	check_fine(&s->checks, s->side, "login", "as %s", s->endpoint->user);
	check_capabilities(s, c);
	if (look_at_folders(s, c, &err) < 0)
		check_trouble(&s->checks, s->job, s->endpoint, s->side, "mailbox", &err);
	else
		check_mailbox(s);
}

/* A credential of the account's unit is nobody else's: that we lack it is no fault. */
static void check_secret(struct check_side *s, struct secret **ret)
{
	const struct endpoint *e = s->endpoint;
	struct mm_err err = {0};
	struct check_line l;
	int r;

	r = worker_resolve(s->job, e, s->side, ret, &err);
	if (r == 0) {
		check_fine(&s->checks, s->side, "secret", "%s", check_secret_name(e));
	} else if (r == -ENOENT && e->secret.kind == SECRET_CREDENTIAL) {
		check_begin(&l, CHECK_WARN, s->side, "secret",
			    "credential \"%s\" is not the daemon's: no login was tried",
			    e->secret.value);
		check_advise(&l,
			     "if it is in /etc/credstore.encrypted, mailmig@%s.service has it: "
			     "systemctl start mailmig@%s.service",
			     s->job->account, s->job->account);
		check_end(&s->checks, &l, 0);
	} else {
		check_trouble(&s->checks, s->job, e, s->side, "secret", &err);
	}
}

void check_side_run(struct check_side *s)
{
	_cleanup_(spool_pool_freep) struct spool_pool *pool = NULL;
	_cleanup_(secret_freep) struct secret *secret = NULL;
	struct attempt a = {.s = s};
	struct mm_err err = {0};

	check_secret(s, &secret);
	a.secret = secret;
	if (check_name(s) < 0)
		return;
	/* No body is fetched, so nothing is ever spooled. */
	if (spool_pool_new(0, s->job->state_dir, 0, &pool) < 0) {
		(void)mm_err_oom(&err);
		check_trouble(&s->checks, s->job, s->endpoint, s->side, "connection", &err);
		return;
	}
	try_session(&a, pool);
}

void check_side_done(struct check_side *s)
{
	folder_list_done(&s->folders);
	checks_done(&s->checks);
}
