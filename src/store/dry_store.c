/* SPDX-License-Identifier: Apache-2.0 */
/* The destination of a dry run: reading is passed on, writing only seems to happen. A folder
 * that would have been made is an empty one. */
#include <mailmig/text.h>
#include <string.h>

#include "store_internal.h"

struct dry_store {
	struct store head;
	struct store *inner;
	char **made; /* folders that seem to exist */
	size_t n_made;
	bool in_made; /* the folder entered is one of them */
};

static struct dry_store *self(const struct store *s)
{
	return (struct dry_store *)s;
}

static bool is_made(const struct dry_store *d, const char *raw)
{
	for (size_t i = 0; i < d->n_made; i++)
		if (strcmp(d->made[i], raw) == 0)
			return true;
	return false;
}

static int do_open(struct store *s, struct mm_err *reterr)
{
	return store_open(self(s)->inner, reterr);
}

static int do_join(struct store *s)
{
	return store_join(self(s)->inner);
}

static void do_free(struct store *s)
{
	struct dry_store *d = self(s);

	store_free(d->inner);
	for (size_t i = 0; i < d->n_made; i++)
		free(d->made[i]);
	free(d->made);
	free(d);
}

static void do_features(const struct store *s, struct store_features *ret)
{
	store_features(self(s)->inner, ret);
	ret->discards = true;
}

static uint64_t do_round_trips(const struct store *s)
{
	return store_round_trips(self(s)->inner);
}

static const char *do_label(const struct store *s)
{
	return store_label(self(s)->inner);
}

static bool do_usable(const struct store *s)
{
	return store_usable(self(s)->inner);
}

static int do_list(struct store *s, bool with_size, struct folder_list *ret,
		   struct mm_err *reterr)
{
	return store_list(self(s)->inner, with_size, ret, reterr);
}

static int do_local_name(const struct store *s, const char *canonical, struct buf *raw)
{
	return store_local_name(self(s)->inner, canonical, raw);
}

static int do_make_folders(struct store *s, struct store_make *v, size_t n,
			   struct mm_err *reterr)
{
	struct dry_store *d = self(s);
	char **made = realloc(d->made, (d->n_made + n + 1) * sizeof(*made));

	if (!made)
		return mm_err_oom(reterr);
	d->made = made;
	for (size_t i = 0; i < n; i++) {
		if (!v[i].create)
			continue;
		made[d->n_made] = text_dup(v[i].raw);
		if (!made[d->n_made])
			return mm_err_oom(reterr);
		d->n_made++;
	}
	return 0;
}

static int do_room(struct store *s, const char *raw, struct store_room *ret,
		   struct mm_err *reterr)
{
	return store_room(self(s)->inner, raw, ret, reterr);
}

static int do_enter_begin(struct store *s, const char *raw, bool write, struct mm_err *reterr)
{
	struct dry_store *d = self(s);

	d->in_made = is_made(d, raw);
	return d->in_made ? 0 : store_enter_begin(d->inner, raw, false, reterr);
}

static int do_enter_end(struct store *s, struct store_folder *ret, struct mm_err *reterr)
{
	struct dry_store *d = self(s);

	if (!d->in_made) {
		int r = store_enter_end(d->inner, ret, reterr);

		/* A folder opened for reading alone keeps no flag at all: that tells nothing.
		 */
		if (r == 0) {
			free(ret->permanent_flags);
			ret->permanent_flags = NULL;
		}
		return r;
	}
	*ret = (struct store_folder){.status = {.uidvalidity = 1, .uidnext = 1, .known = true},
				     .uids_last = true};
	return 0;
}

static int do_read(struct store *s, const char *set, unsigned want, uint64_t changed_since,
		   struct mm_err *reterr)
{
	struct dry_store *d = self(s);

	return d->in_made ? 0 : d->inner->ops->read(d->inner, set, want, changed_since, reterr);
}

static int do_read_next(struct store *s, struct message *ret, struct mm_err *reterr)
{
	struct dry_store *d = self(s);

	return d->in_made ? 0 : store_read_next(d->inner, ret, reterr);
}

static size_t do_reads(const struct store *s)
{
	return self(s)->in_made ? 0 : store_reads(self(s)->inner);
}

/* Nobody searches a destination; what is there could be found, though. */
static int do_search_begin(struct store *s, const struct store_search *what,
			   struct mm_err *reterr)
{
	struct dry_store *d = self(s);

	return d->in_made ? 0 : store_search_begin(d->inner, what, reterr);
}

static int do_search_end(struct store *s, struct seqset *found, struct mm_err *reterr)
{
	return self(s)->in_made ? 0 : store_search_end(self(s)->inner, found, reterr);
}

/* The engine asks features.discards before it downloads anything to put. */
static int do_put_begin(struct store *s, const char *raw, const struct message *v, size_t n,
			struct mm_err *reterr)
{
	return mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_NEVER, -EPERM,
			  "a dry run writes nothing");
}

static int do_put_end(struct store *s, struct store_put *ret, struct mm_err *reterr)
{
	return do_put_begin(s, "", NULL, 0, reterr);
}

static int do_sizes_begin(struct store *s, const char *set, struct mm_err *reterr)
{
	return 0;
}

static int do_sizes_end(struct store *s, store_size_fn fn, void *userdata,
			struct mm_err *reterr)
{
	return 0;
}

static int do_flags_begin(struct store *s, const char *set, bool add, const char *flags,
			  struct mm_err *reterr)
{
	return 0;
}

static int do_flags_end(struct store *s, struct mm_err *reterr)
{
	return 0;
}

static int do_remove(struct store *s, const char *set, struct mm_err *reterr)
{
	return do_put_begin(s, "", NULL, 0, reterr);
}

static const struct store_ops dry_store_ops = {
	.open = do_open,
	.join = do_join,
	.free = do_free,
	.features = do_features,
	.round_trips = do_round_trips,
	.label = do_label,
	.usable = do_usable,
	.list = do_list,
	.local_name = do_local_name,
	.make_folders = do_make_folders,
	.room = do_room,
	.enter_begin = do_enter_begin,
	.enter_end = do_enter_end,
	.read = do_read,
	.read_next = do_read_next,
	.reads = do_reads,
	.search_begin = do_search_begin,
	.search_end = do_search_end,
	.put_begin = do_put_begin,
	.put_end = do_put_end,
	.sizes_begin = do_sizes_begin,
	.sizes_end = do_sizes_end,
	.flags_begin = do_flags_begin,
	.flags_end = do_flags_end,
	.remove = do_remove,
};

int store_new_dry(struct store *inner, struct store **ret)
{
	struct dry_store *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->head.ops = &dry_store_ops;
	d->inner = inner;
	*ret = &d->head;
	return 0;
}
