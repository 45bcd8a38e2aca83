/* SPDX-License-Identifier: Apache-2.0 */
/* The state directory and its disk. */
#include <dirent.h>
#include <fcntl.h>
#include <mailmig/buf.h>
#include <mailmig/fs.h>
#include <mailmig/parse.h>
#include <mailmig/text.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "check_internal.h"

#define SERVICE_USER    "mailmig"
#define LEFTOVERS_SHOWN 5

static void check_make_dir(struct checks *c, const struct job *job, int error)
{
	struct check_line l;

	check_begin(&l, CHECK_FAIL, NULL, "state directory", "%s: %s", job->state_dir,
		    strerror(error));
	check_advise(
		&l, "mailmigd makes it when it may; by hand: install -d -m 0700 -o %s -g %s %s",
		SERVICE_USER, SERVICE_USER, job->state_dir);
	check_end(c, &l, mm_class_exit_code(MM_CLASS_LOCAL));
}

/* ---- leftovers ---- */

struct leftovers {
	struct buf names;
	size_t n;
};

/* Set aside after damage, by state and history: kept for a person to look at. */
static bool is_set_aside(const char *name)
{
	return strstr(name, ".db.damaged-") != NULL;
}

/* Files for large messages are unlinked as soon as they are made. */
static bool is_any(const char *name)
{
	return strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static void look_into(struct leftovers *o, const char *state_dir, const char *sub,
		      bool (*is_leftover)(const char *name))
{
	_cleanup_(freep) char *path = text_fmt("%s%s", state_dir, sub);
	const struct dirent *entry;
	DIR *d = path ? opendir(path) : NULL;

	while (d && (entry = readdir(d))) {
		if (!is_leftover(entry->d_name))
			continue;
		if (o->n++ < LEFTOVERS_SHOWN)
			(void)buf_addf(&o->names, " %s/%s", path, entry->d_name);
	}
	if (d)
		(void)closedir(d);
}

static void check_leftovers(struct checks *c, const struct job *job)
{
	struct leftovers o = {0};
	struct check_line l;

	look_into(&o, job->state_dir, "", is_set_aside);
	look_into(&o, job->state_dir, "/accounts", is_set_aside);
	look_into(&o, job->state_dir, "/spool", is_any);
	if (o.n > 0) {
		check_begin(&l, CHECK_WARN, NULL, "leftovers",
			    "%zu file%s set aside or forgotten, nothing needs them", o.n,
			    o.n == 1 ? "" : "s");
		check_advise(&l, "look, then: rm%s%s", buf_str(&o.names),
			     o.n > LEFTOVERS_SHOWN ? " ..." : "");
		check_end(c, &l, 0);
	} else {
		check_fine(c, NULL, "leftovers", "none");
	}
	buf_done(&o.names);
}

/* ---- the directory ---- */

/* Whose it should be: ours, or of the service when root looks. Without its usual user the
 * service is who the directory belongs to. */
static bool is_owner_right(const struct stat *st)
{
	const struct passwd *service;

	if (st->st_uid == geteuid())
		return true;
	if (geteuid() != 0)
		return false;
	service = getpwnam(SERVICE_USER);
	return !service || st->st_uid == service->pw_uid;
}

/* A run by hand as root leaves files that the service cannot write. */
static void check_owners(struct checks *c, const struct job *job, uid_t owner)
{
	_cleanup_(freep) char *path = text_fmt("%s/accounts", job->state_dir);
	DIR *d = path ? opendir(path) : NULL;
	const struct dirent *entry;
	struct check_line l;
	struct stat st;
	size_t n = 0;

	while (d && (entry = readdir(d)))
		n += is_any(entry->d_name) &&
		     fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		     st.st_uid != owner;
	if (d)
		(void)closedir(d);
	if (n == 0)
		return;
	check_begin(&l, CHECK_FAIL, NULL, "state files",
		    "%zu file%s in %s not of its owner: the service cannot write there", n,
		    n == 1 ? " is" : "s are", path);
	check_advise(&l, "chown -R --reference=%s %s", job->state_dir, path);
	check_end(c, &l, mm_class_exit_code(MM_CLASS_LOCAL));
}

void check_state_dir(struct checks *c, const struct job *job)
{
	struct check_line l;
	struct stat st;

	if (stat(job->state_dir, &st) < 0) {
		check_make_dir(c, job, errno);
		return;
	}
	if (!S_ISDIR(st.st_mode)) {
		check_make_dir(c, job, ENOTDIR);
		return;
	}

	if (!is_owner_right(&st) || access(job->state_dir, R_OK | W_OK | X_OK) < 0) {
		check_begin(&l, CHECK_FAIL, NULL, "state directory",
			    "%s does not belong to the user of the service", job->state_dir);
		check_advise(&l, "chown -R %s:%s %s", SERVICE_USER, SERVICE_USER,
			     job->state_dir);
		check_end(c, &l, mm_class_exit_code(MM_CLASS_LOCAL));
	} else if (st.st_mode & (S_IWGRP | S_IRWXO)) {
		check_begin(&l, CHECK_WARN, NULL, "state directory",
			    "%s has mode %04o: others can look at it", job->state_dir,
			    (unsigned)(st.st_mode & 07777));
		check_advise(&l, "chmod 0700 %s", job->state_dir);
		check_end(c, &l, 0);
	} else {
		check_fine(c, NULL, "state directory", "%s", job->state_dir);
	}
	check_owners(c, job, st.st_uid);
	check_leftovers(c, job);
}

void check_disk(struct checks *c, const struct job *job)
{
	char have[32], need[32];
	struct check_line l;
	uint64_t bytes = 0;
	int r;

	r = fs_free_bytes(job->state_dir, &bytes);
	if (r < 0) {
		if (*job->account) /* else said of the directory already */
			check_make_dir(c, job, -r);
		return;
	}
	(void)format_size(have, sizeof(have), bytes);
	(void)format_size(need, sizeof(need), job->min_free_bytes);
	check_begin(&l, bytes < job->min_free_bytes ? CHECK_FAIL : CHECK_OK, NULL, "disk",
		    "%s free for %s, min_free is %s", have, job->state_dir, need);
	if (l.result == CHECK_FAIL)
		check_advise(&l,
			     "free space there, or lower min_free: du -xh %s | sort -h | tail",
			     job->state_dir);
	check_end(c, &l, mm_class_exit_code(MM_CLASS_SAFETY));
}
