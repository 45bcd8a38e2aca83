/* SPDX-License-Identifier: Apache-2.0 */
#include "config_internal.h"
#include <string.h>
#include <syslog.h>

/* All keys of the configuration, one row each. A later version turns KEY_LATER into KEY_NOW and
 * names the member that takes the value; etc/mailmig.conf shows what is KEY_NOW, and a test
 * compares the two. */

#define INTO(type, member)                                                                     \
	.offset = offsetof(type, member), .size = sizeof(((type *)NULL)->member)
#define RANGE(low, high) .min = (low), .max = (high)
#define TABLE(id, text, rows_)                                                                 \
	const struct key_table id = {.what = (text), .rows = (rows_), .n = ELEMENTS(rows_)}

#define SPAN_DAY            (86400 * USEC_PER_SEC)
#define SPAN_YEAR           (365 * SPAN_DAY)
#define AGE_RANGE           RANGE(USEC_PER_SEC, 200 * SPAN_YEAR)
#define TIMEOUT_RANGE       RANGE(USEC_PER_SEC, SPAN_DAY) /* less ends every connection */
#define MAX_JOBS_MAX        1000                          /* a process each */
#define MAX_CONNECTIONS_MAX 1000
#define LANES_MAX           16 /* pairs of connections; few servers allow more for one user */
#define MAX_ERRORS_MAX      1000000
#define ATTEMPTS_MAX        100

static const struct key_word words_log_level[] = {
	{"debug", LOG_DEBUG, KEY_NOW},   {"info", LOG_INFO, KEY_NOW},
	{"notice", LOG_NOTICE, KEY_NOW}, {"warning", LOG_WARNING, KEY_NOW},
	{"err", LOG_ERR, KEY_NOW},       {},
};

static const struct key_word words_on_error[] = {
	{"continue", false, KEY_NOW},
	{"stop", true, KEY_NOW},
	{},
};

static const struct key_word words_tls[] = {
	{"implicit", TLS_IMPLICIT, KEY_NOW},
	{"starttls", TLS_STARTTLS, KEY_NOW},
	{"none", TLS_NONE, KEY_NOW},
	{},
};

static const struct key_word words_tls_min[] = {
	{"1.2", 0, KEY_NOW},
	{"1.3", 0, KEY_NOW},
	{},
};

static const struct key_word words_auth[] = {
	{"auto", AUTH_AUTO, KEY_NOW},    {"login", AUTH_LOGIN, KEY_NOW},
	{"plain", AUTH_PLAIN, KEY_NOW},  {"cram-md5", 0, KEY_LATER},
	{"scram-sha-1", 0, KEY_LATER},   {"scram-sha-1-plus", 0, KEY_LATER},
	{"scram-sha-256", 0, KEY_LATER}, {"scram-sha-256-plus", 0, KEY_LATER},
	{"xoauth2", 0, KEY_LATER},       {"oauthbearer", 0, KEY_LATER},
	{"external", 0, KEY_LATER},      {},
};

static const struct key_word words_mode[] = {
	{"sync", JOB_SYNC, KEY_NOW},
	{"move", 0, KEY_LATER},
	{"backup", 0, KEY_LATER},
	{},
};

static const struct key_word words_flags_mode[] = {
	{"merge", FLAGS_MERGE, KEY_NOW},
	{"origin", FLAGS_ORIGIN, KEY_NOW},
	{"first", FLAGS_FIRST, KEY_NOW},
	{},
};

static const struct key_word words_match[] = {
	{"message-id", MATCH_MESSAGE_ID, KEY_NOW},
	{"date", MATCH_DATE, KEY_NOW},
	{"from", MATCH_FROM, KEY_NOW},
	{"subject", MATCH_SUBJECT, KEY_NOW},
	{"received", MATCH_RECEIVED, KEY_NOW},
	{"size", MATCH_SIZE, KEY_NOW},
	{"body", MATCH_BODY, KEY_NOW},
	{},
};

/* ---- global ---- */

static const struct key rows_retry[] = {
	{"attempts", KEY_INT, RANGE(1, ATTEMPTS_MAX),
	 INTO(struct global_values, job.retry_attempts)},
	{"max_delay", KEY_SPAN, RANGE(0, SPAN_DAY),
	 INTO(struct global_values, job.retry_max_delay_usec)},
};
TABLE(keys_retry, "retry", rows_retry);

static const struct key rows_notify[] = {
	{"command", KEY_STRING, .rule = rule_command,
	 INTO(struct global_values, config.notify_command)},
	{"after_failed_for", KEY_SPAN, RANGE(0, SPAN_YEAR),
	 INTO(struct global_values, config.notify_after_usec)},
};
TABLE(keys_notify, "notify", rows_notify);

