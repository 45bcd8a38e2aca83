/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFIG_SCHEDULES_H
#define CONFIG_SCHEDULES_H

#include "config_internal.h"
#include <mailmig/schedule.h>

/* schedules.c: schedules of which only systemd can tell whether they are good, all asked at
 * once; ask_systemd.c: the asking. */

enum schedule_verdict {
	SCHEDULE_GOOD,
	SCHEDULE_BAD,
	SCHEDULE_NOT_ASKED, /* systemd-analyze is missing or failed */
};

/* A schedule of which only systemd can tell whether it is one. Borrowed from the trees. */
struct schedule_ref {
	const struct cfg_file *file;
	const config_setting_t *setting;
	const char *text;
	enum schedule_verdict verdict;
};

struct schedule_list {
	struct schedule_ref *v;
	size_t n;
};

/* Take it up when it is SCHEDULE_UNSURE. 0 or -ENOMEM. */
int schedule_list_add(struct schedule_list *l, const struct cfg_file *f,
		      const config_setting_t *setting);
/* Ask for all of them in one call, complain of the bad ones. 0 or -ENOMEM. */
int schedule_list_judge(struct schedule_list *l, struct cfg *cfg);
/* After that: the verdict on any schedule that rule_schedule() lets pass. */
enum schedule_verdict schedule_list_find(const struct schedule_list *l, const char *text);
size_t schedule_list_unchecked(const struct schedule_list *l);
void schedule_list_done(struct schedule_list *l);

/* Of all accounts and groups. 0 or -ENOMEM; the rest are complaints. */
int cfg_check_schedules(struct cfg *cfg, size_t *ret_unchecked);

/* systemd-analyze calendar: which are bad. 0, or -errno when that cannot be told. */
int ask_systemd(const char *const *texts, size_t n, bool *ret_bad);

#endif
