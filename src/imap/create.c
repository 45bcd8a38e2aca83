/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE, with a role where that is offered (RFC 6154 §5), and SUBSCRIBE. */
#include <mailmig/text.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "imap_internal.h"
#include "utf7.h"

#define WINDOW (IMAP_WINDOW_MAX / 4)

/* role: NULL: none. */
static struct imap_cmd *begin_named(struct imap *c, const char *verb, const char *raw,
				    const char *role, struct mm_err *reterr)
{
	struct imap_cmd *cmd = imap_cmd_begin(c, VERB_PLAIN, verb, reterr);

	if (!cmd)
		return NULL;
	imap_put(c, "%s ", verb);
	if (imap_put_mailbox(c, cmd, raw, reterr) < 0)
		return NULL;
	if (role)
		imap_put(c, " (USE (%s))", role);
	imap_cmd_end(c);
	return cmd;
}

static int end_create(struct imap *c, struct imap_cmd *cmd, struct imap_make *m,
		      struct mm_err *reterr)
{
	_cleanup_(buf_done) struct buf name = {0};
	char what[300];
	int r;

	r = imap_await(c, cmd, reterr);
	if (r < 0)
		return r;
	m->error = (struct mm_err){0};
	/* Not every server has the code of RFC 5530. */
	m->existed = cmd->status != IMAP_OK && (strcasecmp(cmd->code, "ALREADYEXISTS") == 0 ||
						strcasestr(cmd->text, "already exist"));
	if (cmd->status != IMAP_OK && !m->existed) {
		(void)utf7_decode(m->raw, strlen(m->raw), &name); /* only for the words */
		snprintf(what, sizeof(what), "cannot create folder \"%s\"",
			 name.len ? name.p : m->raw);
		imap_refused(c, cmd, MM_SCOPE_FOLDER, what, &m->error);
		if (m->error.cls == MM_CLASS_REFUSED)
			mm_err_class(&m->error, MM_CLASS_REFUSED,
				     "if the name is what this server refuses: rename the "
				     "folder at the origin; else have it created there");
	}
	imap_cmd_free(c, cmd);
	return 0;
}

static const char *role_of(const struct imap *c, const struct imap_make *m, bool with_role)
{
	return with_role && imap_has(c, IMAP_CAP_CREATE_SPECIAL_USE) ? m->role : NULL;
}

/* A refused subscription loses no mail: the answer is not waited for. */
static int subscribe(struct imap *c, const struct imap_make *m, struct mm_err *reterr)
{
	struct imap_cmd *cmd = begin_named(c, "SUBSCRIBE", m->raw, NULL, reterr);

	if (!cmd)
		return -EIO;
	cmd->forget = true;
	return 0;
}

/* A window full of them. Only what is there is subscribed: servers remember other names, too.
 */
static int make_some(struct imap *c, struct imap_make *v, size_t n, bool with_role,
		     struct mm_err *reterr)
{
	struct imap_cmd *create[WINDOW] = {NULL};
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		if (!v[i].create)
			continue;
		create[i] = begin_named(c, "CREATE", v[i].raw, role_of(c, &v[i], with_role),
					reterr);
		if (!create[i])
			return -EIO;
	}
	for (size_t i = 0; r == 0 && i < n; i++)
		r = create[i] ? end_create(c, create[i], &v[i], reterr) : 0;
	for (size_t i = 0; r == 0 && i < n; i++)
		if (v[i].subscribe && !v[i].error.code)
			r = subscribe(c, &v[i], reterr);
	return r;
}

int imap_make_folders(struct imap *c, struct imap_make *v, size_t n, struct mm_err *reterr)
{
	int r = 0;

	for (size_t from = 0; r == 0 && from < n; from += WINDOW)
		r = make_some(c, v + from, MIN_OF(n - from, (size_t)WINDOW), true, reterr);
	/* A folder without its role is better than none (NO [USEATTR]). */
	for (size_t i = 0; r == 0 && i < n; i++)
		if (v[i].create && v[i].error.scope == MM_SCOPE_FOLDER &&
		    role_of(c, &v[i], true) && v[i].error.code)
			r = make_some(c, &v[i], 1, false, reterr);
	return r;
}
