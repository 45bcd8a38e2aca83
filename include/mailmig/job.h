/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_JOB_H
#define MAILMIG_JOB_H

#include <jansson.h>
#include <mailmig/base.h>
#include <mailmig/error.h>
#include <mailmig/text.h>

/* One run of one account: all a worker needs to know, and all it is told. Plain data. It
 * travels as JSON from the daemon to the worker over an inherited socket. */

enum job_kind {
	JOB_SYNC,
	JOB_CHECK, /* look at everything a run needs; change nothing */
};

enum endpoint_kind {
	ENDPOINT_NONE,
	ENDPOINT_IMAP,
};

enum tls_mode {
	TLS_IMPLICIT,
	TLS_STARTTLS,
	TLS_NONE,
};

enum auth_mech {
	AUTH_AUTO, /* PLAIN where offered, else LOGIN */
	AUTH_PLAIN,
	AUTH_LOGIN, /* the LOGIN command */
};

enum secret_kind {
	SECRET_NONE,
	SECRET_FILE,
	SECRET_COMMAND,
	SECRET_INLINE,
	SECRET_CREDENTIAL,
	SECRET_STORED,
};

/* Where a secret comes from. The worker resolves it; value is a path, a command, the name of a
 * credential or of a stored secret, or for SECRET_INLINE the secret itself (never printed). */
struct secret_source {
	enum secret_kind kind;
	char *value;
};

struct endpoint {
	enum endpoint_kind kind;
	char *server; /* the server entry's name, for messages and the journal */
	char *host;
	uint16_t port;
	enum tls_mode tls;
	bool tls_verify;
	char *tls_ca;          /* PEM file; NULL: the system's */
	char *tls_fingerprint; /* SHA-256 of the certificate, 64 lower-case hex digits; or NULL
				*/
	char *tls_min;         /* "1.2" or "1.3"; NULL: "1.2" */
	char *tls_client_cert; /* PEM; or NULL */
	char *tls_client_key;
	bool allow_cleartext;
	char *proxy; /* URL; or NULL: none, whatever the environment says */
	enum auth_mech auth;
	char *user;
	char *admin_user; /* SASL PLAIN: authentication id; `user` is then the authorisation id
			   */
	struct secret_source secret;
	uint64_t timeout_usec;    /* longest silence of the server */
	uint32_t max_connections; /* of this server; 0: no limit */
	uint64_t max_rate;        /* octets a second, all connections of a run; 0: no limit */
	uint64_t daily_download;  /* octets in 24 hours, of one account; 0: no limit */
	uint64_t daily_upload;
};

/* Witnesses by which a message already at the destination is recognised. */
enum match_by {
	MATCH_MESSAGE_ID = 1 << 0,
	MATCH_DATE = 1 << 1,
	MATCH_FROM = 1 << 2,
	MATCH_SUBJECT = 1 << 3,
	MATCH_RECEIVED = 1 << 4,
	MATCH_SIZE = 1 << 5,
	MATCH_BODY = 1 << 6,
};
#define MATCH_ALL     ((1u << 7) - 1)
#define MATCH_HEADER  (MATCH_DEFAULT | MATCH_RECEIVED) /* fields of the header */
#define MATCH_DEFAULT (MATCH_MESSAGE_ID | MATCH_DATE | MATCH_FROM | MATCH_SUBJECT)

/* Which folders of the origin, and where they go: texts as they stand in the configuration,
 * checked. */
struct folder_rules {
	bool automap;
	struct text_list include, exclude;
	struct text_list map; /* origin, destination, origin, ... */
	struct text_list rewrite;
	char *into; /* NULL: nowhere else */
	bool subscribed_only;
	bool subscribe;
	bool create;
};

/* Which messages of them; 0 and NULL: whatever they are. */
struct message_rules {
	uint64_t max_age_usec, min_age_usec;
	char *since, *before; /* "2024-12-31": since that day, before that day */
	uint64_t min_size, max_size;
	char *search;
};

enum flags_mode {
	FLAGS_MERGE,  /* the origin's changes are carried over */
	FLAGS_ORIGIN, /* as at the origin, whatever was set at the destination */
	FLAGS_FIRST,  /* only with the first copy */
};

struct flag_rules {
	enum flags_mode mode;
	struct text_list drop;
	struct text_list rename; /* from, to, from, ... */
};

struct job {
	char *account;
	char *run_id;
	enum job_kind kind;
	bool dry_run;
	char *state_dir;
	uint64_t min_free_bytes;
	struct endpoint origin;
	struct endpoint destination;
	struct folder_rules folders;
	struct message_rules messages;
	struct flag_rules flags;
	bool propagate_deletes;
	bool recopy_deleted;
	uint32_t absence_percent;  /* brake of propagate_deletes: of a folder's messages, */
	uint32_t absence_messages; /* or so many; UINT32_MAX: no such limit */
	bool confirm_deletes;      /* of this run: the brake is off */
	bool confirm_mapping;      /* of this run: folders may go elsewhere than before */
	bool repair;               /* messages that are refused */
	bool retry_held;           /* what was refused before is tried again */
	unsigned match;            /* enum match_by */
	uint32_t connections;      /* lanes: pairs of connections */
	uint32_t max_errors;       /* failed messages that end the run */
	uint32_t retry_attempts;
	uint64_t retry_max_delay_usec;
	uint64_t uncertain_wait_usec;
	int log_level; /* syslog */
};

/* What a person asks of one run, beyond what is configured: an option of mailmigctl and
 * mailmig-worker, a parameter of the control protocol, a member of the job. Sets of them are
 * bits, in the order of the table. */
#define JOB_ASKS_N 3
struct job_ask {
	const char *member, *option;
	size_t offset; /* in struct job, of a bool */
};
extern const struct job_ask job_asks[JOB_ASKS_N];
void job_ask(struct job *j, unsigned asked);

/* All defaults of the contract set, everything else NULL or 0. */
void job_init(struct job *j);
void job_done(struct job *j);

/* A new reference to a JSON object, or NULL without memory; contains secrets of SECRET_INLINE
 * (in hexadecimal: any octet is legal, and nobody reads them in passing). Strings that are not
 * UTF-8 are {"hex":"..."}. */
json_t *job_to_json(const struct job *j);

/* Fill an empty job (job_init() or zero). On failure it is empty again. 0; -EBADMSG when a
 * member is missing or of the wrong type; -ENOMEM. */
int job_from_json(struct job *j, const json_t *o, struct mm_err *reterr);

void endpoint_done(struct endpoint *e);
const char *job_kind_name(enum job_kind k); /* "sync", "check" */

#endif
