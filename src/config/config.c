/* SPDX-License-Identifier: Apache-2.0 */
#include "schedules.h"
#include <mailmig/text.h>
#include <string.h>

int config_load(const char *path, struct config **ret, struct config_errors *errors)
{
	_cleanup_(cfg_done) struct cfg cfg = {};
	size_t n_unchecked = 0;
	int r;

	if (!path)
		path = CONFIG_DEFAULT_PATH;

	r = cfg_read(&cfg, path, strcmp(path, CONFIG_DEFAULT_PATH) == 0);
	if (r == 0)
		r = cfg_check(&cfg);
	if (r == 0)
		r = cfg_check_schedules(&cfg, &n_unchecked);
	if (r == 0)
		r = complaints_finish(&cfg.complaints, errors);
	if (r < 0)
		return r;
	if (errors->n > 0)
		return -EINVAL;

	r = cfg_build(&cfg, ret);
	if (r == 0)
		(*ret)->n_unchecked_schedules = n_unchecked;
	return r;
}

const struct config_account *config_find_account(const struct config *c, const char *name)
{
	size_t low = 0, high = c->n_accounts;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int r = strcmp(c->by_name[middle]->name, name);

		if (r == 0)
			return c->by_name[middle];
		if (r < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct config_account *config_find(const struct config *c, const char *name)
{
	const struct config_account *a = config_find_account(c, name);

	for (size_t i = 0; !a && i < c->n_accounts; i++)
		if (config_account_is(&c->accounts[i], name))
			a = &c->accounts[i];
	return a;
}

bool config_account_is(const struct config_account *a, const char *name)
{
	return strcmp(a->name, name) == 0 || (a->group && strcmp(a->group, name) == 0);
}

bool config_account_name_ok(const char *name)
{
	return text_is_name(name);
}
