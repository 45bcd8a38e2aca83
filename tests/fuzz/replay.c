/* SPDX-License-Identifier: Apache-2.0 */

/* Runs a fuzz target without libFuzzer, so that any compiler and `make check` can: over every
 * file of the directories named, and over every beginning of each file. */

#include "fuzz.h"
#include <dirent.h>

#define FILE_MAX (64 * 1024) /* its beginnings cost the square of that */

static void fclosep(FILE **f)
{
	if (*f)
		(void)fclose(*f); /* it was only read */
}

struct listing {
	struct dirent **v;
	int n;
};

static void listing_done(struct listing *l)
{
	for (int i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
}

/* From memory that ends where the input ends, so that a sanitizer sees a step beyond it. */
static void run(const uint8_t *data, size_t n)
{
	_cleanup_(freep) uint8_t *copy = NULL;

	if (n > 0) {
		copy = malloc(n);
		REQUIRE(copy);
		memcpy(copy, data, n);
	}
	(void)LLVMFuzzerTestOneInput(copy, n); /* 0 by libFuzzer's rule */
}

/* Returns the number of inputs, 0 when the file cannot be read. */
static size_t replay_file(const char *dir, const char *name)
{
	_cleanup_(freep) char *path = NULL;
	_cleanup_(freep) uint8_t *data = malloc(FILE_MAX + 1);
	_cleanup_(fclosep) FILE *f = NULL;
	size_t n;

	if (!data || asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return 0;
	}
	f = fopen(path, "re");
	if (!f) {
		fprintf(stderr, "%s: %m\n", path);
		return 0;
	}
	n = fread(data, 1, FILE_MAX + 1, f);
	if (n > FILE_MAX) {
		fprintf(stderr, "%s: more than %d octets\n", path, FILE_MAX);
		return 0;
	}

	for (size_t i = 0; i <= n; i++)
		run(data, i);
	return n + 1;
}

static int is_visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static bool replay_dir(const char *dir)
{
	_cleanup_(listing_done) struct listing files = {0};
	size_t inputs = 0;
	bool good = true;

	files.n = scandir(dir, &files.v, is_visible, alphasort);
	if (files.n <= 0) {
		fprintf(stderr, "%s: no corpus\n", dir);
		return false;
	}

	for (int i = 0; i < files.n; i++) {
		size_t k = replay_file(dir, files.v[i]->d_name);

		good = good && k > 0;
		inputs += k;
	}
	printf("%s: %d files, %zu inputs\n", dir, files.n, inputs);
	return good;
}

int main(int argc, char **argv)
{
	bool good = argc > 1;

	if (argc < 2)
		fprintf(stderr, "usage: %s DIRECTORY...\n", argv[0]);
	for (int i = 1; i < argc; i++)
		good = replay_dir(argv[i]) && good;
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
