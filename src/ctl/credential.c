/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include <fcntl.h>

int credentials_open(void)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	if (!dir || *dir != '/')
		return -1;
	return open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
}
