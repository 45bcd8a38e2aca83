/* SPDX-License-Identifier: Apache-2.0 */
/* SELECT and EXAMINE, and the marks of the folder that is being opened. */
#include <mailmig/text.h>
#include <string.h>
#include <strings.h>

#include "imap_internal.h"

/* More than any folder has; all that is kept for messages is kept for no more. */
#define IMAP_MESSAGES_MAX (10 * 1000 * 1000)

void imap_mailbox_done(struct imap_mailbox *m)
{
	free(m->permanent_flags);
	*m = (struct imap_mailbox){0};
}

static void box_code(struct imap *c, const struct imap_resp *r)
{
	struct imap_mailbox *b = &c->box;
	struct imap_cursor rest;
	struct imap_str flags;

	if (imap_code_is(r, "UIDVALIDITY", &rest))
		(void)imap_take_u32(&rest, &b->status.uidvalidity); /* 0: not known */
	else if (imap_code_is(r, "UIDNEXT", &rest))
		(void)imap_take_u32(&rest, &b->status.uidnext);
	else if (imap_code_is(r, "HIGHESTMODSEQ", &rest))
		(void)imap_take_u64(&rest, &b->status.modseq);
	else if (imap_code_is(r, "NOMODSEQ", NULL))
		b->no_modseq = true;
	else if (imap_code_is(r, "UIDNOTSTICKY", NULL))
		b->uid_not_sticky = true;
	else if (imap_code_is(r, "PERMANENTFLAGS", &rest) &&
		 imap_take_flag_list(&rest, &flags) == 0) {
		free(b->permanent_flags);
		b->permanent_flags = text_dupn(flags.p, flags.n);
	}
}

void imap_box_data(struct imap *c, const struct imap_resp *r)
{
	if (!imap_oldest_pending(c, VERB_SELECT))
		return;
	if (r->has_number && text_ieqn(r->word.p, r->word.n, "EXISTS")) {
		c->box.status.messages = r->number;
		c->budget.held = MIN_OF(r->number, (uint32_t)IMAP_MESSAGES_MAX);
	}
	if (r->status == IMAP_OK || r->status == IMAP_NO)
		box_code(c, r);
}

int imap_select_begin(struct imap *c, const char *raw, bool read_only, struct mm_err *reterr)
{
	const char *name = read_only ? "EXAMINE" : "SELECT";
	struct imap_cmd *cmd;
	int r;

	r = imap_compress(c, reterr);
	if (r < 0)
		return r;
	cmd = imap_cmd_begin(c, VERB_SELECT, name, reterr);
	if (!cmd)
		return -ENOBUFS;
	imap_mailbox_done(&c->box);
	imap_put(c, "%s ", name);
	r = imap_put_mailbox(c, cmd, raw, reterr);
	if (r < 0)
		return r;
	if (imap_has(c, IMAP_CAP_CONDSTORE))
		imap_put(c, " (CONDSTORE)");
	imap_cmd_end(c);
	return 0;
}

int imap_select_end(struct imap *c, struct imap_mailbox *ret, struct mm_err *reterr)
{
	struct imap_cmd *cmd = imap_oldest(c, VERB_SELECT);
	int r;

	if (!cmd)
		return imap_protocol_error(c, "no SELECT in flight", reterr);
	r = imap_await(c, cmd, reterr);
	if (r < 0)
		return r;
	if (cmd->status != IMAP_OK) {
		r = imap_refused(c, cmd, MM_SCOPE_FOLDER, "cannot open the folder", reterr);
	} else if (c->box.status.messages > IMAP_MESSAGES_MAX) {
		mm_err_set(reterr, MM_SCOPE_FOLDER, MM_RETRY_LATER, -EPROTO,
			   "%s: the server says that the folder has %u messages", c->label,
			   c->box.status.messages);
		r = mm_err_class(reterr, MM_CLASS_PROTOCOL,
				 "no folder has; if it goes on, tell the server's operator");
	} else {
		struct folder_status *st = &c->box.status;

		c->box.read_only = strcasecmp(cmd->code, "READ-ONLY") == 0;
		st->known = st->uidvalidity && st->uidnext;
		*ret = c->box;
		c->box = (struct imap_mailbox){0};
	}
	imap_cmd_free(c, cmd);
	return r;
}
