/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include <mailmig/clock.h>

/* The daemon answers all short calls from memory. */
#define ANSWER_TIMEOUT_USEC (60 * USEC_PER_SEC)

int ctl_connect(struct ctl *c, struct varlink_client **ret, struct mm_err *reterr)
{
	int r;

	r = varlink_client_open(c->socket, ret, reterr);
	if (r == -ENOENT || r == -ECONNREFUSED)
		(void)mm_err_class(reterr, MM_CLASS_PERMISSION,
				   "start it:  systemctl start mailmigd        "
				   "why it stopped:  journalctl -u mailmigd -n 20");
	return r;
}

int ctl_call(struct ctl *c, const char *method, const json_t *parameters,
	     struct varlink_reply *reply, struct mm_err *reterr)
{
	_cleanup_(varlink_client_freep) struct varlink_client *client = NULL;
	uint64_t deadline = clock_deadline(ANSWER_TIMEOUT_USEC);
	int r;

	r = ctl_connect(c, &client, reterr);
	if (r < 0)
		return r;
	r = varlink_client_call(client, method, parameters, false, reterr);
	if (r < 0)
		return r;

	do
		r = varlink_client_next(client, deadline, reply, reterr);
	while (r == -EINTR);
	if (r == -ETIMEDOUT) {
		(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, r,
				 "mailmigd at %s does not answer", c->socket);
		(void)mm_err_class(reterr, MM_CLASS_PERMISSION,
				   "see systemctl status mailmigd; systemctl restart mailmigd");
	}
	return r;
}

json_t *ctl_names(const struct ctl_args *a)
{
	_cleanup_(json_decrefp) json_t *o = json_pack("{s:[]}", "accounts");
	json_t *names = json_object_get(o, "accounts");

	if (!o)
		return NULL;
	for (size_t i = 0; i < a->n_names; i++)
		if (json_array_append_new(names, json_string(a->names[i])) < 0)
			return NULL;
	return STEAL(o);
}

void ctl_print_json(struct ctl *c, const json_t *o)
{
	bool terminal = c->term.look.columns > 0;

	(void)json_dumpf(o, c->term.out, terminal ? JSON_INDENT(2) : JSON_COMPACT);
	fputc('\n', c->term.out);
}
