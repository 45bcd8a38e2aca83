/* SPDX-License-Identifier: Apache-2.0 */
#include "schedules.h"
#include <string.h>

const char *rule_schedule(const char *s)
{
	struct schedule schedule;

	switch (schedule_parse(s, &schedule)) {
	case 0:
		return NULL;
	case -ERANGE:
		return "is out of range; write \"1s\" to \"3650d\"";
	default:
		return "is no schedule; write a time span such as \"10min\", or a calendar "
		       "expression such as \"Mon..Fri 22:00\"";
	}
}

int schedule_list_add(struct schedule_list *l, const struct cfg_file *f,
		      const config_setting_t *setting)
{
	const char *text = config_setting_get_string(setting);
	struct schedule schedule;
	struct schedule_ref *v;

	if (!text || schedule_parse(text, &schedule) < 0 || schedule.kind != SCHEDULE_UNSURE)
		return 0;

	v = reallocarray(l->v, l->n + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	l->v = v;
	v[l->n++] = (struct schedule_ref){.file = f, .setting = setting, .text = text};
	return 0;
}

void schedule_list_done(struct schedule_list *l)
{
	free(l->v);
	*l = (struct schedule_list){};
}

static int compare_refs(const void *pa, const void *pb)
{
	const struct schedule_ref *a = pa, *b = pb;

	return strcmp(a->text, b->text);
}

static void complain_bad(struct cfg *cfg, const struct schedule_ref *s)
{
	struct check c = {.cfg = cfg, .file = s->file};
	char buf[CONFIG_SHOWN_MAX];

	check_complain(&c, s->setting,
		       "schedule = \"%s\" is neither a time span nor a calendar expression; "
		       "try it with systemd-analyze calendar",
		       shown(buf, s->text));
}

/* Each expression is asked once, however many accounts have it. */
int schedule_list_judge(struct schedule_list *l, struct cfg *cfg)
{
	_cleanup_(freep) const char **texts = calloc(MAX_OF(l->n, 1U), sizeof(*texts));
	_cleanup_(freep) bool *bad = calloc(MAX_OF(l->n, 1U), sizeof(*bad));
	size_t n_texts = 0, at = 0;
	int r;

	if (!texts || !bad)
		return -ENOMEM;
	if (l->n == 0)
		return 0;

	qsort(l->v, l->n, sizeof(*l->v), compare_refs);
	for (size_t i = 0; i < l->n; i++)
		if (i == 0 || strcmp(l->v[i].text, l->v[i - 1].text) != 0)
			texts[n_texts++] = l->v[i].text;

	r = ask_systemd(texts, n_texts, bad);
	if (r == -ENOMEM)
		return r;
	for (size_t i = 0; i < l->n; i++) {
		at += strcmp(l->v[i].text, texts[at]) != 0;
		l->v[i].verdict = r < 0     ? SCHEDULE_NOT_ASKED
				  : bad[at] ? SCHEDULE_BAD
					    : SCHEDULE_GOOD;
		if (l->v[i].verdict == SCHEDULE_BAD)
			complain_bad(cfg, &l->v[i]);
	}
	return 0;
}

enum schedule_verdict schedule_list_find(const struct schedule_list *l, const char *text)
{
	const struct schedule_ref wanted = {.text = text}, *found;

	found = l->n ? bsearch(&wanted, l->v, l->n, sizeof(*l->v), compare_refs) : NULL;
	return found ? found->verdict : SCHEDULE_GOOD;
}

size_t schedule_list_unchecked(const struct schedule_list *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += l->v[i].verdict == SCHEDULE_NOT_ASKED;
	return n;
}

int cfg_check_schedules(struct cfg *cfg, size_t *ret_unchecked)
{
	_cleanup_(schedule_list_done) struct schedule_list list = {};
	const config_setting_t *e, *s;
	int r = 0;

	for (size_t f = 0; f < cfg->n_files; f++) {
		for (int i = 0; r == 0 && (e = cfg_runnable(cfg->files[f], i)); i++) {
			s = config_setting_is_group(e)
				    ? config_setting_get_member(e, "schedule")
				    : NULL;
			if (s)
				r = schedule_list_add(&list, cfg->files[f], s);
		}
	}
	if (r == 0)
		r = schedule_list_judge(&list, cfg);

	*ret_unchecked = schedule_list_unchecked(&list);
	return r;
}
