/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/event.h>
#include <mailmig/text.h>
#include <string.h>

const char *check_result_name(enum check_result r)
{
	switch (r) {
	case CHECK_OK:
		return "ok";
	case CHECK_WARN:
		return "warn";
	case CHECK_FAIL:
		return "fail";
	}
	return "unknown";
}

json_t *check_line_to_json(const struct check_line *l)
{
	char text[sizeof(l->text)], advice[sizeof(l->advice)];

	return json_pack("{s:s, s:s?, s:s, s:s, s:i, s:s, s:s}", "event", "check", "side",
			 l->side, "item", l->item, "result", check_result_name(l->result),
			 "exit_code", l->exit_code, "text",
			 text_clean(text, sizeof(text), l->text, strlen(l->text)), "advice",
			 text_clean(advice, sizeof(advice), l->advice, strlen(l->advice)));
}
