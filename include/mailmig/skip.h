/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_SKIP_H
#define MAILMIG_SKIP_H

#include <jansson.h>
#include <mailmig/base.h>

/* Why a message of the origin is left out. Each is counted under one reason, the first that
 * holds in this order. */
enum skip_reason {
	SKIP_NOT_FOUND,    /* messages.search does not find it */
	SKIP_TOO_OLD,      /* messages.max_age, messages.since */
	SKIP_TOO_YOUNG,    /* messages.min_age, messages.before */
	SKIP_TOO_SMALL,    /* messages.min_size */
	SKIP_TOO_LARGE,    /* messages.max_size */
	SKIP_OTHER_FOLDER, /* Gmail: it is in a folder beside All Mail */
	SKIP_GONE,         /* deleted at the origin while the run went on */
	SKIP_N,
};

/* "too-old": in JSON and in the state. */
const char *skip_name(enum skip_reason r);
/* "too old": for people. */
const char *skip_words(enum skip_reason r);

/* Counters as "too-old=3 too-large=1", those of nothing left out, and back: what is not
 * understood is passed over, NULL is nothing. */
#define SKIPS_TEXT_MAX 512
char *skips_to_text(const uint64_t counts[static SKIP_N], char buf[static SKIPS_TEXT_MAX]);
void skips_from_text(const char *s, uint64_t counts[static SKIP_N]);

/* The same as {"too-old": 3, "too-large": 1}: a new reference, NULL without memory; what is
 * unknown or no number from 0 up is passed over. */
json_t *skips_to_json(const uint64_t counts[static SKIP_N]);
void skips_from_json(const json_t *o, uint64_t counts[static SKIP_N]);

/* For people behind a number of them: " (3 too old, 1 too large)", "" for none. */
char *skips_to_words(const uint64_t counts[static SKIP_N], char buf[static SKIPS_TEXT_MAX]);

#endif