static const struct key rows_global[] = {
	{"state_dir", KEY_PATH, INTO(struct global_values, config.state_dir)},
	{"socket", KEY_PATH, INTO(struct global_values, config.socket)},
	{"accounts_dir", KEY_PATH, INTO(struct global_values, accounts_dir)},
	{"max_jobs", KEY_INT, RANGE(1, MAX_JOBS_MAX),
	 INTO(struct global_values, config.max_jobs)},
	{"min_free", KEY_SIZE, RANGE(0, INT64_MAX),
	 INTO(struct global_values, job.min_free_bytes)},
	{"log_level", KEY_WORD, .words = words_log_level,
	 INTO(struct global_values, config.log_level)},
	{"on_error", KEY_WORD, .words = words_on_error,
	 INTO(struct global_values, stop_on_error)},
	{"retry", KEY_GROUP, .keys = &keys_retry},
	{"uncertain_wait", KEY_SPAN, RANGE(0, SPAN_DAY),
	 INTO(struct global_values, job.uncertain_wait_usec)},
	{"notify", KEY_GROUP, .keys = &keys_notify},
	{"servers", KEY_ENTRIES, .keys = &keys_server},
	{"accounts", KEY_ENTRIES, .keys = &keys_account},
	{"groups", KEY_ENTRIES, .keys = &keys_group},
	{"oauth", KEY_ENTRIES, KEY_LATER, .keys = &keys_oauth},
};
TABLE(keys_global, "the file itself", rows_global);

/* ---- servers, oauth ---- */

/* Where a secret comes from, of the structure `type` that has a struct secret_source `member`.
 */
#define SECRET_ROWS(type, member)                                                              \
	{"password_file", KEY_SECRET, .value = SECRET_FILE, INTO(type, member)},               \
		{"password_command", KEY_SECRET, .value = SECRET_COMMAND,                      \
		 .rule = rule_command, INTO(type, member)},                                    \
		{"password", KEY_SECRET, .value = SECRET_INLINE, .hidden = true,               \
		 INTO(type, member)},                                                          \
		{"password_credential",    KEY_SECRET,     .value = SECRET_CREDENTIAL,         \
		 .rule = rule_secret_name, .hidden = true, INTO(type, member)},                \
	{                                                                                      \
		"password_stored", KEY_SECRET, .value = SECRET_STORED,                         \
					       .rule = rule_secret_name, .hidden = true,       \
					       INTO(type, member)                              \
	}

static const struct key rows_server[] = {
	{"name", KEY_STRING, .rule = rule_server_name, INTO(struct config_server, name)},
	{"host", KEY_STRING, .rule = rule_host, INTO(struct config_server, endpoint.host)},
	{"port", KEY_INT, RANGE(1, 65535), INTO(struct config_server, endpoint.port)},
	{"tls", KEY_WORD, .words = words_tls, INTO(struct config_server, endpoint.tls)},
	{"tls_verify", KEY_BOOL, INTO(struct config_server, endpoint.tls_verify)},
	{"tls_ca", KEY_PATH, INTO(struct config_server, endpoint.tls_ca)},
	{"tls_fingerprint", KEY_STRING, .rule = rule_fingerprint,
	 INTO(struct config_server, endpoint.tls_fingerprint)},
	{"tls_min", KEY_CHOICE, .words = words_tls_min,
	 INTO(struct config_server, endpoint.tls_min)},
	{"tls_client_cert", KEY_PATH, INTO(struct config_server, endpoint.tls_client_cert)},
	{"tls_client_key", KEY_PATH, INTO(struct config_server, endpoint.tls_client_key)},
	{"allow_cleartext", KEY_BOOL, INTO(struct config_server, endpoint.allow_cleartext)},
	{"auth", KEY_WORD, .words = words_auth, INTO(struct config_server, endpoint.auth)},
	{"admin_user", KEY_STRING, .rule = rule_user,
	 INTO(struct config_server, endpoint.admin_user)},
	SECRET_ROWS(struct config_server, endpoint.secret),
	{"max_connections", KEY_INT, RANGE(0, MAX_CONNECTIONS_MAX),
	 INTO(struct config_server, endpoint.max_connections)},
	{"timeout", KEY_SPAN, TIMEOUT_RANGE, INTO(struct config_server, endpoint.timeout_usec)},
	{"proxy", KEY_STRING, .rule = rule_proxy, .hidden = true,
	 INTO(struct config_server, endpoint.proxy)},
	{"oauth", KEY_STRING, .status = KEY_LATER},
	{"preset", KEY_STRING, .status = KEY_LATER},
	{"max_rate", KEY_RATE, RANGE(0, INT64_MAX),
	 INTO(struct config_server, endpoint.max_rate)},
	{"daily_download", KEY_SIZE, RANGE(0, INT64_MAX),
	 INTO(struct config_server, endpoint.daily_download)},
	{"daily_upload", KEY_SIZE, RANGE(0, INT64_MAX),
	 INTO(struct config_server, endpoint.daily_upload)},
};
TABLE(keys_server, "a servers entry", rows_server);

