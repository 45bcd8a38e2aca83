/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <mailmig/fs.h>
#include <mailmig/parse.h>
#include <mailmig/spool.h>
#include <mailmig/text.h>
#include <pthread.h>
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
	uint64_t min_free;
	size_t max_chunks;
	pthread_mutex_t lock; /* of what follows */
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

int spool_pool_new(size_t max_bytes, const char *dir, uint64_t min_free,
		   struct spool_pool **ret)
{
	_cleanup_(spool_pool_freep) struct spool_pool *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->max_chunks = max_bytes / CHUNK_SIZE;
	p->min_free = min_free;
	pthread_mutex_init(&p->lock, NULL);
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
	pthread_mutex_destroy(&p->lock);
	free(p->dir);
	free(p);
	return NULL;
}

size_t spool_pool_room(struct spool_pool *p)
{
	size_t room;

	(void)pthread_mutex_lock(&p->lock);
	room = (p->max_chunks - p->n_used) * CHUNK_SIZE;
	(void)pthread_mutex_unlock(&p->lock);
	return room;
}

/* Memory for all of the spool, or none of it. 1: taken, 0: there is no room, -ENOMEM. */
static int take_chunks(struct spool *s, size_t n)
{
	struct spool_pool *p = s->pool;
	int r = 1;

	(void)pthread_mutex_lock(&p->lock);
	if (n > p->max_chunks - p->n_used)
		r = 0;
	while (r > 0 && s->n_chunks < n) {
		union chunk *c = p->free_list;

		if (c)
			p->free_list = c->next_free;
		else
			c = malloc(sizeof(*c));
		if (!c) {
			r = -ENOMEM; /* what was taken goes back with the spool */
			break;
		}
		s->chunks[s->n_chunks++] = c;
		p->n_used++;
	}
	(void)pthread_mutex_unlock(&p->lock);
	return r;
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

/* The size is a server's word: what it wants to fill the disk with is not even begun. */
static int open_file(struct spool *s)
{
	const struct spool_pool *p = s->pool;
	uint64_t room = 0;
	int r;

	r = fs_free_bytes(p->dir, &room);
	if (r < 0)
		return r;
	if (room < p->min_free || room - p->min_free < s->size)
		return -ENOSPC;
	r = s->fd = open_unlinked(p->dir);
	return MIN_OF(r, 0);
}

int spool_new(struct spool_pool *p, uint64_t size, struct spool **ret)
{
	_cleanup_(spool_unrefp) struct spool *s = NULL;
	bool small = size <= p->max_chunks * CHUNK_SIZE / 4;
	size_t n_chunks = small ? (size + CHUNK_SIZE - 1) / CHUNK_SIZE : 0;
	int r = 0;

	s = calloc(1, sizeof(*s) + n_chunks * sizeof(s->chunks[0]));
	if (!s)
		return -ENOMEM;
	s->pool = p;
	(void)pthread_mutex_lock(&p->lock);
	p->n_spools++;
	(void)pthread_mutex_unlock(&p->lock);
	s->n_refs = 1;
	s->fd = -1;
	s->size = size;

	if (small)
		r = take_chunks(s, n_chunks);
	if (r == 0)
		r = open_file(s);
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
	struct spool_pool *p;

	if (!s)
		return NULL;
	p = s->pool;
	assert(s->n_refs > 0);
	if (--s->n_refs > 0)
		return NULL;

	(void)pthread_mutex_lock(&p->lock);
	p->n_used -= s->n_chunks;
	while (s->n_chunks > 0) {
		union chunk *c = s->chunks[--s->n_chunks];

		c->next_free = p->free_list;
		p->free_list = c;
	}
	p->n_spools--;
	(void)pthread_mutex_unlock(&p->lock);
	closep(&s->fd);
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

int spool_trouble(const struct spool_pool *p, uint64_t size, int r, struct mm_err *reterr)
{
	char need[32], have[32], keep[32];
	uint64_t room = 0;

	if (r == -ENOMEM)
		return mm_err_oom(reterr);
	format_size(need, sizeof(need), size);
	if (r != -ENOSPC && r != -EDQUOT) {
		mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, r,
			   "cannot keep a message of %s in %s: %s", need, p->dir, strerror(-r));
		return mm_err_class(reterr, MM_CLASS_LOCAL,
				    "check that disk; nothing is lost, the next run continues");
	}
	(void)fs_free_bytes(p->dir, &room); /* as good as none, then */
	format_size(have, sizeof(have), room);
	format_size(keep, sizeof(keep), p->min_free);
	mm_err_set(
		reterr, MM_SCOPE_JOB, MM_RETRY_LATER, r,
		"no room for a message of %s: %s free on the file system of %s, min_free is %s",
		need, have, p->dir, keep);
	return mm_err_class(reterr, MM_CLASS_SAFETY,
			    "free space there; nothing is lost, the next run continues");
}
