/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_TEST_CTL_CAPTURE_H
#define MAILMIG_TEST_CTL_CAPTURE_H

#include "ctl/ctl_view.h"
#include "unit.h"
#include <mailmig/text.h>

/* What a view prints: capture() gives the stream, captured() the text until the next capture().
 */

static char *capture_text;
static size_t capture_size;
static FILE *capture_stream;

static _unused_ FILE *capture(void)
{
	free(capture_text);
	capture_text = NULL;
	capture_stream = open_memstream(&capture_text, &capture_size);
	assert_non_null(capture_stream);
	return capture_stream;
}

static _unused_ const char *captured(void)
{
	assert_int_equal(fclose(capture_stream), 0);
	return capture_text;
}

static _unused_ int capture_teardown(void **state)
{
	free(capture_text);
	capture_text = NULL;
	return 0;
}

static const struct look pipe_look _unused_ = {0};
static const struct look utf8_look _unused_ = {.utf8 = true};

static _unused_ json_t *json_of(const char *text)
{
	json_t *o = json_loads(text, 0, NULL);

	assert_non_null(o);
	return o;
}

/* The widest line, in columns; escape sequences do not count. */
static _unused_ size_t widest_line(const char *text)
{
	char line[4096];
	size_t n = 0, widest = 0;

	for (const char *p = text;; p++) {
		if (*p == '\033') {
			p += strcspn(p, "mK");
			continue;
		}
		if (*p && *p != '\n') {
			line[n++] = *p;
			continue;
		}
		line[n] = '\0';
		widest = MAX_OF(widest, text_width(line));
		n = 0;
		if (!*p)
			return widest;
	}
}

#endif
