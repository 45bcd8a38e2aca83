/* SPDX-License-Identifier: Apache-2.0 */
#include "worker_event.h"

#include <mailmig/log.h>
#include <mailmig/text.h>
#include <math.h>
#include <string.h>

static const char *const event_names[] = {
	[WORKER_EVENT_PROGRESS] = "progress", [WORKER_EVENT_FOLDER] = "folder",
	[WORKER_EVENT_MESSAGE] = "message",   [WORKER_EVENT_LOG] = "log",
	[WORKER_EVENT_DONE] = "done",
};

static const char *const progress_texts[] = {"phase", "folder"};
static const char *const progress_counts[] = {"done",        "total", "bytes_done",
					      "bytes_total", "rate",  "eta_seconds"};

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

json_t *worker_event_progress(const json_t *event)
{
	_cleanup_(json_decrefp) json_t *o = json_object();
	char clean[512];

	if (!o)
		return NULL;
	for (size_t i = 0; i < ELEMENTS(progress_texts); i++) {
		const json_t *v = json_object_get(event, progress_texts[i]);
		const char *s = json_is_string(v) ? json_string_value(v) : "";

		if (json_object_set_new(
			    o, progress_texts[i],
			    json_string(text_clean(clean, sizeof(clean), s, strlen(s)))) < 0)
			return NULL;
	}
	for (size_t i = 0; i < ELEMENTS(progress_counts); i++) {
		json_t *v = json_object_get(event, progress_counts[i]);
		json_int_t n = json_is_real(v) && fabs(json_real_value(v)) < 1e18
				       ? (json_int_t)json_real_value(v)
				       : json_integer_value(v);

		n = MAX_OF(n, 0);
		if (json_object_set_new(o, progress_counts[i],
					json_is_null(v) ? json_null() : json_integer(n)) < 0)
			return NULL;
	}
	return STEAL(o);
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
