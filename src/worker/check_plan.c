/* SPDX-License-Identifier: Apache-2.0 */
/* What the two servers have to do with each other: where the folders go, and whether what is to
 * be copied has room. */
#include <mailmig/engine.h>
#include <mailmig/parse.h>
#include <mailmig/selection.h>
#include <mailmig/text.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check_internal.h"

/* What the map of the folders comes to. */
struct tally {
	size_t n, n_new, n_refused, n_omitted;
	struct mm_err refused; /* of the first that would not be copied */
	size_t n_notes;
	char note[512]; /* the first warning */
	/* At least: what is at the origin beyond what lies in the folder of the same place. */
	uint64_t least_bytes, least_messages;
	uint64_t most_bytes, most_messages; /* all of it */
	bool chosen; /* by rules: how many is known when they were looked at */
};

static uint64_t beyond(uint64_t here, uint64_t there)
{
	return here > there ? here - there : 0;
}

static void count_place(void *userdata, const struct engine_place *p)
{
	static const struct folder_status none = {0};
	const struct folder_status *there = p->at_destination ? p->at_destination : &none;
	struct tally *t = userdata;

	if (p->omit) {
		t->n_omitted++;
		return;
	}
	if (p->refused) {
		if (t->n_refused++ == 0)
			t->refused = *p->refused;
		return;
	}
	t->n++;
	if (p->rest) /* most of it is in other folders */
		return;
	t->n_new += !p->at_destination;
	t->most_bytes += p->at_origin->bytes;
	t->most_messages += p->at_origin->messages;
	t->least_bytes += beyond(p->at_origin->bytes, there->bytes);
	t->least_messages += beyond(p->at_origin->messages, there->messages);
}

static void count_note(void *userdata, const char *text)
{
	struct tally *t = userdata;

	if (t->n_notes++ == 0)
		(void)text_clean(t->note, sizeof(t->note), text, strlen(text));
}

static void add(struct check_line *l, const char *text)
{
	_cleanup_(freep) char *more = text_fmt("; %s", text);
	size_t used = strlen(l->text);

	if (more)
		(void)text_clean(l->text + used, sizeof(l->text) - used, more, strlen(more));
}

static void check_map(struct checks *c, const struct job *job, const struct tally *t)
{
	bool cannot = t->n_new > 0 && !job->folders.create;
	bool warn = cannot || t->n_refused > 0 || t->n_notes > 0;
	char left_out[64];
	struct check_line l;

	check_begin(&l, warn ? CHECK_WARN : CHECK_OK, NULL, "folder map",
		    "%zu folder%s, %zu %s at the destination", t->n, t->n == 1 ? "" : "s",
		    t->n_new, cannot ? "missing" : "to be created");
	if (t->n_omitted > 0) {
		(void)snprintf(left_out, sizeof(left_out), "%zu left out", t->n_omitted);
		add(&l, left_out);
	}
	if (t->n_refused > 0) {
		add(&l, t->refused.text);
		check_advise(&l, "%s; ", t->refused.advice);
	}
	if (t->n_notes > 0)
		add(&l, t->note);
	if (cannot)
		check_advise(&l, "create them there, or set folders.create = true; ");
	if (warn)
		check_advise(&l, "the whole map: mailmigctl plan %s", job->account);
	check_end(c, &l, 0);
}

/* Has any run of the account begun to copy? Then what is at the destination may be its work. */
static bool is_begun(const struct job *job)
{
	_cleanup_(freep) char *path =
		text_fmt("%s/accounts/%s.db", job->state_dir, job->account);

	return !path || access(path, F_OK) == 0;
}

/* Limit against need: a fault when even the least does not fit. */
static enum check_result judge(bool limited, uint64_t used, uint64_t limit, uint64_t least,
			       uint64_t most)
{
	uint64_t room = beyond(limit, used);

	if (!limited || most <= room)
		return CHECK_OK;
	return least > room ? CHECK_FAIL : CHECK_WARN;
}

static void advise_room(struct check_line *l, const struct job *job)
{
	check_advise(l,
		     "make room in the destination mailbox or have its quota raised; with "
		     "Dovecot: doveadm quota get -u %s",
		     job->destination.user);
}

static void check_quota(struct checks *c, const struct job *job, const struct tally *t,
			const struct check_side *destination, bool sized)
{
	const struct imap_quota *q = &destination->quota;
	bool begun = is_begun(job) && !t->chosen;
	uint64_t most_bytes = begun ? t->least_bytes : t->most_bytes;
	uint64_t most_messages = begun ? t->least_messages : t->most_messages;
	enum check_result storage, messages;
	char used[32], limit[32], need[32] = "of unknown size";
	struct check_line l;

	if (!destination->has_quota) {
		check_fine(c, "destination", "quota", "the server does not tell any");
		return;
	}
	if (!q->has_storage && !q->has_messages) {
		check_fine(c, "destination", "quota", "no limit");
		return;
	}
	storage = judge(sized && q->has_storage, q->storage_used, q->storage_limit,
			t->least_bytes, most_bytes);
	messages = judge(q->has_messages, q->messages_used, q->messages_limit,
			 t->least_messages, most_messages);
	if (sized)
		(void)format_size(need, sizeof(need), most_bytes);

	if (q->has_messages && (!q->has_storage || messages > storage))
		check_begin(&l, messages, "destination", "quota",
			    "%llu of %llu messages used, %s%llu to be copied",
			    (unsigned long long)q->messages_used,
			    (unsigned long long)q->messages_limit, begun ? "" : "up to ",
			    (unsigned long long)most_messages);
	else
		check_begin(&l, storage, "destination", "quota",
			    "%s of %s used, %s%s to be copied",
			    format_size(used, sizeof(used), q->storage_used),
			    format_size(limit, sizeof(limit), q->storage_limit),
			    begun || !sized ? "" : "up to ", need);
	if (l.result != CHECK_OK)
		advise_room(&l, job);
	check_end(c, &l, mm_class_exit_code(MM_CLASS_QUOTA));
}

void check_plan(struct checks *c, const struct job *job, const struct check_side *origin,
		const struct check_side *destination)
{
	const struct engine_sides sides = {
		.origin = &origin->folders,
		.destination = &destination->folders,
		.origin_labels = origin->labels,
		.origin_not_mail = origin->server == FOLDER_SERVER_EXCHANGE,
		.destination_ignores_case = folder_server_ignores_case(destination->server),
	};
	struct tally t = {0};
	struct selection s;

	if (!origin->listed || !destination->listed)
		return; /* why not stands in the lines before */
	if (engine_map(job, &sides, count_place, count_note, &t) < 0) {
		c->exit_code = mm_class_exit_code(MM_CLASS_LOCAL);
		return;
	}
	selection_init(&s, &job->messages, 0);
	t.chosen = s.active;
	if (t.chosen)
		t.least_bytes = t.least_messages = 0;
	check_map(c, job, &t);
	check_quota(c, job, &t, destination, origin->sized && destination->sized);
}
