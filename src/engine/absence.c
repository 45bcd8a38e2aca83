/* SPDX-License-Identifier: Apache-2.0 */
/* Absence is never evidence from one answer. A message is taken for gone when all of its folder
 * was listed without it, by a server that told how many there are, in a run without any
 * trouble; when not too many are gone at once, or a person has said that they are; and when it
 * is still gone in another session. */
#include <string.h>

#include "absence.h"

bool absence_may_be(uint32_t messages, uint32_t uidnext, const struct folder_status *now)
{
	if (!now->known || uidnext == 0 || now->uidnext < uidnext)
		return true;
	/* Each UID given since is one message at most: fewer old ones would not make as many.
	 */
	return now->messages < (uint64_t)messages + (now->uidnext - uidnext);
}

enum absence_row absence_row(const struct state_row *row, bool listed)
{
	if (row->state != ROW_STORED && row->state != ROW_ALTERED)
		return ABSENCE_OF_NO_ACCOUNT;
	if (listed)
		return ABSENCE_PRESENT;
	return row->state == ROW_STORED && row->ours && row->dest_uid && row->has_digest
		       ? ABSENCE_DUE
		       : ABSENCE_LEFT;
}

enum absence_verdict absence_judge(const struct job *j, const struct absence_view *v)
{
	uint64_t part =
		v->known / 100 * j->absence_percent + v->known % 100 * j->absence_percent / 100;

	if (v->gone == 0)
		return ABSENCE_NONE;
	if (j->confirm_deletes)
		return ABSENCE_BELIEVED;
	if (v->present == 0)
		return ABSENCE_EMPTY;
	if (j->absence_percent > 0)
		part = MAX_OF(part, (uint64_t)ABSENCE_FEW);
	if (v->gone > part)
		return ABSENCE_SHARE;
	return absence_judge_run(j, v->gone);
}

enum absence_verdict absence_judge_run(const struct job *j, uint64_t n)
{
	if (n == 0)
		return ABSENCE_NONE;
	if (!j->confirm_deletes && j->absence_messages != UINT32_MAX && n > j->absence_messages)
		return ABSENCE_MANY;
	return ABSENCE_BELIEVED;
}

const char *absence_obstacle(const struct absence_run *run)
{
	if (run->troubles > 0 || run->failed > 0)
		return "not everything went well in this run";
	if (run->renumbered)
		return "a folder has other UIDs than before";
	if (run->shifting)
		return "folders have changed since they were copied";
	return NULL;
}

bool absence_is_confirmed(const struct absence_look *then, const struct folder_status *now,
			  uint64_t seen)
{
	if (seen > 0 || now->uidvalidity != then->uidvalidity)
		return false;
	/* A folder that tells no UIDNEXT may have no news: what is more was not listed. */
	if (now->uidnext == 0 || then->uidnext == 0)
		return now->messages <= then->listed;
	return now->uidnext >= then->uidnext &&
	       now->messages <= then->listed + (now->uidnext - then->uidnext);
}
