/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a program: makes the n-th call of some kinds fail, or shows it another time.
 *
 * FAILAT_PROGRAM: the name of the only program that is meant; what it starts is not, and
 *                 nothing fails before its main().
 * FAILAT_CALL:    which calls: "alloc" is malloc() and its relatives, or names of the functions
 *                 below between commas ("write,pwrite").
 * FAILAT_SKIP:    a library, as "libconfig.so", whose own allocations never fail: one that
 * cannot bear it. FAILAT_PATH:    of those on files, only where the path contains this.
 * FAILAT_N:       the n-th such call fails, from 1; 0: none, only count.
 * FAILAT_ON:      all after it fail too.
 * FAILAT_ERRNO:   the number of the error; -1: a write or read of half of the octets.
 * FAILAT_COUNT:   a file that gets the number of calls, as text, at the end of the program.
 * FAILAT_CLOCK:   a file of two 64-bit numbers: seconds that CLOCK_REALTIME and CLOCK_BOOTTIME
 *                 are ahead, which may change at any time.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <link.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define CALLS(X)                                                                               \
	X(alloc)                                                                               \
	X(open)                                                                                \
	X(read)                                                                                \
	X(pread)                                                                               \
	X(write) X(pwrite) X(fsync) X(fdatasync) X(ftruncate) X(rename) X(mkdir) X(unlink)

#define NUMBER(name) CALL_##name,
enum call { CALLS(NUMBER) N_CALLS };

#define NAME(name) #name,
static const char *const names[] = {CALLS(NAME)};

static bool chosen[N_CALLS]; /* from the beginning of main() on */
static unsigned long fail_at;
static bool fail_on;
static int fail_errno = ENOMEM;
static const char *fail_path;
static uintptr_t skip_from, skip_to; /* addresses of that library */
static _Atomic unsigned long calls;
static const _Atomic int64_t *ahead;

/* ---- beginning and end ---- */

static unsigned long number(const char *name, unsigned long none)
{
	const char *s = getenv(name);

	return s ? strtoul(s, NULL, 10) : none;
}

static int find_skipped(struct dl_phdr_info *info, size_t size, void *userdata)
{
	if (!strstr(info->dlpi_name, userdata))
		return 0;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_LOAD && p->p_flags & PF_X) {
			skip_from = info->dlpi_addr + p->p_vaddr;
			skip_to = skip_from + p->p_memsz;
		}
	}
	return 1;
}

static void begin(void)
{
	const char *program = getenv("FAILAT_PROGRAM"), *s = getenv("FAILAT_CALL");
	const char *clock_file = getenv("FAILAT_CLOCK");

	if (clock_file) {
		int fd = open(clock_file, O_RDONLY | O_CLOEXEC);
		void *p = mmap(NULL, 16, PROT_READ, MAP_SHARED, fd, 0);

		if (fd < 0 || p == MAP_FAILED)
			abort();
		(void)close(fd);
		ahead = p;
	}
	if (program && strcmp(program, program_invocation_short_name) != 0)
		return;

	fail_at = number("FAILAT_N", 0);
	fail_on = number("FAILAT_ON", 0) != 0;
	fail_errno = (int)number("FAILAT_ERRNO", ENOMEM);
	fail_path = getenv("FAILAT_PATH");
	if (getenv("FAILAT_SKIP"))
		(void)dl_iterate_phdr(find_skipped, getenv("FAILAT_SKIP"));
	while (s && *s) {
		size_t n = strcspn(s, ",");

		for (size_t i = 0; i < N_CALLS; i++)
			if (strlen(names[i]) == n && memcmp(names[i], s, n) == 0)
				chosen[i] = true;
		s += n + (s[n] == ',');
	}
}

static int (*real_main)(int, char **, char **);

static int our_main(int argc, char **argv, char **envp)
{
	begin();
	return real_main(argc, argv, envp);
}

