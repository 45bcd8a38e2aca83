/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include <mailmig/parse.h>
#include <time.h>

/* Days since some day, in local time; midnight decides, not 24 hours. */
static int64_t day_number(const struct tm *local)
{
	struct tm noon = {.tm_year = local->tm_year,
			  .tm_mon = local->tm_mon,
			  .tm_mday = local->tm_mday,
			  .tm_hour = 12};

	return timegm(&noon) / (24 * 3600);
}

char *when_local(char *buf, size_t n, uint64_t wall_usec, uint64_t now_usec)
{
	time_t t = (time_t)(wall_usec / USEC_PER_SEC), now = (time_t)(now_usec / USEC_PER_SEC);
	struct tm a = {0}, b = {0};
	char date[32] = "";

	(void)localtime_r(&t, &a);
	(void)localtime_r(&now, &b);
	switch (day_number(&a) - day_number(&b)) {
	case -1:
		(void)snprintf(date, sizeof(date), "yesterday");
		break;
	case 0:
		(void)snprintf(date, sizeof(date), "today");
		break;
	case 1:
		(void)snprintf(date, sizeof(date), "tomorrow");
		break;
	default:
		(void)strftime(date, sizeof(date), "%Y-%m-%d", &a);
	}
	(void)snprintf(buf, n, "%s %02d:%02d", date, a.tm_hour, a.tm_min);
	return buf;
}

char *when_span(char *buf, size_t n, uint64_t usec)
{
	uint64_t s = usec / USEC_PER_SEC;

	if (s < 1 && usec > 0)
		(void)snprintf(buf, n, "%u ms", (unsigned)(usec / USEC_PER_MSEC));
	else if (s < 120)
		(void)snprintf(buf, n, "%u s", (unsigned)s);
	else if (s < 120 * 60)
		(void)snprintf(buf, n, "%u min", (unsigned)(s / 60));
	else if (s < 48 * 3600)
		(void)snprintf(buf, n, "%u h", (unsigned)(s / 3600));
	else
		(void)snprintf(buf, n, "%llu days", (unsigned long long)(s / 86400));
	return buf;
}

char *when_length(char *buf, size_t n, uint64_t usec)
{
	if (usec >= 60 * USEC_PER_SEC || usec % USEC_PER_SEC != 0)
		return format_span(buf, n, usec);
	if (usec == 0)
		(void)snprintf(buf, n, "less than 1 s");
	else
		(void)snprintf(buf, n, "%u s", (unsigned)(usec / USEC_PER_SEC));
	return buf;
}

char *when_clock(char *buf, size_t n, uint64_t seconds)
{
	uint64_t h = seconds / 3600;
	unsigned m = (unsigned)(seconds / 60 % 60), s = (unsigned)(seconds % 60);

	if (h > 0)
		(void)snprintf(buf, n, "%llu:%02u:%02u", (unsigned long long)h, m, s);
	else
		(void)snprintf(buf, n, "%u:%02u", m, s);
	return buf;
}
