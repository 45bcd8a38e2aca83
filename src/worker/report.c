/* SPDX-License-Identifier: Apache-2.0 */
/* Events to the parent (event.h). One that cannot be written is dropped: the parent is gone
 * then, and the main loop notices. */
#include <mailmig/clock.h>
#include <mailmig/jsonio.h>
#include <string.h>
#include <syslog.h>

#include "worker_internal.h"

#define RATE_WINDOW_USEC (3 * USEC_PER_SEC)

static int send_event(const struct reporter *r, json_t *event)
{
	_cleanup_(json_decrefp) json_t *e = event;

	if (!e)
		return -ENOMEM;
	return jsonio_write(r->fd, e);
}

static json_t *new_event(const struct reporter *r, const char *name)
{
	return json_pack("{s:s, s:s, s:s}", "event", name, "account", r->job->account, "run",
			 r->job->run_id ? r->job->run_id : "");
}

static void on_folder(void *userdata, const struct engine_folder *f)
{
	const struct reporter *r = userdata;
	json_t *e = new_event(r, "folder");

	if (e &&
	    json_object_update_new(
		    e,
		    json_pack(
			    "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b, "
			    "s:s, s:o}",
			    "folder", f->origin, "destination", f->destination, "messages",
			    (json_int_t)f->messages, "copied", (json_int_t)f->copied, "present",
			    (json_int_t)f->present, "skipped", (json_int_t)f->skipped, "failed",
			    (json_int_t)f->failed, "flags_updated",
			    (json_int_t)f->flags_updated, "deleted", (json_int_t)f->deleted,
			    "bytes", (json_int_t)f->bytes, "bytes_total",
			    (json_int_t)f->bytes_total, "created", f->created, "unchanged",
			    f->unchanged, "result", f->error ? "failed" : "ok", "skipped_by",
			    skips_to_json(f->skipped_by))) < 0) {
		json_decref(e);
		return;
	}
	if (e && f->error)
		json_object_set_new(e, "text", json_string(f->error));
	(void)send_event(r, e);
}

static void on_trouble(void *userdata, const char *folder, uint32_t uid,
		       const struct mm_err *err)
{
	const struct reporter *r = userdata;
	json_t *e = new_event(r, "message");

	if (e && json_object_update_new(e, json_pack("{s:s?, s:I, s:s, s:s, s:s, s:s}",
						     "folder", folder, "uid", (json_int_t)uid,
						     "result", "failed", "class",
						     mm_class_name(err->cls), "text", err->text,
						     "advice", err->advice)) < 0) {
		json_decref(e);
		return;
	}
	(void)send_event(r, e);
}

static void on_note(void *userdata, int level, const char *text)
{
	const struct reporter *r = userdata;
	json_t *e = new_event(r, "log");

	if (e) {
		json_object_set_new(e, "level",
				    json_string(level <= LOG_WARNING ? "warning" : "notice"));
		json_object_set_new(e, "text", json_string(text));
	}
	(void)send_event(r, e);
}

void reporter_hooks(struct reporter *r, struct engine_hooks *ret)
{
	*ret = (struct engine_hooks){
		.userdata = r, .folder = on_folder, .trouble = on_trouble, .note = on_note};
}

/* Octets a second, over the last few seconds. */
static void update_rate(struct reporter *r, const struct engine_progress *p)
{
	uint64_t now = clock_usec();

	if (r->mark_usec == 0) {
		r->mark_usec = now;
		r->mark_bytes = p->bytes_done;
	}
	if (now - r->mark_usec < RATE_WINDOW_USEC / 3)
		return;
	{
		double latest = (double)(p->bytes_done - r->mark_bytes) * (double)USEC_PER_SEC /
				(double)(now - r->mark_usec);

		r->rate = r->rate > 0 ? 0.6 * r->rate + 0.4 * latest : latest;
	}
	r->mark_usec = now;
	r->mark_bytes = p->bytes_done;
}

int report_progress(struct reporter *r, struct engine *e)
{
	struct engine_progress p;
	json_t *j = new_event(r, "progress");
	json_int_t eta = 0;
	char until[32];

	engine_progress(e, &p);
	update_rate(r, &p);
	if (r->rate > 1 && p.bytes_total > p.bytes_done)
		eta = (json_int_t)((double)(p.bytes_total - p.bytes_done) / r->rate) + 1;
	if (j &&
	    json_object_update_new(
		    j,
		    json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:s?}", "phase",
			      p.phase, "folder", p.folder, "done", (json_int_t)p.done, "total",
			      (json_int_t)p.total, "bytes_done", (json_int_t)p.bytes_done,
			      "bytes_total", (json_int_t)p.bytes_total, "rate",
			      (json_int_t)r->rate, "eta_seconds", eta, "until",
			      p.until_usec ? clock_rfc3339(p.until_usec, until, sizeof(until))
					   : NULL)) < 0) {
		json_decref(j);
		return -ENOMEM;
	}
	return send_event(r, j);
}

int report_done(struct reporter *r, const struct run_summary *s)
{
	json_t *j = new_event(r, "done");
	json_t *o = run_summary_to_json(s);

	if (!j || !o || json_object_update_new(j, o) < 0) {
		json_decref(j);
		return -ENOMEM;
	}
	return send_event(r, j);
}

int report_config_errors(int fd, char *const *lines, size_t n)
{
	_cleanup_(json_decrefp) json_t *j =
		json_pack("{s:s, s:[]}", "event", "config", "errors");
	json_t *list = j ? json_object_get(j, "errors") : NULL;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (json_array_append_new(list, json_string(lines[i])) < 0)
			return -ENOMEM;
	return jsonio_write(fd, j);
}