static const struct key rows_oauth[] = {
	{"name", KEY_STRING, .status = KEY_LATER},
	{"provider", KEY_STRING, .status = KEY_LATER},
	{"flow", KEY_STRING, .status = KEY_LATER},
	{"tenant", KEY_STRING, .status = KEY_LATER},
	{"client_id", KEY_STRING, .status = KEY_LATER},
	{"client_secret_file", KEY_PATH, .status = KEY_LATER},
	{"client_secret_credential", KEY_STRING, .status = KEY_LATER},
	{"client_secret_command", KEY_STRING, .status = KEY_LATER},
	{"key_file", KEY_PATH, .status = KEY_LATER},
	{"scope", KEY_STRING, .status = KEY_LATER},
	{"token_endpoint", KEY_STRING, .status = KEY_LATER},
	{"device_endpoint", KEY_STRING, .status = KEY_LATER},
	{"authorization_endpoint", KEY_STRING, .status = KEY_LATER},
};
TABLE(keys_oauth, "an oauth entry", rows_oauth);

/* ---- accounts ---- */

static const struct key rows_endpoint[] = {
	{"server", KEY_STRING, .rule = rule_server_name, INTO(struct endpoint, server)},
	{"user", KEY_STRING, .rule = rule_user, INTO(struct endpoint, user)},
	SECRET_ROWS(struct endpoint, secret),
	{"maildir", KEY_PATH, .status = KEY_LATER},
	{"layout", KEY_STRING, .status = KEY_LATER},
	{"eml", KEY_PATH, .status = KEY_LATER},
};
TABLE(keys_endpoint, "origin or destination", rows_endpoint);

static const struct key rows_folders[] = {
	{"include", KEY_STRINGS, .rule = rule_selector,
	 INTO(struct account_values, account.job.folders.include)},
	{"exclude", KEY_STRINGS, .rule = rule_selector,
	 INTO(struct account_values, account.job.folders.exclude)},
	{"automap", KEY_BOOL, INTO(struct account_values, account.job.folders.automap)},
	{"map", KEY_PAIRS, .rule = rule_folder,
	 INTO(struct account_values, account.job.folders.map)},
	{"rewrite", KEY_STRINGS, .rule = rule_rewrite,
	 INTO(struct account_values, account.job.folders.rewrite)},
	{"into", KEY_STRING, .rule = rule_folder,
	 INTO(struct account_values, account.job.folders.into)},
	{"subscribed_only", KEY_BOOL,
	 INTO(struct account_values, account.job.folders.subscribed_only)},
	{"subscribe", KEY_BOOL, INTO(struct account_values, account.job.folders.subscribe)},
	{"create", KEY_BOOL, INTO(struct account_values, account.job.folders.create)},
};
TABLE(keys_folders, "folders", rows_folders);

static const struct key rows_messages[] = {
	{"max_age", KEY_SPAN, AGE_RANGE,
	 INTO(struct account_values, account.job.messages.max_age_usec)},
	{"min_age", KEY_SPAN, AGE_RANGE,
	 INTO(struct account_values, account.job.messages.min_age_usec)},
	{"since", KEY_STRING, .rule = rule_day,
	 INTO(struct account_values, account.job.messages.since)},
	{"before", KEY_STRING, .rule = rule_day,
	 INTO(struct account_values, account.job.messages.before)},
	{"min_size", KEY_SIZE, RANGE(0, INT64_MAX),
	 INTO(struct account_values, account.job.messages.min_size)},
	{"max_size", KEY_SIZE, RANGE(1, INT64_MAX),
	 INTO(struct account_values, account.job.messages.max_size)},
	{"search", KEY_STRING, .rule = rule_search,
	 INTO(struct account_values, account.job.messages.search)},
};
TABLE(keys_messages, "messages", rows_messages);

