/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/error.h>
#include <mailmig/text.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Longer than any description: what is cut here would be cut anyhow. */
#define RAW_MAX 2048

static void format_clean(char *dst, size_t size, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

/* By way of a buffer of its own, so that the arguments may come from `dst`. */
static void format_clean(char *dst, size_t size, const char *fmt, va_list ap)
{
	char raw[RAW_MAX];

	if (vsnprintf(raw, sizeof(raw), fmt, ap) < 0)
		raw[0] = '\0';
	text_clean(dst, size, raw, strlen(raw));
}

int mm_err_set(struct mm_err *e, enum mm_scope scope, enum mm_retry retry, int code,
	       const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return code;

	va_start(ap, fmt);
	format_clean(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	e->scope = scope;
	e->retry = retry;
	e->cls = MM_CLASS_OTHER;
	e->code = code;
	e->retry_after_usec = 0;
	e->advice[0] = '\0';
	return code;
}

int mm_err_class(struct mm_err *e, enum mm_class cls, const char *advice_fmt, ...)
{
	va_list ap;

	if (!e)
		return 0;

	va_start(ap, advice_fmt);
	format_clean(e->advice, sizeof(e->advice), advice_fmt, ap);
	va_end(ap);
	e->cls = cls;
	return e->code;
}

int mm_err_oom(struct mm_err *e)
{
	(void)mm_err_set(e, MM_SCOPE_JOB, MM_RETRY_LATER, -ENOMEM, "out of memory");
	(void)mm_err_class(e, MM_CLASS_LOCAL, "%s", MM_ADVICE_MEMORY);
	return -ENOMEM;
}

static const struct {
	const char *name;
	int exit_code;
} classes[] = {
	[MM_CLASS_OTHER] = {"other", 1},
	[MM_CLASS_USAGE] = {"usage", 2},
	[MM_CLASS_CONFIG] = {"config", 3},
	[MM_CLASS_PERMISSION] = {"permission", 4},
	[MM_CLASS_LOGIN] = {"login", 5},
	[MM_CLASS_CONNECT] = {"connect", 6},
	/* A server that talks nonsense is of no more use than one that is not there. */
	[MM_CLASS_PROTOCOL] = {"protocol", 6},
	[MM_CLASS_REFUSED] = {"refused", 1},
	[MM_CLASS_QUOTA] = {"quota", 8},
	[MM_CLASS_TOO_LARGE] = {"too-large", 1},
	[MM_CLASS_SAFETY] = {"safety", 8},
	[MM_CLASS_CANCELLED] = {"cancelled", 9},
	[MM_CLASS_TIMEOUT] = {"timeout", 9},
	/* Not all is done; the rest follows by itself. */
	[MM_CLASS_THROTTLED] = {"throttled", 1},
	[MM_CLASS_LOCAL] = {"local", 10},
};

int mm_class_exit_code(enum mm_class cls)
{
	return (size_t)cls < ELEMENTS(classes) ? classes[cls].exit_code : 1;
}

const char *mm_class_name(enum mm_class cls)
{
	return classes[(size_t)cls < ELEMENTS(classes) ? cls : MM_CLASS_OTHER].name;
}

enum mm_class mm_class_from_name(const char *name)
{
	for (size_t i = 0; i < ELEMENTS(classes); i++)
		if (strcmp(classes[i].name, name) == 0)
			return (enum mm_class)i;
	return MM_CLASS_OTHER;
}
