/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <mailmig/secret.h>
#include <malloc.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* Passwords travel in JSON values, which jansson copies as it likes. */
static void free_wiped(void *p)
{
	if (p)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

void secret_guard_process(void)
{
	static const struct rlimit none = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &none); /* lowering it is always allowed */
#ifndef __SANITIZE_ADDRESS__                 /* its search for leaks reads our memory */
	(void)prctl(PR_SET_DUMPABLE, 0);
#endif
	json_set_alloc_funcs(malloc, free_wiped);
}
