/* SPDX-License-Identifier: Apache-2.0 */
#include "history_internal.h"

#include <mailmig/clock.h>
#include <mailmig/jsonio.h>
#include <string.h>

char *history_errors_to_text(const struct run_summary *s)
{
	_cleanup_(json_decrefp) json_t *o = run_summary_to_json(s);
	const json_t *errors = json_object_get(o, "errors");

	if (!o)
		return NULL;
	return json_is_array(errors) ? jsonio_text(errors) : strdup("[]");
}

static int add_error(struct run_summary *s, const json_t *e)
{
	const char *folder = json_string_value(json_object_get(e, "folder"));
	const char *text = json_string_value(json_object_get(e, "text"));
	const char *advice = json_string_value(json_object_get(e, "advice"));
	const char *cls = json_string_value(json_object_get(e, "class"));
	const char *until = json_string_value(json_object_get(e, "until"));
	uint64_t until_usec = 0;
	json_int_t uid = json_integer_value(json_object_get(e, "uid"));

	if (until && clock_parse_rfc3339(until, &until_usec) == 0)
		return run_summary_add_throttle(s, text ? text : "", advice ? advice : "",
						until_usec);
	return run_summary_add_error(
		s, folder, uid > 0 && uid <= UINT32_MAX ? (uint32_t)uid : 0,
		mm_class_from_name(cls ? cls : ""), text ? text : "", advice ? advice : "");
}

int history_errors_from_text(const char *text, struct run_summary *s)
{
	_cleanup_(json_decrefp) json_t *errors = text ? json_loads(text, 0, NULL) : NULL;

	for (size_t i = 0; i < json_array_size(errors); i++) {
		int r;

		r = add_error(s, json_array_get(errors, i));
		if (r < 0)
			return r;
	}
	return 0;
}
