/* SPDX-License-Identifier: Apache-2.0 */
#include "worker_event.h"

#include <mailmig/clock.h>
#include <mailmig/log.h>
#include <mailmig/skip.h>
#include <mailmig/text.h>
#include <math.h>
#include <string.h>

static const char *const event_names[] = {
	[WORKER_EVENT_PROGRESS] = "progress", [WORKER_EVENT_FOLDER] = "folder",
	[WORKER_EVENT_MESSAGE] = "message",   [WORKER_EVENT_LOG] = "log",
	[WORKER_EVENT_CHECK] = "check",       [WORKER_EVENT_DONE] = "done",
};

/* The longest name or text that is kept. */
#define TEXT_MAX 512

static const char *const progress_texts[] = {"phase", "folder", NULL};
static const char *const progress_counts[] = {
	"done", "total", "bytes_done", "bytes_total", "rate", "eta_seconds", NULL};

static const char *const folder_texts[] = {"folder", "destination", "result", "text", NULL};
static const char *const folder_counts[] = {"messages", "copied",      "present",
					    "skipped",  "failed",      "flags_updated",
					    "bytes",    "bytes_total", NULL};
static const char *const folder_flags[] = {"created", "unchanged", NULL};

static int event_kind(const json_t *event)
{
	const char *name = json_string_value(json_object_get(event, "event"));

	for (size_t i = 0; name && i < ELEMENTS(event_names); i++)
		if (strcmp(name, event_names[i]) == 0)
			return (int)i;
	return -EBADMSG;
}

int worker_event_check(json_t *event, size_t size, const char *account, const char *run_id)
{
	int kind = event_kind(event);

	if (kind < 0)
		return -EBADMSG;
	if (kind != WORKER_EVENT_DONE && size > WORKER_EVENT_MAX)
		return -EMSGSIZE;
	if (kind == WORKER_EVENT_LOG && !json_is_string(json_object_get(event, "text")))
		return -EBADMSG;

	if (json_object_set_new(event, "account", json_string(account)) < 0 ||
	    json_object_set_new(event, "run", json_string(run_id)) < 0)
		return -ENOMEM;
	return kind;
}

/* Members of an event that are copied and made what they should be: text without control
 * characters, counts from 0 up. What is null stays null. */
static int put_texts(json_t *o, const json_t *event, const char *const *keys)
{
	char clean[TEXT_MAX];

	for (; *keys; keys++) {
		const char *s = json_string_value(json_object_get(event, *keys));

		s = text_clean(clean, sizeof(clean), s ? s : "", s ? strlen(s) : 0);
		if (json_object_set_new(o, *keys, json_string(s)) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int put_counts(json_t *o, const json_t *event, const char *const *keys)
{
	for (; *keys; keys++) {
		const json_t *v = json_object_get(event, *keys);
		json_int_t n = json_is_real(v) && fabs(json_real_value(v)) < 1e18
				       ? (json_int_t)json_real_value(v)
				       : json_integer_value(v);

		n = MAX_OF(n, 0);
		if (json_object_set_new(o, *keys,
					json_is_null(v) ? json_null() : json_integer(n)) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int put_skips(json_t *o, const json_t *event)
{
	_cleanup_(json_decrefp) json_t *skips = NULL;
	uint64_t counts[SKIP_N];

	skips_from_json(json_object_get(event, "skipped_by"), counts);
	skips = skips_to_json(counts);
	if (!skips)
		return -ENOMEM;
	if (json_object_size(skips) == 0)
		return 0; /* as of most folders */
	return json_object_set(o, "skipped_by", skips) < 0 ? -ENOMEM : 0;
}

static int put_flags(json_t *o, const json_t *event, const char *const *keys)
{
	for (; *keys; keys++)
		if (json_object_set_new(
			    o, *keys,
			    json_boolean(json_is_true(json_object_get(event, *keys)))) < 0)
			return -ENOMEM;
	return 0;
}

/* RFC 3339, or null. */
static int put_time(json_t *o, const json_t *event, const char *key)
{
	json_t *v = json_object_get(event, key);
	const char *s = json_string_value(v);
	uint64_t usec;

	if (!s || clock_parse_rfc3339(s, &usec) < 0)
		return json_object_set_new(o, key, json_null()) < 0 ? -ENOMEM : 0;
	return json_object_set(o, key, v) < 0 ? -ENOMEM : 0;
}

json_t *worker_event_progress(const json_t *event)
{
	_cleanup_(json_decrefp) json_t *o = json_object();

	if (!o || put_texts(o, event, progress_texts) < 0 ||
	    put_counts(o, event, progress_counts) < 0 || put_time(o, event, "until") < 0)
		return NULL;
	return STEAL(o);
}

json_t *worker_event_folder(const json_t *event)
{
	_cleanup_(json_decrefp) json_t *o = json_object();

	if (!o || put_texts(o, event, folder_texts) < 0 ||
	    put_counts(o, event, folder_counts) < 0 || put_flags(o, event, folder_flags) < 0 ||
	    put_skips(o, event) < 0)
		return NULL;
	if (json_string_length(json_object_get(o, "text")) == 0)
		(void)json_object_del(o, "text"); /* it is there: most folders go well */
	return STEAL(o);
}

const char *worker_event_server(const struct run_end *ends, const char *text)
{
	static const char *const sides[] = {"origin", "destination"};
	const char *first = NULL, *server = NULL;

	for (size_t i = 0; i < ELEMENTS(sides); i++) {
		_cleanup_(freep) char *name = NULL;
		const char *at;

		if (!ends[i].host)
			continue;
		name = text_fmt("%s %s:", sides[i], ends[i].host);
		at = name ? strstr(text, name) : NULL;
		if (at && (!first || at < first)) {
			first = at;
			server = ends[i].server;
		}
	}
	return server;
}

int worker_event_log_level(const json_t *event)
{
	const json_t *v = json_object_get(event, "level");
	int level = LOG_INFO;

	if (json_is_integer(v) && json_integer_value(v) <= LOG_DEBUG)
		return MAX_OF((int)json_integer_value(v), LOG_ERR);
	if (json_is_string(v))
		(void)mm_log_level_from_name(json_string_value(v), &level);
	return level;
}
