/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/clock.h>
#include <mailmig/event.h>
#include <mailmig/text.h>
#include <string.h>

static const char *const result_names[] = {
	[RUN_OK] = "ok",
	[RUN_PARTIAL] = "partial",
	[RUN_FAILED] = "failed",
	[RUN_CANCELLED] = "cancelled",
	[RUN_THROTTLED] = "throttled",
	[RUN_INTERRUPTED] = "interrupted",
};

const char *run_result_name(enum run_result r)
{
	return result_names[(size_t)r < ELEMENTS(result_names) ? r : RUN_FAILED];
}

int run_result_from_name(const char *name, enum run_result *ret)
{
	for (size_t i = 0; i < ELEMENTS(result_names); i++)
		if (strcmp(result_names[i], name) == 0) {
			*ret = (enum run_result)i;
			return 0;
		}
	return -EINVAL;
}

static void error_done(struct run_error *e)
{
	free(e->folder);
	free(e->text);
	free(e->advice);
	*e = (struct run_error){0};
}

void run_summary_drop_errors(struct run_summary *s)
{
	for (size_t i = 0; i < s->n_errors; i++)
		error_done(&s->errors[i]);
	free(s->errors);
	s->errors = NULL;
	s->n_errors = 0;
}

void run_summary_done(struct run_summary *s)
{
	run_summary_drop_errors(s);
	free(s->id);
	free(s->account);
	free(s->job);
	*s = (struct run_summary){0};
}

bool run_summary_listed(const struct run_summary *s)
{
	/* A mailbox may well be empty. */
	return s->total_messages > 0 || s->result == RUN_OK || s->result == RUN_PARTIAL;
}

/* A cleaned copy: what is in a summary can always be written as JSON. */
static char *clean_dup(const char *s)
{
	char clean[1024];

	return text_dup(text_clean(clean, sizeof(clean), s, strlen(s)));
}

int run_summary_add_error(struct run_summary *s, const char *folder, uint32_t uid,
			  enum mm_class cls, const char *text, const char *advice)
{
	_cleanup_(error_done) struct run_error e = {.uid = uid, .cls = cls};
	struct run_error *grown;

	if (s->n_errors >= RUN_ERRORS_MAX)
		return 0;

	e.folder = folder ? clean_dup(folder) : NULL;
	e.text = clean_dup(text ? text : "");
	e.advice = clean_dup(advice ? advice : "");
	if ((folder && !e.folder) || !e.text || !e.advice)
		return -ENOMEM;

