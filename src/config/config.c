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
	for (size_t i = 0; i < c->n_accounts; i++) {
		if (strcmp(c->accounts[i].name, name) == 0)
			return &c->accounts[i];
	}
	return NULL;
}

bool config_account_name_ok(const char *name)
{
	return text_is_name(name);
}
