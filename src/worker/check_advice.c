/* SPDX-License-Identifier: Apache-2.0 */
/* The command that mends a trouble, or shows more of it: what the layers below cannot know is
 * which account and which file it was. */
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check_internal.h"

const char *check_secret_name(const struct endpoint *e)
{
	switch (e->secret.kind) {
	case SECRET_FILE:
		return e->secret.value;
	case SECRET_COMMAND:
		return "password_command";
	case SECRET_CREDENTIAL:
		return "password_credential";
	case SECRET_STORED:
		return "password_stored";
	case SECRET_INLINE:
	case SECRET_NONE:
		break;
	}
	return "password";
}

/* Of the ways to begin TLS only the later one has to be said. */
static const char *starttls(const struct endpoint *e)
{
	return e->tls == TLS_STARTTLS ? " -starttls imap" : "";
}

static void advise_connection(struct check_line *l, const struct endpoint *e)
{
	check_advise(l, ": openssl s_client -connect %s:%u%s", e->host, (unsigned)e->port,
		     starttls(e));
}

void check_advise_certificate(struct check_line *l, const struct endpoint *e)
{
	check_advise(l,
		     "; see it: openssl s_client -connect %s:%u -servername %s%s </dev/null | "
		     "openssl x509 -noout -subject -issuer -dates -fingerprint -sha256",
		     e->host, (unsigned)e->port, e->host, starttls(e));
}

/* Who the service runs as: that is us. */
struct user {
	char name[64];
};

static struct user service_user(void)
{
	struct user u = {"mailmig"};
	struct passwd p, *found = NULL;
	char strings[1024];

	if (getpwuid_r(geteuid(), &p, strings, sizeof(strings), &found) == 0 && found)
		(void)snprintf(u.name, sizeof(u.name), "%s", p.pw_name);
	return u;
}

static void advise_file(struct check_line *l, const char *path)
{
	check_advise(l, "install -o %s -m 600 /dev/stdin %s", service_user().name, path);
}

static void advise_command(struct check_line *l)
{
	check_advise(l, "runuser -u %s -- sh -c PASSWORD_COMMAND", service_user().name);
}

static void advise_secret(struct check_line *l, const struct job *job, const struct endpoint *e)
{
	if (strstr(l->advice, "chmod") || strstr(l->advice, "chown") ||
	    strstr(l->advice, "mailmigctl"))
		return; /* the command stands there */
	switch (e->secret.kind) {
	case SECRET_FILE:
		check_advise(l, ": ");
		advise_file(l, e->secret.value);
		break;
	case SECRET_COMMAND:
		check_advise(l, "; run it as the service does: ");
		advise_command(l);
		break;
	default:
		check_advise(l, "; then: mailmigctl reload && mailmigctl check %s",
			     job->account);
	}
}

static void advise_login(struct check_line *l, const struct job *job, const struct endpoint *e)
{
	size_t n = strlen(l->advice);

	check_advise(l, n > 0 && l->advice[n - 1] == '?' ? " " : "; ");
	switch (e->secret.kind) {
	case SECRET_FILE:
		check_advise(l, "write the right one: ");
		advise_file(l, e->secret.value);
		break;
	case SECRET_COMMAND:
		check_advise(l, "see what it prints: ");
		advise_command(l);
		break;
	case SECRET_STORED:
		check_advise(l, "store the right one: mailmigctl secret set %s",
			     e->secret.value);
		break;
	default:
		check_advise(l, "then: mailmigctl reload && mailmigctl check %s", job->account);
	}
}

void check_trouble(struct checks *c, const struct job *job, const struct endpoint *e,
		   const char *side, const char *item, const struct mm_err *err)
{
	bool throttled = err->cls == MM_CLASS_THROTTLED; /* a run would wait, and then go on */
	struct check_line l;

	check_begin(&l, throttled ? CHECK_WARN : CHECK_FAIL, side, item, "%s", err->text);
	check_advise(&l, "%s", err->advice);
	if (strcmp(item, "secret") == 0)
		advise_secret(&l, job, e);
	else if (err->cls == MM_CLASS_LOGIN)
		advise_login(&l, job, e);
	else if (err->code == -EKEYREJECTED)
		check_advise_certificate(&l, e);
	else if (err->cls == MM_CLASS_CONNECT || err->cls == MM_CLASS_TIMEOUT)
		advise_connection(&l, e);
	else if (!throttled)
		check_advise(&l, "; more: mailmigctl plan %s", job->account);
	/* A server that falls silent is out of reach, whatever a run would have done then. */
	check_end(c, &l,
		  throttled                      ? 0
		  : err->cls == MM_CLASS_TIMEOUT ? mm_class_exit_code(MM_CLASS_CONNECT)
						 : mm_class_exit_code(err->cls));
}
