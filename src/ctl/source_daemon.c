/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_follow.h"

#include <mailmig/text.h>
#include <string.h>

struct daemon_source {
	struct source base;
	struct ctl *ctl;
	struct varlink_client *client;
	struct varlink_reply last; /* the answer without "continues" */
	bool ended;
};

static int daemon_fd(const struct source *s)
{
	return varlink_client_fd(((const struct daemon_source *)s)->client);
}

static int daemon_take(struct source *s, json_t **ret, struct mm_err *reterr)
{
	struct daemon_source *d = (struct daemon_source *)s;
	struct varlink_reply reply = {0};
	json_t *event;
	int r;

	if (d->ended)
		return -ENODATA;

	r = varlink_client_next(d->client, 0, &reply, reterr);
	if (r == -ETIMEDOUT || r == -EINTR)
		return 0;
	if (r < 0)
		return r;

	if (reply.continues && !reply.error) {
		event = json_object_get(reply.parameters, "event");
		*ret = json_incref(json_is_object(event) ? event : reply.parameters);
		varlink_reply_done(&reply);
		return 1;
	}

	d->ended = true;
	d->last = reply;
	if (reply.error)
		return -ENODATA;
	*ret = json_incref(reply.parameters);
	return 1;
}

/* The connection is taken by the stream of events: the request needs one of its own. */
static int daemon_cancel(struct source *s, const char *account, struct mm_err *reterr)
{
	struct daemon_source *d = (struct daemon_source *)s;
	_cleanup_(varlink_reply_done) struct varlink_reply reply = {0};
	_cleanup_(json_decrefp) json_t *p = json_pack("{s:s}", "account", account);

	if (!p)
		return mm_err_oom(reterr);
	/* An error answer means that there is nothing to cancel any more. */
	return ctl_call(d->ctl, CONTROL_INTERFACE ".Cancel", p, &reply, reterr);
}

static int daemon_finish(struct source *s)
{
	struct daemon_source *d = (struct daemon_source *)s;
	uint64_t code;

	if (d->last.error)
		return trouble_reply(&d->last);

	code = member_u64(d->last.parameters, "exit_code");
	return code <= CTL_EXIT_LOCAL ? (int)code : CTL_EXIT_LOCAL;
}

static void daemon_free(struct source *s)
{
	struct daemon_source *d = (struct daemon_source *)s;

	varlink_reply_done(&d->last);
	(void)varlink_client_free(d->client);
	free(d);
}

static const struct source_ops daemon_ops = {
	.fd = daemon_fd,
	.take = daemon_take,
	.cancel = daemon_cancel,
	.finish = daemon_finish,
	.free = daemon_free,
};

const struct varlink_reply *source_daemon_last(const struct source *s)
{
	return &((const struct daemon_source *)s)->last;
}

int source_daemon_new(struct ctl *c, const json_t *parameters, struct source **ret,
		      struct mm_err *reterr)
{
	_cleanup_(source_freep) struct source *s = NULL;
	_cleanup_(closep) int credentials = credentials_open();
	struct daemon_source *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return mm_err_oom(reterr);

	d->base.ops = &daemon_ops;
	d->ctl = c;
	s = &d->base;

	r = ctl_connect(c, &d->client, reterr);
	if (r < 0)
		return r;
	r = varlink_client_call_fd(d->client, CONTROL_INTERFACE ".Run", parameters, true,
				   credentials, reterr);
	if (r < 0)
		return r;

	*ret = STEAL(s);
	return 0;
}