typedef int (*main_fn)(int, char **, char **);
typedef int (*start_fn)(main_fn, int, char **, void (*)(void), void (*)(void), void (*)(void),
			void *);

int __libc_start_main(main_fn, int, char **, void (*)(void), void (*)(void), void (*)(void),
		      void *);

int __libc_start_main(main_fn m, int argc, char **argv, void (*init)(void), void (*fini)(void),
		      void (*rtld_fini)(void), void *stack_end)
{
	start_fn real = (start_fn)dlsym(RTLD_NEXT, "__libc_start_main");

	real_main = m;
	return real(our_main, argc, argv, init, fini, rtld_fini, stack_end);
}

__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("FAILAT_COUNT"), *program = getenv("FAILAT_PROGRAM");
	FILE *f;

	if (!path || (program && strcmp(program, program_invocation_short_name) != 0))
		return;
	memset(chosen, 0, sizeof(chosen));
	f = fopen(path, "we");
	if (f) {
		fprintf(f, "%lu\n", atomic_load(&calls));
		fclose(f);
	}
}

/* ---- the decision ---- */

static _Thread_local bool spared;

static bool fails(enum call c)
{
	unsigned long n;

	if (!chosen[c] || spared)
		return false;
	n = atomic_fetch_add(&calls, 1) + 1;
	if (fail_at == 0 || n < fail_at || (n > fail_at && !fail_on))
		return false;
	if (fail_errno > 0)
		errno = fail_errno;
	return true;
}

static bool fails_at(enum call c, const char *path)
{
	return chosen[c] && (!fail_path || strstr(path, fail_path)) && fails(c);
}

static bool fails_on(enum call c, int fd)
{
	char name[40], path[PATH_MAX];
	ssize_t n;

	if (!chosen[c])
		return false;
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	n = readlink(name, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	return fails_at(c, path);
}

#define REAL(type, name, parameters)                                                           \
	static type(*real) parameters;                                                         \
                                                                                               \
	if (!real)                                                                             \
	real = (type(*) parameters)dlsym(RTLD_NEXT, #name)

/* ---- memory: by glibc's own names, since dlsym() itself allocates ---- */

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t k, size_t n);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t align, size_t n);

static bool no_memory(const void *caller)
{
	uintptr_t at = (uintptr_t)caller;

	return chosen[CALL_alloc] && !(at >= skip_from && at < skip_to) && fails(CALL_alloc);
}

#define NO_MEMORY no_memory(__builtin_return_address(0))

void *malloc(size_t n)
{
	return NO_MEMORY ? NULL : __libc_malloc(n);
}

void *calloc(size_t k, size_t n)
{
	return NO_MEMORY ? NULL : __libc_calloc(k, n);
}

void *realloc(void *p, size_t n)
{
	return NO_MEMORY ? NULL : __libc_realloc(p, n);
}

void *reallocarray(void *p, size_t k, size_t n)
{
	size_t all;

	if (__builtin_mul_overflow(k, n, &all) || NO_MEMORY) {
		errno = ENOMEM;
		return NULL;
	}
	return __libc_realloc(p, all);
}

int posix_memalign(void **ret, size_t align, size_t n)
{
	void *p = NO_MEMORY ? NULL : __libc_memalign(align, n);

	if (!p)
		return ENOMEM;
	*ret = p;
	return 0;
}

void *aligned_alloc(size_t align, size_t n)
{
	return NO_MEMORY ? NULL : __libc_memalign(align, n);
}

/* Here so that its caller is seen; under both its names. */
char *strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *p = NO_MEMORY ? NULL : __libc_malloc(n);

	return p ? memcpy(p, s, n) : NULL;
}
__attribute__((alias("strdup"))) char *__strdup(const char *s);

/* glibc 2.36 itself crashes when it finds no memory for what nsswitch.conf says. */
struct group *getgrnam(const char *name)
{
	REAL(struct group *, getgrnam, (const char *));
	struct group *found;

