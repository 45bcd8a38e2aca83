/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <mailmig/spool.h>
#include <mailmig/text.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Half of all messages are smaller; larger chunks would waste more at the end of each. */
#define CHUNK_SIZE 8192

union chunk {
	union chunk *next_free;
	char octets[CHUNK_SIZE];
};

struct spool_pool {
	char *dir;
	size_t max_chunks;
	size_t n_used;
	size_t n_spools;
	union chunk *free_list;
};

struct spool {
	struct spool_pool *pool;
	unsigned n_refs;
	int fd; /* -1: in memory */
	uint64_t size;
	uint64_t written;
	size_t n_chunks;
	union chunk *chunks[];
};

int spool_pool_new(size_t max_bytes, const char *dir, struct spool_pool **ret)
{
	_cleanup_(spool_pool_freep) struct spool_pool *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->max_chunks = max_bytes / CHUNK_SIZE;
	p->dir = text_dup(dir);
	if (!p->dir)
		return -ENOMEM;

	*ret = STEAL(p);
	return 0;
}

struct spool_pool *spool_pool_free(struct spool_pool *p)
{
	if (!p)
		return NULL;
	assert(p->n_spools == 0);

	while (p->free_list) {
		union chunk *c = p->free_list;

		p->free_list = c->next_free;
		free(c);
	}
	free(p->dir);
	free(p);
	return NULL;
}

size_t spool_pool_room(const struct spool_pool *p)
{
	return (p->max_chunks - p->n_used) * CHUNK_SIZE;
}

static union chunk *chunk_get(struct spool_pool *p)
{
	union chunk *c = p->free_list;

	if (c)
		p->free_list = c->next_free;
	else
		c = malloc(sizeof(*c));
	if (c)
		p->n_used++;
	return c;
}

static void chunk_put(struct spool_pool *p, union chunk *c)
{
	c->next_free = p->free_list;
	p->free_list = c;
	p->n_used--;
}

/* A file that nobody can find, gone with its last descriptor whatever happens to us. */
static int open_unlinked(const char *dir)
{
	_cleanup_(freep) char *path = NULL;
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	/* The three answers of file systems and kernels that have no O_TMPFILE. */
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)
		return -errno;

	path = text_fmt("%s/spool-XXXXXX", dir);
	if (!path)
		return -ENOMEM;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	(void)unlink(path); /* else an empty name stays: harmless */
	return fd;
}

static int take_chunks(struct spool *s)
{
	for (; s->n_chunks < (s->size + CHUNK_SIZE - 1) / CHUNK_SIZE; s->n_chunks++) {
		s->chunks[s->n_chunks] = chunk_get(s->pool);
		if (!s->chunks[s->n_chunks])
			return -ENOMEM;
	}
	return 0;
}

int spool_new(struct spool_pool *p, uint64_t size, struct spool **ret)
{
	_cleanup_(spool_unrefp) struct spool *s = NULL;
	bool in_memory = size <= p->max_chunks * CHUNK_SIZE / 4 && size <= spool_pool_room(p);
	size_t n_chunks = in_memory ? (size + CHUNK_SIZE - 1) / CHUNK_SIZE : 0;
	int r;

	s = calloc(1, sizeof(*s) + n_chunks * sizeof(s->chunks[0]));
	if (!s)
		return -ENOMEM;
	s->pool = p;
	p->n_spools++;
	s->n_refs = 1;
	s->fd = -1;
	s->size = size;

	if (in_memory) {
		r = take_chunks(s);
	} else {
		s->fd = open_unlinked(p->dir);
		r = s->fd < 0 ? s->fd : 0;
	}
	if (r < 0)
		return r;

	*ret = STEAL(s);
	return 0;
}

struct spool *spool_ref(struct spool *s)
{
	s->n_refs++;
	return s;
}

struct spool *spool_unref(struct spool *s)
{
	if (!s)
		return NULL;
	assert(s->n_refs > 0);
	if (--s->n_refs > 0)
		return NULL;

	while (s->n_chunks > 0)
		chunk_put(s->pool, s->chunks[--s->n_chunks]);
	closep(&s->fd);
	s->pool->n_spools--;
	free(s);
	return NULL;
}

static int write_file(struct spool *s, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t k = pwrite(s->fd, p, n, (off_t)s->written);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		s->written += (uint64_t)k;
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

int spool_write(struct spool *s, const void *p, size_t n)
{
	const char *from = p;

	if (n > s->size - s->written)
		return -EMSGSIZE;
	if (s->fd >= 0)
		return write_file(s, from, n);

	while (n > 0) {
		size_t at = s->written % CHUNK_SIZE, k = MIN_OF(n, CHUNK_SIZE - at);

		memcpy(s->chunks[s->written / CHUNK_SIZE]->octets + at, from, k);
		s->written += k;
		from += k;
		n -= k;
	}
	return 0;
}

uint64_t spool_size(const struct spool *s)
{
	return s->written;
}

ssize_t spool_read_at(const struct spool *s, uint64_t offset, void *p, size_t n)
{
	size_t done = 0;

	if (offset >= s->written)
		return 0;
	n = MIN_OF(n, s->written - offset);
	n = MIN_OF(n, (size_t)SSIZE_MAX);

	while (done < n && s->fd < 0) {
		size_t at = offset % CHUNK_SIZE, k = MIN_OF(n - done, CHUNK_SIZE - at);

		memcpy((char *)p + done, s->chunks[offset / CHUNK_SIZE]->octets + at, k);
		offset += k;
		done += k;
	}
	while (done < n) {
		ssize_t k = pread(s->fd, (char *)p + done, n - done, (off_t)(offset + done));

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return k < 0 ? -errno : -EIO; /* the file lost its end */
		done += (size_t)k;
	}
	return (ssize_t)done;
}
