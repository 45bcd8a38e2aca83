/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/job.h>
#include <string.h>
#include <syslog.h>

static void secret_source_done(struct secret_source *s)
{
	/* Of SECRET_INLINE it is the password; wiping a path does no harm. */
	if (s->value)
		explicit_bzero(s->value, strlen(s->value));
	free(s->value);
	*s = (struct secret_source){0};
}

void endpoint_done(struct endpoint *e)
{
	free(e->server);
	free(e->host);
	free(e->tls_ca);
	free(e->tls_fingerprint);
	free(e->tls_min);
	free(e->tls_client_cert);
	free(e->tls_client_key);
	free(e->proxy);
	free(e->user);
	free(e->admin_user);
	secret_source_done(&e->secret);
	*e = (struct endpoint){0};
}

void job_init(struct job *j)
{
	static const struct endpoint endpoint = {
		.kind = ENDPOINT_NONE,
		.tls = TLS_IMPLICIT,
		.tls_verify = true,
		.auth = AUTH_AUTO,
		.timeout_usec = 120 * USEC_PER_SEC,
	};

	*j = (struct job){
		.kind = JOB_SYNC,
		.min_free_bytes = UINT64_C(1) << 30,
		.origin = endpoint,
		.destination = endpoint,
		.folders = {.automap = true, .subscribe = true, .create = true},
		.absence_percent = 10,
		.absence_messages = 50,
		.repair = true,
		.match = MATCH_DEFAULT,
		.connections = 4,
		.max_errors = 50,
		.retry_attempts = 5,
		.retry_max_delay_usec = 300 * USEC_PER_SEC,
		.uncertain_wait_usec = 120 * USEC_PER_SEC,
		.log_level = LOG_INFO,
	};
}

void job_done(struct job *j)
{
	free(j->account);
	free(j->run_id);
	free(j->state_dir);
	endpoint_done(&j->origin);
	endpoint_done(&j->destination);
	text_list_done(&j->folders.include);
	text_list_done(&j->folders.exclude);
	text_list_done(&j->folders.map);
	text_list_done(&j->folders.rewrite);
	free(j->folders.into);
	free(j->messages.since);
	free(j->messages.before);
	free(j->messages.search);
	text_list_done(&j->flags.drop);
	text_list_done(&j->flags.rename);
	*j = (struct job){0};
}

const struct job_ask job_asks[JOB_ASKS_N] = {
	{"retry_held", "--retry-held", offsetof(struct job, retry_held)},
	{"confirm_deletes", "--confirm-deletes", offsetof(struct job, confirm_deletes)},
	{"confirm_mapping", "--confirm-mapping", offsetof(struct job, confirm_mapping)},
};

void job_ask(struct job *j, unsigned asked)
{
	for (unsigned i = 0; i < JOB_ASKS_N; i++)
		*(bool *)((char *)j + job_asks[i].offset) = asked >> i & 1;
}

const char *job_kind_name(enum job_kind k)
{
	switch (k) {
	case JOB_SYNC:
		return "sync";
	case JOB_CHECK:
		return "check";
	}
	return "unknown";
}