static const struct key rows_flags[] = {
	{"mode", KEY_WORD, .words = words_flags_mode,
	 INTO(struct account_values, account.job.flags.mode)},
	{"drop", KEY_STRINGS, .rule = rule_flag,
	 INTO(struct account_values, account.job.flags.drop)},
	{"rename", KEY_PAIRS, .rule = rule_flag,
	 INTO(struct account_values, account.job.flags.rename)},
};
TABLE(keys_flags, "flags", rows_flags);

static const struct key rows_delete[] = {
	{"verify", KEY_STRING, .status = KEY_LATER},
	{"keep_for", KEY_SPAN, .status = KEY_LATER},
	{"to", KEY_STRING, .status = KEY_LATER},
	{"max", KEY_INT, .status = KEY_LATER},
};
TABLE(keys_delete, "delete", rows_delete);

static const struct key rows_limits[] = {
	{"connections", KEY_INT, RANGE(1, LANES_MAX),
	 INTO(struct account_values, account.job.connections)},
	{"max_rate", KEY_RATE, RANGE(0, INT64_MAX), INTO(struct account_values, max_rate)},
	{"max_errors", KEY_INT, RANGE(1, MAX_ERRORS_MAX),
	 INTO(struct account_values, account.job.max_errors)},
	{"timeout", KEY_SPAN, TIMEOUT_RANGE, INTO(struct account_values, timeout_usec)},
};
TABLE(keys_limits, "limits", rows_limits);

static const struct key rows_account[] = {
	{"name", KEY_STRING, .rule = rule_account_name,
	 INTO(struct account_values, account.name)},
	{"mode", KEY_WORD, .words = words_mode, INTO(struct account_values, account.job.kind)},
	{"enabled", KEY_BOOL, INTO(struct account_values, account.enabled)},
	{"schedule", KEY_STRING, .rule = rule_schedule,
	 INTO(struct account_values, account.schedule)},
	{"watch", KEY_BOOL, .status = KEY_FALSE_ONLY},
	{"origin", KEY_GROUP, .keys = &keys_endpoint,
	 INTO(struct account_values, account.job.origin)},
	{"destination", KEY_GROUP, .keys = &keys_endpoint,
	 INTO(struct account_values, account.job.destination)},
	{"backup", KEY_GROUP, KEY_LATER, .keys = &keys_endpoint},
	{"folders", KEY_GROUP, .keys = &keys_folders},
	{"messages", KEY_GROUP, .keys = &keys_messages},
	{"flags", KEY_GROUP, .keys = &keys_flags},
	{"match", KEY_WORDS, .words = words_match,
	 INTO(struct account_values, account.job.match)},
	{"delete", KEY_GROUP, KEY_LATER, .keys = &keys_delete},
	{"propagate_deletes", KEY_BOOL,
	 INTO(struct account_values, account.job.propagate_deletes)},
	{"absence_max", KEY_STRING, .rule = rule_absence,
	 INTO(struct account_values, absence_max)},
	{"recopy_deleted", KEY_BOOL, INTO(struct account_values, account.job.recopy_deleted)},
	{"repair", KEY_BOOL, INTO(struct account_values, account.job.repair)},
	{"limits", KEY_GROUP, .keys = &keys_limits},
	{"phase", KEY_STRING, .status = KEY_LATER},
};
TABLE(keys_account, "an accounts entry", rows_account);

/* ---- groups ---- */

static const struct key rows_enroll[] = {
	{"domains", KEY_STRINGS, .status = KEY_LATER},
	{"on_enroll", KEY_STRING, .status = KEY_LATER},
};
TABLE(keys_enroll, "enroll", rows_enroll);

/* Beside these a groups entry has the keys of an account: see key_find(). */
static const struct key rows_group[] = {
	{"accounts_file", KEY_PATH, INTO(struct account_values, account.file)},
	{"enroll", KEY_GROUP, KEY_LATER, .keys = &keys_enroll},
};
TABLE(keys_group, "a groups entry", rows_group);

const struct key_table *const keys_all[] = {
	&keys_global,   &keys_server, &keys_account, &keys_endpoint, &keys_folders,
	&keys_messages, &keys_flags,  &keys_delete,  &keys_limits,   &keys_retry,
	&keys_notify,   &keys_group,  &keys_oauth,   &keys_enroll,
};
const size_t keys_n_all = ELEMENTS(keys_all);

const struct key *key_find(const struct key_table *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++) {
		if (strcmp(t->rows[i].name, name) == 0)
			return &t->rows[i];
	}
	return t == &keys_group ? key_find(&keys_account, name) : NULL;
}