	grown = reallocarray(s->errors, s->n_errors + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	s->errors = grown;
	s->errors[s->n_errors++] = e;
	e = (struct run_error){0};
	return 0;
}

int run_summary_add_throttle(struct run_summary *s, const char *text, const char *advice,
			     uint64_t until_usec)
{
	size_t n = s->n_errors;
	int r;

	/* The others came before it; it is what counts. */
	if (n == RUN_ERRORS_MAX)
		error_done(&s->errors[--s->n_errors]);
	n = s->n_errors;
	r = run_summary_add_error(s, NULL, 0, MM_CLASS_THROTTLED, text, advice);
	if (r == 0)
		s->errors[n].until_usec = until_usec;
	return r;
}

uint64_t run_summary_until(const struct run_summary *s)
{
	for (size_t i = s->n_errors; s->result == RUN_THROTTLED && i > 0; i--)
		if (s->errors[i - 1].until_usec)
			return s->errors[i - 1].until_usec;
	return 0;
}

/* ---- to JSON ---- */

static json_t *text_or_null(const char *s)
{
	return s ? json_string(s) : json_null();
}

static json_t *time_or_null(uint64_t wall_usec)
{
	char buf[32];

	return wall_usec ? json_string(clock_rfc3339(wall_usec, buf, sizeof(buf)))
			 : json_null();
}

static json_t *errors_to_json(const struct run_summary *s)
{
	_cleanup_(json_decrefp) json_t *list = json_array();

	if (!list)
		return NULL;
	for (size_t i = 0; i < s->n_errors; i++) {
		const struct run_error *e = &s->errors[i];
		json_t *o = json_pack(
			"{s:o, s:o, s:s, s:s, s:s}", "folder", text_or_null(e->folder), "uid",
			e->uid ? json_integer(e->uid) : json_null(), "class",
			mm_class_name(e->cls), "text", e->text, "advice", e->advice);

		if (e->until_usec && o &&
		    json_object_set_new(o, "until", time_or_null(e->until_usec)) < 0) {
			json_decref(o);
			return NULL;
		}
		if (json_array_append_new(list, o) < 0)
			return NULL;
	}
	return STEAL(list);
}

/* The counters of the contract and ours, each in its place in the object. */
static const struct {
	const char *key;
	size_t offset;
	bool ours; /* may be missing in what others wrote */
} counters[] = {
	{"copied", offsetof(struct run_summary, copied), false},
	{"present", offsetof(struct run_summary, present), false},
	{"skipped", offsetof(struct run_summary, skipped), false},
	{"failed", offsetof(struct run_summary, failed), false},
	{"flags_updated", offsetof(struct run_summary, flags_updated), false},
	{"deleted", offsetof(struct run_summary, deleted), false},
	{"bytes", offsetof(struct run_summary, bytes), false},
	{"total_messages", offsetof(struct run_summary, total_messages), true},
	{"total_bytes", offsetof(struct run_summary, total_bytes), true},
	{"round_trips", offsetof(struct run_summary, round_trips), true},
};

static int put_counters(json_t *o, const struct run_summary *s, bool ours)
{
	for (size_t i = 0; i < ELEMENTS(counters); i++) {
		uint64_t v = *(const uint64_t *)((const char *)s + counters[i].offset);

		if (counters[i].ours == ours &&
		    json_object_set_new(o, counters[i].key, json_integer((json_int_t)v)) < 0)
			return -ENOMEM;
	}
	return 0;
}

json_t *run_summary_to_json(const struct run_summary *s)
{
	_cleanup_(json_decrefp) json_t *o = json_object();

	if (!o || json_object_set_new(o, "id", text_or_null(s->id)) < 0 ||
	    json_object_set_new(o, "job", text_or_null(s->job)) < 0 ||
	    json_object_set_new(o, "started", time_or_null(s->started_usec)) < 0 ||
	    json_object_set_new(o, "finished", time_or_null(s->finished_usec)) < 0 ||
	    json_object_set_new(o, "result", json_string(run_result_name(s->result))) < 0 ||
	    json_object_set_new(o, "exit_code", json_integer(s->exit_code)) < 0 ||
	    put_counters(o, s, false) < 0 ||
	    json_object_set_new(o, "errors", errors_to_json(s)) < 0 ||
	    json_object_set_new(o, "account", text_or_null(s->account)) < 0 ||
	    json_object_set_new(o, "dry_run", json_boolean(s->dry_run)) < 0 ||
	    json_object_set_new(o, "skipped_by", skips_to_json(s->skipped_by)) < 0 ||
	    put_counters(o, s, true) < 0)
		return NULL;
	return STEAL(o);
}

/* ---- from JSON ---- */

/* Strings may be null or missing only where `optional`. */
static int get_text(const json_t *o, const char *key, bool optional, char **ret)
{
	const json_t *v = json_object_get(o, key);

	if (!v || json_is_null(v))
		return optional ? 0 : -EBADMSG;
	if (!json_is_string(v))
		return -EBADMSG;
	return text_set(ret, json_string_value(v));
}

static int get_time(const json_t *o, const char *key, uint64_t *ret)
{
	const json_t *v = json_object_get(o, key);

	if (!v || json_is_null(v))
		return 0;
	return json_is_string(v) ? clock_parse_rfc3339(json_string_value(v), ret) : -EBADMSG;
}

static int get_counters(const json_t *o, struct run_summary *s)
{
	for (size_t i = 0; i < ELEMENTS(counters); i++) {
		const json_t *v = json_object_get(o, counters[i].key);

		if (!v && counters[i].ours)
			continue;
		if (!json_is_integer(v) || json_integer_value(v) < 0)
			return -EBADMSG;
		*(uint64_t *)((char *)s + counters[i].offset) = (uint64_t)json_integer_value(v);
	}
	return 0;
}

static int get_skips(const json_t *o, struct run_summary *s)
{
	const json_t *v = json_object_get(o, "skipped_by");

	if (v && !json_is_object(v))
		return -EBADMSG;
	skips_from_json(v, s->skipped_by);
	return 0;
}

static int get_uid(const json_t *o, uint32_t *ret)
{
	const json_t *v = json_object_get(o, "uid");

	if (!v || json_is_null(v))
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < 0 ||
	    json_integer_value(v) > UINT32_MAX)
		return -EBADMSG;
	*ret = (uint32_t)json_integer_value(v);
	return 0;
}

