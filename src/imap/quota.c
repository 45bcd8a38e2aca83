/* SPDX-License-Identifier: Apache-2.0 */
/* GETQUOTAROOT (RFC 9208 §4.1.2). */
#include <mailmig/text.h>
#include <string.h>

#include "imap_internal.h"

#define STORAGE_UNIT 1024

static uint64_t octets(uint64_t units)
{
	uint64_t n;

	return __builtin_mul_overflow(units, (uint64_t)STORAGE_UNIT, &n) ? UINT64_MAX : n;
}

static uint64_t left(uint64_t used, uint64_t limit)
{
	return used < limit ? limit - used : 0;
}

/* Of several roots the one that is full first counts. */
static void take_root(struct imap_quota *q, const struct imap_quota_root *root)
{
	uint64_t used = octets(root->storage_used), limit = octets(root->storage_limit);

	if (root->has_storage &&
	    (!q->has_storage || left(used, limit) < left(q->storage_used, q->storage_limit))) {
		q->has_storage = true;
		q->storage_used = used;
		q->storage_limit = limit;
	}
	if (root->has_messages &&
	    (!q->has_messages || left(root->messages_used, root->messages_limit) <
					 left(q->messages_used, q->messages_limit))) {
		q->has_messages = true;
		q->messages_used = root->messages_used;
		q->messages_limit = root->messages_limit;
	}
}

int imap_quota(struct imap *c, const char *raw, struct imap_quota *ret, struct mm_err *reterr)
{
	struct imap_cmd *cmd = imap_cmd_begin(c, VERB_PLAIN, "GETQUOTAROOT", reterr);
	struct imap_quota q = {0};
	int r;

	if (!cmd)
		return -ENOBUFS;
	imap_put(c, "GETQUOTAROOT ");
	r = imap_put_mailbox(c, cmd, raw, reterr);
	if (r < 0)
		return r;
	imap_cmd_end(c);

	while (!cmd->done) {
		struct imap_quota_root root;
		struct imap_resp resp;

		r = imap_read(c, "waiting for GETQUOTAROOT reply", &resp, reterr);
		if (r < 0)
			return r;
		if (resp.kind == IMAP_UNTAGGED && !resp.has_number &&
		    text_ieqn(resp.word.p, resp.word.n, "QUOTA") &&
		    imap_parse_quota(&resp, &c->scratch, &root) == 0)
			take_root(&q, &root); /* what is no quota limits nothing */
	}
	r = imap_simple_end(c, cmd, MM_SCOPE_FOLDER, reterr);
	if (r == 0)
		*ret = q;
	return r;
}
