/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_follow.h"

#include <mailmig/text.h>
#include <string.h>

int board_find(struct board *b, const char *account, struct board_run **ret)
{
	struct board_run *runs, *run;

	for (size_t i = 0; i < b->n_runs; i++) {
		if (strcmp(b->runs[i].account, account) == 0) {
			*ret = &b->runs[i];
			return 0;
		}
	}

	runs = reallocarray(b->runs, b->n_runs + 1, sizeof(*runs));
	if (!runs)
		return -ENOMEM;
	b->runs = runs;

	run = &b->runs[b->n_runs];
	*run = (struct board_run){.account = text_dup(account), .folders = json_array()};
	if (!run->account || !run->folders) {
		free(run->account);
		json_decref(run->folders);
		return -ENOMEM;
	}
	b->n_runs++;
	*ret = run;
	return 0;
}

static bool is_of_a_run(const char *event)
{
	static const char *const those[] = {"progress", "folder", "message", "done"};

	for (size_t i = 0; i < ELEMENTS(those); i++)
		if (strcmp(those[i], event) == 0)
			return true;
	return false;
}

int board_event(struct board *b, const json_t *event, struct board_run **ret)
{
	const char *what = member_str(event, "event");
	struct board_run *run = NULL;
	int r;

	*ret = NULL;
	if (!is_of_a_run(what))
		return 0;
	r = board_find(b, member_str(event, "account"), &run);
	if (r < 0)
		return r;

	if (strcmp(what, "progress") == 0) {
		json_decref(run->progress);
		run->progress = json_incref((json_t *)event);
	} else if (strcmp(what, "folder") == 0) {
		if (json_array_append(run->folders, (json_t *)event) < 0)
			return -ENOMEM;
	} else if (strcmp(what, "message") == 0) {
		reasons_count(&run->reasons, event);
	} else if (strcmp(what, "done") == 0) {
		run->done = true;
	}
	*ret = run;
	return 0;
}

void board_progress(const struct board *b, struct progress *ret)
{
	struct progress sum = {.phase = "", .folder = "", .eta_seconds = UINT64_MAX};

	for (size_t i = 0; i < b->n_runs; i++) {
		struct progress p;

		progress_from_json(&p, b->runs[i].progress);
		sum.done += p.done;
		sum.total += p.total;
		sum.bytes_done += p.bytes_done;
		sum.bytes_total += p.bytes_total;
		if (b->runs[i].done)
			continue;

		sum.n_runs++;
		sum.rate += p.rate;
		sum.phase = b->runs[i].progress ? p.phase : "waiting to start";
		sum.folder = p.folder;
		memcpy(sum.throttled, p.throttled, sizeof(sum.throttled));
		/* All are done when the last one is. */
		if (p.eta_seconds != UINT64_MAX)
			sum.eta_seconds = sum.eta_seconds == UINT64_MAX
						  ? p.eta_seconds
						  : MAX_OF(sum.eta_seconds, p.eta_seconds);
	}
	if (sum.n_runs > 1)
		sum.throttled[0] = '\0'; /* others may go on */
	*ret = sum;
}

void board_done(struct board *b)
{
	for (size_t i = 0; i < b->n_runs; i++) {
		free(b->runs[i].account);
		json_decref(b->runs[i].progress);
		json_decref(b->runs[i].folders);
	}
	free(b->runs);
	*b = (struct board){0};
}