static int get_error(const json_t *o, struct run_summary *s)
{
	_cleanup_(error_done) struct run_error e = {0};
	_cleanup_(freep) char *cls = NULL;
	int r;

	r = get_uid(o, &e.uid);
	if (r < 0)
		return r;
	r = get_text(o, "folder", true, &e.folder);
	if (r < 0)
		return r;
	r = get_text(o, "class", false, &cls);
	if (r < 0)
		return r;
	r = get_text(o, "text", false, &e.text);
	if (r < 0)
		return r;
	r = get_text(o, "advice", true, &e.advice);
	if (r < 0)
		return r;
	r = get_time(o, "until", &e.until_usec);
	if (r < 0)
		return r;

	if (e.until_usec)
		return run_summary_add_throttle(s, e.text, e.advice, e.until_usec);
	return run_summary_add_error(s, e.folder, e.uid, mm_class_from_name(cls), e.text,
				     e.advice);
}

static int get_result(const json_t *o, struct run_summary *s)
{
	const char *result = json_string_value(json_object_get(o, "result"));
	const json_t *code = json_object_get(o, "exit_code");
	const json_t *dry = json_object_get(o, "dry_run");

	if (!result || run_result_from_name(result, &s->result) < 0 || !json_is_integer(code) ||
	    json_integer_value(code) < 0 || json_integer_value(code) > 255 ||
	    (dry && !json_is_boolean(dry)))
		return -EBADMSG;
	s->exit_code = (int)json_integer_value(code);
	s->dry_run = json_is_true(dry);
	return 0;
}

static int get_errors(const json_t *o, struct run_summary *s)
{
	const json_t *errors = json_object_get(o, "errors");

	if (!json_is_array(errors))
		return -EBADMSG;
	for (size_t i = 0; i < json_array_size(errors); i++) {
		int r = get_error(json_array_get(errors, i), s);

		if (r < 0)
			return r;
	}
	return 0;
}

static int get_names(const json_t *o, struct run_summary *s)
{
	int r;

	r = get_text(o, "id", false, &s->id);
	if (r < 0)
		return r;
	r = get_text(o, "job", false, &s->job);
	if (r < 0)
		return r;
	return get_text(o, "account", true, &s->account);
}

static int get_times(const json_t *o, struct run_summary *s)
{
	int r;

	r = get_time(o, "started", &s->started_usec);
	if (r < 0)
		return r;
	return get_time(o, "finished", &s->finished_usec);
}

int run_summary_from_json(struct run_summary *s, const json_t *o)
{
	static int (*const parts[])(const json_t *o, struct run_summary *s) = {
		get_names, get_times, get_result, get_counters, get_skips, get_errors};

	if (!json_is_object(o))
		return -EBADMSG;
	for (size_t i = 0; i < ELEMENTS(parts); i++) {
		int r = parts[i](o, s);

		if (r < 0) {
			run_summary_done(s);
			return r;
		}
	}
	return 0;
}
