/* SPDX-License-Identifier: Apache-2.0 */
#include "schedules.h"
#include <mailmig/text.h>
#include <string.h>

/* The configuration as the generator reads it: what stands in the way of one account, or is
 * wrong elsewhere, takes the schedule from no other account. */

struct timers {
	struct cfg cfg;
	struct name_index names, servers;
	struct schedule_list schedules;
};

static void timers_done(struct timers *t)
{
	name_index_done(&t->names);
	name_index_done(&t->servers);
	schedule_list_done(&t->schedules);
	cfg_done(&t->cfg);
}

/* True when the member is there and as it should be; if it is there and is not, that is
 * complained about. */
static bool member_is_good(struct check *c, const config_setting_t *entry, const char *name)
{
	const config_setting_t *s = config_setting_get_member(entry, name);
	size_t before = c->cfg->complaints.n;

	if (!s)
		return false;
	check_value(c, s, key_find(&keys_account, name), name);
	return c->cfg->complaints.n == before;
}

/* It has units of its own: it has a name, is the first of it, and is not disabled. A group has
 * them for all its members. */
static bool has_units(struct timers *t, struct check *c, const config_setting_t *entry)
{
	const config_setting_t *enabled;

	if (!config_setting_is_group(entry) || !member_is_good(c, entry, "name") ||
	    name_index_find(&t->names, setting_text(entry, "name"))->entry != entry)
		return false;

	enabled = config_setting_get_member(entry, "enabled");
	return !enabled || (member_is_good(c, entry, "enabled") &&
			    config_setting_get_bool(enabled) == CONFIG_TRUE);
}

/* ---- what the units get ---- */

static int add_credential(struct config_timer *timer, const config_setting_t *holder)
{
	const char *name = setting_text(holder, "password_credential");
	size_t *n = &timer->n_credentials;

	if (!name || !config_account_name_ok(name) || *n == ELEMENTS(timer->credentials))
		return 0;
	for (size_t i = 0; i < *n; i++)
		if (strcmp(timer->credentials[i], name) == 0)
			return 0;

	timer->credentials[*n] = text_dup(name);
	if (!timer->credentials[*n])
		return -ENOMEM;
	(*n)++;
	return 0;
}

/* Its own, and that of the server where the server's admin_user logs in for all. */
static int add_credentials(struct timers *t, const config_setting_t *entry,
			   struct config_timer *timer)
{
	static const char *const sides[] = {"origin", "destination"};
	int r = 0;

	for (size_t i = 0; i < ELEMENTS(sides) && r == 0; i++) {
		const config_setting_t *e = config_setting_get_member(entry, sides[i]);
		const char *server = e ? setting_text(e, "server") : NULL;
		const struct name_ref *ref =
			server ? name_index_find(&t->servers, server) : NULL;

		r = e ? add_credential(timer, e) : 0;
		if (r == 0 && ref && setting_text(ref->entry, "admin_user"))
			r = add_credential(timer, ref->entry);
	}
	return r;
}

static int fill_timer(struct timers *t, const struct cfg_file *f, const config_setting_t *entry,
		      struct config_timer *timer)
{
	const char *schedule = setting_text(entry, "schedule");

	timer->name = text_dup(setting_text(entry, "name"));
	timer->file = cfg_path_absolute(cfg_setting_file(f, entry));
	if (!timer->name || !timer->file)
		return -ENOMEM;

	if (schedule && !rule_schedule(schedule) &&
	    schedule_list_find(&t->schedules, schedule) == SCHEDULE_GOOD) {
		(void)schedule_parse(schedule, &timer->schedule); /* checked */
		timer->schedule_text = text_dup(schedule);
		if (!timer->schedule_text)
			return -ENOMEM;
	}
	return add_credentials(t, entry, timer);
}

/* ---- the way through the files, twice: systemd is asked in between ---- */

static int collect(struct timers *t, bool *units)
{
	const config_setting_t *e;
	size_t n = 0;
	int r = 0;

	for (size_t f = 0; f < t->cfg.n_files; f++) {
		struct check c = {.cfg = &t->cfg, .file = t->cfg.files[f]};

		for (int i = 0; r == 0 && (e = cfg_runnable(c.file, i)); i++, n++) {
			units[n] = has_units(t, &c, e);
			if (units[n] && member_is_good(&c, e, "schedule"))
				r = schedule_list_add(&t->schedules, c.file,
						      config_setting_get_member(e, "schedule"));
		}
	}
	return r;
}

static int fill(struct timers *t, const bool *units, struct config_timers *ret)
{
	const config_setting_t *e;
	size_t n = 0;
	int r = 0;

	for (size_t f = 0; f < t->cfg.n_files; f++) {
		const struct cfg_file *file = t->cfg.files[f];

		for (int i = 0; r == 0 && (e = cfg_runnable(file, i)); i++, n++)
			if (units[n])
				r = fill_timer(t, file, e, &ret->v[ret->n++]);
	}
	return r;
}

static size_t count_entries(const struct cfg *cfg)
{
	size_t n = 0;

	for (size_t f = 0; f < cfg->n_files; f++)
		for (int i = 0; cfg_runnable(cfg->files[f], i); i++)
			n++;
	return n;
}

int config_load_timers(const char *path, struct config_timers *ret,
		       struct config_errors *errors)
{
	_cleanup_(timers_done) struct timers t = {};
	_cleanup_(config_timers_done) struct config_timers timers = {};
	_cleanup_(freep) bool *units = NULL;
	size_t n;
	int r;

	r = cfg_read(&t.cfg, path, true);
	if (r == 0)
		r = name_index_make(&t.cfg, NULL, &t.names);
	if (r == 0)
		r = name_index_make(&t.cfg, "servers", &t.servers);
	if (r < 0)
		return r;

	n = MAX_OF(count_entries(&t.cfg), 1U);
	units = calloc(n, sizeof(*units));
	timers.v = calloc(n, sizeof(*timers.v));
	if (!units || !timers.v)
		return -ENOMEM;

	r = collect(&t, units);
	if (r == 0)
		r = schedule_list_judge(&t.schedules, &t.cfg);
	if (r == 0)
		r = fill(&t, units, &timers);
	if (r == 0)
		r = complaints_finish(&t.cfg.complaints, errors);
	if (r < 0)
		return r;

	timers.n_unchecked_schedules = schedule_list_unchecked(&t.schedules);
	*ret = timers;
	timers = (struct config_timers){};
	return 0;
}

void config_timers_done(struct config_timers *t)
{
	for (size_t i = 0; i < t->n; i++) {
		struct config_timer *v = &t->v[i];

		for (size_t k = 0; k < v->n_credentials; k++)
			free(v->credentials[k]);
		free(v->name);
		free(v->file);
		free(v->schedule_text);
	}
	free(t->v);
	*t = (struct config_timers){};
}
