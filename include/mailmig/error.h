/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_ERROR_H
#define MAILMIG_ERROR_H

#include <mailmig/base.h>

/* How far a trouble reaches. */
enum mm_scope {
	MM_SCOPE_NONE,
	MM_SCOPE_MESSAGE, /* this message only */
	MM_SCOPE_FOLDER,  /* the folder in work cannot go on */
	MM_SCOPE_STORE,   /* the connection is of no more use */
	MM_SCOPE_JOB,     /* the whole run ends */
};

/* When trying again may help. */
enum mm_retry {
	MM_RETRY_NEVER, /* not before a person changed something */
	MM_RETRY_LATER, /* the next run */
	MM_RETRY_NOW,   /* at once, on a new connection */
};

/* What kind of trouble: decides the exit code and the words of reports. */
enum mm_class {
	MM_CLASS_OTHER,
	MM_CLASS_USAGE,
	MM_CLASS_CONFIG,
	MM_CLASS_PERMISSION, /* no daemon, or not allowed to talk to it */
	MM_CLASS_LOGIN,
	MM_CLASS_CONNECT,  /* name, route, port, TLS */
	MM_CLASS_PROTOCOL, /* the server says what no server may say */
	MM_CLASS_REFUSED,  /* a tagged NO or BAD */
	MM_CLASS_QUOTA,
	MM_CLASS_TOO_LARGE,
	MM_CLASS_SAFETY,
	MM_CLASS_CANCELLED,
	MM_CLASS_TIMEOUT,
	MM_CLASS_THROTTLED, /* not now: a limit of the provider, or of the configuration */
	MM_CLASS_LOCAL,     /* disk, database, memory */
};

/* One described trouble. Whoever sees it fills it; whoever passes it on adds nothing.
 *
 * text:   what happened and where; one line, valid UTF-8, no control characters, no secret.
 * advice: what a person can do about it; may be empty.
 * retry_after_usec: how long to leave the server alone (class throttled); 0: not told. */
struct mm_err {
	enum mm_scope scope;
	enum mm_retry retry;
	enum mm_class cls;
	int code; /* -errno */
	uint64_t retry_after_usec;
	char text[512];
	char advice[256];
};

/* Describe a trouble; an earlier description in `e` is replaced. e may be NULL.
 * Control characters in the formatted text become '?', as does invalid UTF-8.
 * Returns `code`, so that a caller can say `return mm_err_set(...)`. */
int mm_err_set(struct mm_err *e, enum mm_scope scope, enum mm_retry retry, int code,
	       const char *fmt, ...) _printf_(5, 6);

/* Add the class and the advice to a description just made. e may be NULL. Returns e's code, or
 * 0 without e. */
int mm_err_class(struct mm_err *e, enum mm_class cls, const char *advice_fmt, ...)
	_printf_(3, 4);

#define MM_ADVICE_MEMORY "free some memory or run fewer jobs at once"

/* -ENOMEM as an error of the whole job. */
int mm_err_oom(struct mm_err *e);

/* The exit code of the contract (interface.md, section 3) for a class. */
int mm_class_exit_code(enum mm_class cls);

/* A stable word for a class ("login", "connect", ...), and back; an unknown word is OTHER. */
const char *mm_class_name(enum mm_class cls);
enum mm_class mm_class_from_name(const char *name);

#endif
