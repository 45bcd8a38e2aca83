/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_LOG_H
#define MAILMIG_LOG_H

#include <mailmig/base.h>
#include <syslog.h>

/* Where an entry belongs: the journal fields of the contract. NULL or 0 leaves a field out. */
struct mm_log_fields {
	const char *message_id; /* 32 hexadecimal digits: the entry's place in the catalog */
	const char *account;    /* MAILMIG_ACCOUNT= and so on */
	const char *run;
	const char *job;
	const char *folder;
	const char *server;
	const char *result;
	uint32_t uid;
};

/* Call once in main(). Entries go to the journal when standard error is connected to it
 * ($JOURNAL_STREAM), else as lines "IDENT: text" to standard error. */
void mm_log_init(const char *ident);

/* The least important level (LOG_ERR .. LOG_DEBUG) that is written; LOG_INFO at first. */
void mm_log_set_level(int level);
int mm_log_level(void);

/* "debug", "info", "notice", "warning", "err": 0, or -EINVAL. */
int mm_log_level_from_name(const char *name, int *ret);

/* Write one entry. f may be NULL. The text is cleaned like mm_err_set() does. */
void mm_log(int level, const struct mm_log_fields *f, const char *fmt, ...) _printf_(3, 4);

#define mm_debug(...)                                                                          \
	do {                                                                                   \
		if (mm_log_level() >= LOG_DEBUG)                                               \
			mm_log(LOG_DEBUG, NULL, __VA_ARGS__);                                  \
	} while (0)

#endif
