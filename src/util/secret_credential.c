/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <mailmig/text.h>
#include <stdio.h>

#include "secret_internal.h"

/* Written before there are threads, then only read. */
static int given_fd = -1;

void secret_set_credentials(int dir_fd)
{
	closep(&given_fd);
	given_fd = dir_fd;
}

static int read_given(const char *name, struct secret **ret, struct mm_err *reterr)
{
	char shown[128];

	if (given_fd < 0)
		return -ENOENT;
	(void)snprintf(shown, sizeof(shown), "%s of the unit that asked for the run", name);
	return secret_read_at(given_fd, name, shown, ret, reterr);
}

static int read_own(const char *name, struct secret **ret, struct mm_err *reterr)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	_cleanup_(freep) char *path = NULL;

	if (!dir || *dir != '/')
		return -ENOENT;
	path = text_fmt("%s/%s", dir, name);
	return path ? secret_read_at(AT_FDCWD, path, path, ret, reterr) : mm_err_oom(reterr);
}

int secret_from_credential(const char *name, struct secret **ret, struct mm_err *reterr)
{
	int r;

	r = read_given(name, ret, reterr);
	if (r == -ENOENT)
		r = read_own(name, ret, reterr);
	if (r != -ENOENT)
		return r;

	(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_NEVER, r,
			 "credential \"%s\" was not given to this run", name);
	(void)mm_err_class(reterr, MM_CLASS_CONFIG,
			   "put it into /etc/credstore.encrypted: systemd-creds encrypt "
			   "--name=%s",
			   name);
	return r;
}