	spared = true;
	found = real(name);
	spared = false;
	return found;
}

/* ---- files ---- */

#define OPEN(name)                                                                             \
	int name(const char *path, int flags, ...)                                             \
	{                                                                                      \
		REAL(int, name, (const char *, int, ...));                                     \
		va_list ap;                                                                    \
		mode_t mode;                                                                   \
                                                                                               \
		va_start(ap, flags);                                                           \
		mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, mode_t) : 0;               \
		va_end(ap);                                                                    \
		return fails_at(CALL_open, path) ? -1 : real(path, flags, mode);               \
	}
OPEN(open)
OPEN(open64)

/* Half of the octets, and at least one; none but the error otherwise. */
#define MOVE(type, name, call, declared, octets, ...)                                          \
	type name declared                                                                     \
	{                                                                                      \
		REAL(type, name, declared);                                                    \
                                                                                               \
		if (!fails_on(call, fd))                                                       \
			return real(__VA_ARGS__);                                              \
		if (fail_errno > 0)                                                            \
			return -1;                                                             \
		octets = (octets + 1) / 2;                                                     \
		return real(__VA_ARGS__);                                                      \
	}
MOVE(ssize_t, read, CALL_read, (int fd, void *p, size_t n), n, fd, p, n)
MOVE(ssize_t, write, CALL_write, (int fd, const void *p, size_t n), n, fd, p, n)
MOVE(ssize_t, pread, CALL_pread, (int fd, void *p, size_t n, off_t at), n, fd, p, n, at)
MOVE(ssize_t, pread64, CALL_pread, (int fd, void *p, size_t n, off64_t at), n, fd, p, n, at)
MOVE(ssize_t, pwrite, CALL_pwrite, (int fd, const void *p, size_t n, off_t at), n, fd, p, n, at)
MOVE(ssize_t, pwrite64, CALL_pwrite, (int fd, const void *p, size_t n, off64_t at), n, fd, p, n,
     at)

#define SIMPLE(name, test, declared, ...)                                                      \
	int name declared                                                                      \
	{                                                                                      \
		REAL(int, name, declared);                                                     \
                                                                                               \
		return test ? -1 : real(__VA_ARGS__);                                          \
	}
SIMPLE(fsync, fails_on(CALL_fsync, fd), (int fd), fd)
SIMPLE(fdatasync, fails_on(CALL_fdatasync, fd), (int fd), fd)
SIMPLE(ftruncate, fails_on(CALL_ftruncate, fd), (int fd, off_t size), fd, size)
SIMPLE(ftruncate64, fails_on(CALL_ftruncate, fd), (int fd, off64_t size), fd, size)
SIMPLE(rename, fails_at(CALL_rename, to), (const char *from, const char *to), from, to)
SIMPLE(mkdir, fails_at(CALL_mkdir, path), (const char *path, mode_t mode), path, mode)
SIMPLE(unlink, fails_at(CALL_unlink, path), (const char *path), path)

/* ---- clocks ---- */

int clock_gettime(clockid_t id, struct timespec *ts)
{
	REAL(int, clock_gettime, (clockid_t, struct timespec *));
	int r = real(id, ts);

	if (r == 0 && ahead && (id == CLOCK_REALTIME || id == CLOCK_BOOTTIME))
		ts->tv_sec += (time_t)atomic_load(&ahead[id == CLOCK_BOOTTIME]);
	return r;
}

int gettimeofday(struct timeval *tv, void *zone)
{
	struct timespec ts;
	int r = clock_gettime(CLOCK_REALTIME, &ts);

	*tv = (struct timeval){.tv_sec = ts.tv_sec, .tv_usec = ts.tv_nsec / 1000};
	return r;
}

time_t time(time_t *ret)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_REALTIME, &ts) < 0)
		return (time_t)-1;
	if (ret)
		*ret = ts.tv_sec;
	return ts.tv_sec;
}
