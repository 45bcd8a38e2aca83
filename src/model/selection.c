/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/clock.h>
#include <mailmig/message.h>
#include <mailmig/selection.h>
#include <string.h>

#define DAY_SEC INT64_C(86400)

/* The moment at which the day begins. The text was checked with the configuration. */
static int64_t begin_of(const char *day, int64_t otherwise)
{
	int64_t sec;

	return day && clock_parse_day(day, &sec) == 0 ? sec : otherwise;
}

void selection_init(struct selection *s, const struct message_rules *r, uint64_t now_usec)
{
	int64_t now = (int64_t)(now_usec / USEC_PER_SEC);

	*s = (struct selection){
		.since = begin_of(r->since, INT64_MIN),
		.newest = INT64_MAX,
		.end = begin_of(r->before, INT64_MAX),
		.min_age_sec = r->min_age_usec / USEC_PER_SEC,
		.min_size = r->min_size,
		.max_size = r->max_size,
		.search = r->search,
		/* OLDER of RFC 5032; found in another word it costs a look more. */
		.search_ages = r->search && strcasestr(r->search, "OLDER"),
	};
	s->oldest = s->since;
	if (r->max_age_usec > 0)
		s->oldest = MAX_OF(s->since, now - (int64_t)(r->max_age_usec / USEC_PER_SEC));
	if (s->min_age_sec > 0)
		s->newest = now - (int64_t)s->min_age_sec;
	s->active = selection_by_date(s) || selection_by_size(s) || s->search;
}

bool selection_by_date(const struct selection *s)
{
	return s->oldest != INT64_MIN || s->newest != INT64_MAX || s->end != INT64_MAX;
}

bool selection_by_size(const struct selection *s)
{
	return s->min_size > 0 || s->max_size > 0;
}

int selection_decide(const struct selection *s, int64_t date, uint64_t size, bool found)
{
	if (!found)
		return SKIP_NOT_FOUND;
	if (date != MESSAGE_NO_DATE && date < s->oldest)
		return SKIP_TOO_OLD;
	if (date != MESSAGE_NO_DATE && (date > s->newest || date >= s->end))
		return SKIP_TOO_YOUNG;
	if (size < s->min_size)
		return SKIP_TOO_SMALL;
	if (s->max_size > 0 && size > s->max_size)
		return SKIP_TOO_LARGE;
	return SELECTION_TAKE;
}

int64_t selection_ripens(const struct selection *s, int64_t date)
{
	return date < s->end ? date + (int64_t)s->min_age_sec : INT64_MAX;
}

/* The day of a moment in UTC. */
static int64_t day_of(int64_t sec)
{
	return sec / DAY_SEC - (sec % DAY_SEC < 0);
}

/* No zone is a whole day away from UTC. What a server shows as an earlier day than that of a
 * day before the limit arrived before the limit. */
int64_t selection_old_before_day(const struct selection *s)
{
	int64_t day = s->oldest == INT64_MIN ? 0 : day_of(s->oldest) - 1;

	return MAX_OF(day, INT64_C(0));
}

int64_t selection_young_since_day(const struct selection *s)
{
	int64_t day = s->end == INT64_MAX ? 0 : day_of(s->end - 1) + 2;

	return MAX_OF(day, INT64_C(0));
}
