/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite believes what is in its file. So that we need not, each page ends with a checksum of
 * itself and of its place, in octets that SQLite leaves free for that ("reserved"). It is
 * written with the page and looked at whenever the page is read: by a VFS that is SQLite's own
 * but for these two operations. The write-ahead log needs none, it has checksums. */
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "state_internal.h"

/* The header of a database, as far as it matters here (sqlite.org/fileformat2.html, 1.3). */
#define HEADER_OCTETS    100
#define HEADER_RESERVED  20
#define HEADER_COUNTER   24
#define HEADER_PAGES     28
#define HEADER_VERSION   60
#define HEADER_VALID_FOR 92
#define PAGE_OCTETS      STATE_PAGE_OCTETS
#define PAGES_AT_ONCE    64

/* ---- the checksum ---- */

/* FNV-1a over words of eight octets, turned after each, so that any change of one word shows
 * and no two can hide each other but by chance. */
static uint64_t sum_of(const uint8_t *page, uint64_t place)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ place, word;

	for (size_t i = 0; i < PAGE_OCTETS - STATE_SUM_OCTETS; i += sizeof(word)) {
		memcpy(&word, page + i, sizeof(word));
		h = (h ^ le64toh(word)) * UINT64_C(0x100000001b3);
		h = h << 29 | h >> 35;
	}
	return htole64(h);
}

static bool is_right(const uint8_t *page, uint64_t place)
{
	uint64_t sum = sum_of(page, place);

	return memcmp(page + PAGE_OCTETS - STATE_SUM_OCTETS, &sum, sizeof(sum)) == 0;
}

/* ---- the file system that SQLite sees ---- */

/* Behind the file object of the usual VFS, which stays what it is but for its table. */
struct tail {
	sqlite3_io_methods methods;
	const sqlite3_io_methods *usual;
	bool has_sums;
};

static sqlite3_vfs *usual, vfs;

static struct tail *tail_of(sqlite3_file *f)
{
	return (struct tail *)((char *)f + vfs.szOsFile - sizeof(struct tail));
}

static void note_header(struct tail *t, const uint8_t *p, int n, sqlite3_int64 at)
{
	if (at == 0 && n >= HEADER_OCTETS)
		t->has_sums = p[HEADER_RESERVED] == STATE_SUM_OCTETS;
}

static int read_and_look(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	struct tail *t = tail_of(f);
	int rc = t->usual->xRead(f, p, n, at);

	if (rc != SQLITE_OK)
		return rc;
	note_header(t, p, n, at);
	if (n == PAGE_OCTETS && t->has_sums && !is_right(p, (uint64_t)at))
		return SQLITE_IOERR_DATA;
	return SQLITE_OK;
}

static int sum_and_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	struct tail *t = tail_of(f);
	uint8_t page[PAGE_OCTETS];

	note_header(t, p, n, at);
	if (n == PAGE_OCTETS && t->has_sums) {
		uint64_t sum = sum_of(p, (uint64_t)at);

		memcpy(page, p, sizeof(page));
		memcpy(page + PAGE_OCTETS - STATE_SUM_OCTETS, &sum, sizeof(sum));
		p = page;
	}
	return t->usual->xWrite(f, p, n, at);
}

static int open_file(sqlite3_vfs *unused, const char *name, sqlite3_file *f, int flags,
		     int *ret_flags)
{
	int rc = usual->xOpen(usual, name, f, flags, ret_flags);
	struct tail *t = tail_of(f);

	if (rc != SQLITE_OK || !(flags & SQLITE_OPEN_MAIN_DB))
		return rc;
	*t = (struct tail){.methods = *f->pMethods, .usual = f->pMethods};
	t->methods.xRead = read_and_look;
	t->methods.xWrite = sum_and_write;
	f->pMethods = &t->methods;
	return SQLITE_OK;
}

static void make_vfs(void)
{
	usual = sqlite3_vfs_find(NULL);
	if (!usual)
		return;
	vfs = *usual;
	vfs.zName = "mailmig";
	vfs.szOsFile = (int)((size_t)(usual->szOsFile + 15) / 16 * 16 + sizeof(struct tail));
	vfs.xOpen = open_file;
	(void)sqlite3_vfs_register(&vfs, 0); /* without it nothing can be opened */
}

const char *state_vfs(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, make_vfs);
	return "mailmig";
}

/* ---- the file at rest ---- */

static uint32_t number_at(const uint8_t *header, size_t at)
{
	uint32_t n;

	memcpy(&n, header + at, sizeof(n));
	return be32toh(n);
}

static int check_all(int fd, const struct state_rest *rest)
{
	static uint8_t pages[PAGES_AT_ONCE * PAGE_OCTETS];
	uint64_t size = rest->pages * (uint64_t)PAGE_OCTETS, at = 0;

	if (size == 0 || size > rest->size)
		return -EPROTO;
	while (at < size) {
		size_t want = (size_t)MIN_OF(size - at, sizeof(pages));
		ssize_t k = pread(fd, pages, want, (off_t)at);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		if (k < PAGE_OCTETS)
			return -EPROTO; /* it was longer when it was opened */
		for (size_t i = 0; i + PAGE_OCTETS <= (size_t)k;
		     i += PAGE_OCTETS, at += PAGE_OCTETS)
			if (!is_right(pages + i, at))
				return -EPROTO;
	}
	return 0;
}

static int read_header(int fd, struct state_rest *rest)
{
	uint8_t header[HEADER_OCTETS];
	ssize_t k = pread(fd, header, sizeof(header), 0);

	if (k < 0)
		return -errno;
	if (k < HEADER_OCTETS || memcmp(header, "SQLite format 3", 16) != 0)
		return -EPROTO;
	rest->has_sums = header[HEADER_RESERVED] == STATE_SUM_OCTETS;
	rest->user_version = number_at(header, HEADER_VERSION);
	rest->pages = number_at(header, HEADER_PAGES);
	if (number_at(header, HEADER_COUNTER) != number_at(header, HEADER_VALID_FOR))
		rest->pages = (uint32_t)(rest->size / PAGE_OCTETS); /* an old SQLite wrote it */
	return 0;
}

int state_look_at_rest(const char *path, const char *wal, struct state_rest *ret)
{
	_cleanup_(closep) int fd = -1;
	struct state_rest rest = {0};
	struct stat st;
	int r;

	if (lstat(wal, &st) == 0) {
		if (!S_ISREG(st.st_mode))
			return -EPROTO;
		rest.has_wal = st.st_size > 0;
	}
	if (lstat(path, &st) < 0) {
		*ret = (struct state_rest){0};
		return errno == ENOENT ? 0 : -errno;
	}
	if (!S_ISREG(st.st_mode))
		return -EPROTO;
	rest.size = (uint64_t)st.st_size;
	if (rest.size > 0) {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			return -errno;
		r = read_header(fd, &rest);
		/* What a log replaces may have been written by half. */
		if (r == 0 && rest.has_sums && !rest.has_wal)
			r = check_all(fd, &rest);
		if (r < 0)
			return r;
	}
	*ret = rest;
	return 0;
}
