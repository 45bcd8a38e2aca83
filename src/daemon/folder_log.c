/* SPDX-License-Identifier: Apache-2.0 */
#include "folder_log.h"

#include "worker_event.h"
#include <mailmig/jsonio.h>
#include <string.h>

void folder_log_add(struct folder_log *l, const json_t *event)
{
	_cleanup_(json_decrefp) json_t *folder = worker_event_folder(event);
	_cleanup_(freep) char *text = folder ? jsonio_text(folder) : NULL;

	/* Once full it stays so: a small one that still fits is no better than those before. */
	if (!text || l->left_out > 0 || l->n >= FOLDER_LOG_MAX ||
	    l->text.len + strlen(text) + strlen("[]") > FOLDER_LOG_OCTETS_MAX ||
	    buf_addf(&l->text, "%c%s", l->n > 0 ? ',' : '[', text) < 0) {
		l->left_out++;
		return;
	}
	l->n++;
}

void folder_log_take(struct folder_log *l, struct run_folders *ret)
{
	*ret = (struct run_folders){.left_out = l->left_out};
	if (l->n > 0) {
		if (buf_addc(&l->text, ']') >= 0)
			ret->json = buf_take(&l->text);
		if (!ret->json)
			ret->left_out += l->n;
	}
	folder_log_done(l);
}

void folder_log_done(struct folder_log *l)
{
	buf_done(&l->text);
	*l = (struct folder_log){0};
}
