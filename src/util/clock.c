/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <mailmig/clock.h>
#include <mailmig/parse.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static uint64_t read_clock(clockid_t id)
{
	struct timespec ts = {0};

	(void)clock_gettime(id, &ts); /* these clocks exist on every Linux */
	return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t clock_usec(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t clock_boot_usec(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

uint64_t clock_wall_usec(void)
{
	return read_clock(CLOCK_REALTIME);
}

char *clock_rfc3339(uint64_t wall_usec, char *buf, size_t n)
{
	time_t t = (time_t)(wall_usec / USEC_PER_SEC);
	struct tm tm = {0};

	if (!gmtime_r(&t, &tm) || strftime(buf, n, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		if (n > 0)
			buf[0] = '\0';
	return buf;
}

int clock_parse_rfc3339(const char *s, uint64_t *ret_wall_usec)
{
	static const struct {
		unsigned char at, len;
	} part[] = {{0, 4}, {5, 2}, {8, 2}, {11, 2}, {14, 2}, {17, 2}};
	uint32_t v[ELEMENTS(part)] = {0};
	struct tm tm = {0}, back = {0};
	char again[sizeof("2026-11-20T17:31:02Z")];
	time_t t;

	if (strlen(s) != sizeof(again) - 1)
		return -EBADMSG;
	for (size_t i = 0; i < ELEMENTS(part); i++)
		if (parse_u32(s + part[i].at, part[i].len, &v[i]) < 0)
			return -EBADMSG;

	tm.tm_year = (int)v[0] - 1900;
	tm.tm_mon = (int)v[1] - 1;
	tm.tm_mday = (int)v[2];
	tm.tm_hour = (int)v[3];
	tm.tm_min = (int)v[4];
	tm.tm_sec = (int)v[5];
	t = timegm(&tm);
	if (t < 0)
		return -EBADMSG;

	/* What is a time comes back the same: timegm() makes 3 March of 31 February, and what
	 * stands between the numbers was not looked at. */
	if (!gmtime_r(&t, &back) ||
	    strftime(again, sizeof(again), "%Y-%m-%dT%H:%M:%SZ", &back) == 0 ||
	    strcmp(again, s) != 0)
		return -EBADMSG;

	*ret_wall_usec = (uint64_t)t * USEC_PER_SEC;
	return 0;
}

int clock_parse_day(const char *s, int64_t *ret_sec)
{
	char noon[sizeof("2026-11-20T12:00:00Z")];
	struct tm tm = {.tm_isdst = -1};
	uint32_t year, month, day;
	uint64_t ignored;
	time_t t;

	/* Is there such a day? */
	if (strlen(s) != 10 || snprintf(noon, sizeof(noon), "%sT12:00:00Z", s) < 0 ||
	    clock_parse_rfc3339(noon, &ignored) < 0 || parse_u32(s, 4, &year) < 0 ||
	    parse_u32(s + 5, 2, &month) < 0 || parse_u32(s + 8, 2, &day) < 0)
		return -EBADMSG;
	tm.tm_year = (int)year - 1900;
	tm.tm_mon = (int)month - 1;
	tm.tm_mday = (int)day;
	t = mktime(&tm);
	/* Where clocks go forward at midnight, the day begins at one. */
	if (tm.tm_mday != (int)day)
		t += 3600;
	*ret_sec = t;
	return 0;
}

char *clock_local(uint64_t wall_usec, uint64_t now_usec, char *buf, size_t n)
{
	time_t t = (time_t)(wall_usec / USEC_PER_SEC), now = (time_t)(now_usec / USEC_PER_SEC);
	struct tm a = {0}, b = {0};
	bool today;

	(void)localtime_r(&t, &a);
	(void)localtime_r(&now, &b);
	today = a.tm_year == b.tm_year && a.tm_yday == b.tm_yday;
	if (strftime(buf, n, today ? "%H:%M" : "%Y-%m-%d %H:%M", &a) == 0 && n > 0)
		buf[0] = '\0';
	return buf;
}

uint64_t clock_deadline(uint64_t span_usec)
{
	uint64_t now = clock_usec();

	return span_usec > USEC_INFINITY - now ? USEC_INFINITY : now + span_usec;
}

int clock_poll_msec(uint64_t deadline_usec)
{
	uint64_t now, msec;

	if (deadline_usec == USEC_INFINITY)
		return -1;
	now = clock_usec();
	if (deadline_usec <= now)
		return 0;

	/* Rounded up, or the last millisecond would be spent polling with 0. */
	msec = (deadline_usec - now - 1) / USEC_PER_MSEC + 1;
	return msec > INT_MAX ? INT_MAX : (int)msec;
}
