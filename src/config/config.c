/* SPDX-License-Identifier: Apache-2.0 */
#include "config_internal.h"
#include <string.h>

int config_load(const char *path, struct config **ret, struct config_errors *errors)
{
	_cleanup_(cfg_done) struct cfg cfg = {};
	int r;

	if (!path)
		path = CONFIG_DEFAULT_PATH;

	r = cfg_read(&cfg, path, strcmp(path, CONFIG_DEFAULT_PATH) == 0);
	if (r == 0)
		r = cfg_check(&cfg);
	if (r == 0)
		r = complaints_finish(&cfg.complaints, errors);
	if (r < 0)
		return r;
	if (errors->n > 0)
		return -EINVAL;

	return cfg_build(&cfg, ret);
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
	static const char legal[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.@-";
	size_t n = strlen(name);

	if (n == 0 || n > CONFIG_ACCOUNT_NAME_MAX || strspn(name, legal) != n)
		return false;
	return strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}
