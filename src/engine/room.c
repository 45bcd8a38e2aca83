/* SPDX-License-Identifier: Apache-2.0 */
/* The destination's quota against what is to be copied: before a run, so that it does not fill
 * a mailbox in vain, and when one has filled it. */
#include <mailmig/parse.h>
#include <stdio.h>

#include "refused.h"

/* Quotas are told in units of 1024 octets, rounded one way or the other. */
#define ROUNDING 1024

struct need {
	uint64_t messages, bytes;
	bool sized; /* octets of all of them are known */
};

static uint64_t beyond(uint64_t here, uint64_t there)
{
	return here > there ? here - there : 0;
}

/* Messages of the pair that are neither there nor refused. */
static int add_need(struct engine *e, const struct pair *p, struct need *n,
		    struct mm_err *reterr)
{
	const struct folder_status *o = &p->origin_status;
	uint64_t messages = 0, bytes = 0;
	int r;

	r = state_count_settled(e->state, p->sf.id, &messages, &bytes, reterr);
	if (r < 0)
		return r;
	n->messages += beyond(o->messages, messages);
	n->bytes += beyond(o->bytes, bytes);
	n->sized = n->sized && (o->bytes > 0 || o->messages == 0);
	return 0;
}

/* Somebody else's mail in the folder may be what is to be copied: only a look would tell. */
static bool is_certain(const struct pair *p)
{
	/* Of all mail only what is in no other folder. */
	return p->labels ? false
			 : !p->exists || p->sf.origin_uidvalidity != 0 ||
				   (p->destination_status.known &&
				    p->destination_status.messages == 0);
}

/* What has to be copied at least. */
static int least(struct engine *e, struct need *ret, struct mm_err *reterr)
{
	*ret = (struct need){.sized = true};
	for (size_t i = 0; i < e->n_pairs; i++) {
		const struct pair *p = &e->pairs[i];
		int r = 0;

		if (!p->unchanged && p->place != PAIR_DONE && is_certain(p))
			r = add_need(e, p, ret, reterr);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Does the origin have more than the destination in any folder? */
static bool may_need_room(const struct engine *e)
{
	for (size_t i = 0; i < e->n_pairs; i++) {
		const struct pair *p = &e->pairs[i];

		if (!p->unchanged && p->place != PAIR_DONE &&
		    p->origin_status.messages >
			    (p->exists ? p->destination_status.messages : 0))
			return true;
	}
	return false;
}

static void describe(const struct lane *l, const struct need *n, const struct store_room *room,
		     struct mm_err *reterr)
{
	char need[32], have[32], missing[32];

	if (n->bytes > room->bytes)
		mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, -EDQUOT,
			   "%s: %s have to be copied, the quota leaves %s: %s are missing",
			   store_label(l->destination),
			   format_size(need, sizeof(need), n->bytes),
			   format_size(have, sizeof(have), room->bytes),
			   format_size(missing, sizeof(missing), n->bytes - room->bytes));
	else
		mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, -EDQUOT,
			   "%s: %llu messages have to be copied, the quota leaves %llu",
			   store_label(l->destination), (unsigned long long)n->messages,
			   (unsigned long long)room->messages);
	mm_err_class(reterr, MM_CLASS_QUOTA,
		     "nothing was copied: make room in this mailbox or raise its quota, then "
		     "run again");
}

static bool fits(const struct need *n, const struct store_room *room)
{
	return n->bytes <= room->bytes + MIN_OF(UINT64_MAX - room->bytes, ROUNDING) &&
	       n->messages <= room->messages;
}

int room_check(struct lane *l, struct mm_err *reterr)
{
	struct engine *e = l->engine;
	struct store_features f;
	struct store_room room;
	struct need n;
	int r;

	store_features(l->destination, &f);
	if (f.merges || !may_need_room(e) || (e->select.active && !e->job->dry_run))
		return 0;
	r = store_room(l->destination, "INBOX", &room, reterr);
	/* Which messages the rules choose is known when the folders were looked at. */
	if (r == 0 && e->select.active) {
		e->plan_room = room;
		return 0;
	}
	if (r < 0 || (room.bytes == UINT64_MAX && room.messages == UINT64_MAX))
		return r;
	r = least(e, &n, reterr);
	if (r < 0 || fits(&n, &room))
		return r;
	if (e->job->dry_run) {
		describe(l, &n, &room, &e->lack); /* told when everything else was */
		return 0;
	}
	describe(l, &n, &room, reterr);
	return -EDQUOT;
}

void room_check_plan(struct engine *e)
{
	struct need n = {.sized = true};

	if (!e->job->dry_run || !e->select.active || !e->lanes[0].destination)
		return;
	for (size_t i = 0; i < e->n_pairs; i++) {
		n.messages += e->pairs[i].copied;
		n.bytes += e->pairs[i].bytes;
	}
	if (!fits(&n, &e->plan_room))
		describe(&e->lanes[0], &n, &e->plan_room, &e->lack);
}

void room_advise(struct engine *e, struct mm_err *err)
{
	struct need n = {.sized = true};
	struct mm_err ignored; /* the run ends anyway, and for another reason */
	char size[32];
	int r = 0;

	for (size_t i = 0; i < e->n_pairs && r == 0; i++)
		if (!e->pairs[i].unchanged && e->pairs[i].sf.id)
			r = add_need(e, &e->pairs[i], &n, &ignored);
	if (r < 0 || n.messages == 0 || e->select.active) /* how many the rules choose */
		return;
	(void)format_size(size, sizeof(size), n.bytes);
	mm_err_class(err, err->cls,
		     "%s%s%llu message%s left to copy: make room in this mailbox or raise its "
		     "quota, then run again",
		     n.sized ? size : "", n.sized ? " in " : "", (unsigned long long)n.messages,
		     n.messages == 1 ? " is" : "s are");
}
