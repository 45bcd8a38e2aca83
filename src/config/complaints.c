/* SPDX-License-Identifier: Apache-2.0 */
#include "config_internal.h"
#include <mailmig/buf.h>
#include <mailmig/text.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void complaints_add_file(struct complaints *c, const char *file)
{
	char **files = reallocarray(c->files, c->n_files + 1, sizeof(*files));

	if (!files) {
		c->oom = true;
		return;
	}

	c->files = files;
	files[c->n_files] = text_dup(file);
	if (files[c->n_files])
		c->n_files++;
	else
		c->oom = true;
}

/* Newest first: a complaint is mostly about the file just read. */
static bool find_file(const struct complaints *c, const char *file, size_t *ret)
{
	for (size_t i = c->n_files; i-- > 0;) {
		if (strcmp(c->files[i], file) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

/* The formatted text in new memory, without what could disturb a terminal or the journal. */
static _printf_(1, 0) char *clean_text(const char *fmt, va_list ap)
{
	_cleanup_(freep) char *raw = NULL;
	char *clean;
	size_t n;

	if (vasprintf(&raw, fmt, ap) < 0) {
		raw = NULL; /* undefined after a failure */
		return NULL;
	}

	n = strlen(raw);
	clean = malloc(n + 1);
	return clean ? text_clean(clean, n + 1, raw, n) : NULL;
}

void complain(struct complaints *c, const char *file, unsigned line, const char *fmt, ...)
{
	_cleanup_(freep) char *text = NULL;
	struct complaint *v;
	va_list ap;
	size_t i;

	va_start(ap, fmt);
	text = clean_text(fmt, ap);
	va_end(ap);

	if (!find_file(c, file, &i)) {
		i = c->n_files;
		complaints_add_file(c, file);
	}

	v = reallocarray(c->v, c->n + 1, sizeof(*v));
	if (v)
		c->v = v;
	if (!v || !text || c->oom) {
		c->oom = true;
		return;
	}

	v[c->n] = (struct complaint){.file = i, .line = line, .seq = c->n, .text = STEAL(text)};
	c->n++;
}

static int compare(const void *pa, const void *pb)
{
	const struct complaint *a = pa, *b = pb;

	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return a->seq < b->seq ? -1 : a->seq > b->seq;
}

int complaints_finish(const struct complaints *c, struct config_errors *ret)
{
	struct config_errors e = {};

	if (c->oom)
		return -ENOMEM;
	if (c->n == 0) {
		*ret = e;
		return 0;
	}

	qsort(c->v, c->n, sizeof(*c->v), compare);
	e.lines = calloc(c->n, sizeof(*e.lines));
	if (!e.lines)
		return -ENOMEM;

	for (; e.n < c->n; e.n++) {
		const struct complaint *v = &c->v[e.n];
		_cleanup_(buf_done) struct buf b = {};
		int r;

		r = v->line ? buf_addf(&b, "%s:%u: %s", c->files[v->file], v->line, v->text)
			    : buf_addf(&b, "%s: %s", c->files[v->file], v->text);
		if (r == 0)
			e.lines[e.n] = buf_take(&b);
		if (!e.lines[e.n]) {
			config_errors_done(&e);
			return -ENOMEM;
		}
	}

	*ret = e;
	return 0;
}

void complaints_done(struct complaints *c)
{
	for (size_t i = 0; i < c->n_files; i++)
		free(c->files[i]);
	for (size_t i = 0; i < c->n; i++)
		free(c->v[i].text);
	free(c->files);
	free(c->v);
	*c = (struct complaints){};
}

void config_errors_done(struct config_errors *e)
{
	for (size_t i = 0; i < e->n; i++)
		free(e->lines[i]);
	free(e->lines);
	*e = (struct config_errors){};
}

char *shown(char buf[static CONFIG_SHOWN_MAX], const char *s)
{
	return text_clean(buf, CONFIG_SHOWN_MAX, s, strlen(s));
}
