/* SPDX-License-Identifier: Apache-2.0 */
/* NAMESPACE, LIST, LSUB, STATUS, CREATE and SUBSCRIBE. */
#include <mailmig/text.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "imap_internal.h"
#include "utf7.h"

/* More folders than any mailbox has: a server that lists more is broken or hostile. */
#define IMAP_FOLDERS_MAX 100000

int imap_local_name(const struct imap *c, const char *canonical, struct buf *raw)
{
	_cleanup_(buf_done) struct buf local = {0};
	int r;

	r = folder_name_local(canonical, c->delim, c->prefix, &local);
	if (r < 0)
		return r;
	return utf7_encode(buf_str(&local), local.len, raw);
}

/* ---- LIST ---- */

static bool flag_among(const struct imap_str *flags, const char *flag)
{
	const char *s = flags->p, *end = flags->p + flags->n;

	while (s < end) {
		const char *q = memchr(s, ' ', (size_t)(end - s));
		size_t n = q ? (size_t)(q - s) : (size_t)(end - s);

		if (text_ieqn(s, n, flag))
			return true;
		s += n + 1;
	}
	return false;
}

static const char *role_among(const struct imap_str *flags)
{
	static const char *const roles[] = {"\\All",  "\\Archive",   "\\Drafts", "\\Flagged",
					    "\\Junk", "\\Important", "\\Sent",   "\\Trash"};

	for (size_t i = 0; i < ELEMENTS(roles); i++)
		if (flag_among(flags, roles[i]))
			return roles[i];
	return NULL;
}

static struct folder *find_raw(const struct folder_list *l, const char *raw, size_t n)
{
	for (size_t i = 0; i < l->n; i++)
		if (strlen(l->v[i].raw) == n && memcmp(l->v[i].raw, raw, n) == 0)
			return &l->v[i];
	return NULL;
}

/* One LIST line becomes a folder; its canonical name follows when the namespace is known. */
static int take_list(struct imap *c, const struct imap_resp *resp, struct folder_list *l,
		     struct mm_err *reterr)
{
	struct imap_list li;
	struct folder *f;
	const char *role;

	if (imap_parse_list(resp, &c->scratch, &li) < 0)
		return imap_protocol_error(c, "a LIST line that makes no sense", reterr);
	if (flag_among(&li.flags, "\\NonExistent") || li.name.n == 0)
		return 0;
	if (memchr(li.name.p, '\0', li.name.n))
		return imap_protocol_error(c, "a folder name with NUL octets", reterr);
	if (l->n == IMAP_FOLDERS_MAX)
		return imap_protocol_error(c, "more folders than any mailbox has", reterr);

	f = folder_list_add(l);
	if (!f)
		return mm_err_oom(reterr);
	f->raw = text_dupn(li.name.p, li.name.n);
	f->delim = li.delim;
	f->noselect = flag_among(&li.flags, "\\Noselect");
	f->noinferiors = flag_among(&li.flags, "\\Noinferiors");
	f->subscribed = flag_among(&li.flags, "\\Subscribed");
	role = role_among(&li.flags);
	if (!f->raw || text_set(&f->role, role) < 0)
		return mm_err_oom(reterr);
	return 0;
}

static int take_lsub(struct imap *c, const struct imap_resp *resp, struct folder_list *l)
{
	struct imap_list li;
	struct folder *f;

	if (imap_parse_list(resp, &c->scratch, &li) < 0 || flag_among(&li.flags, "\\Noselect"))
		return 0;
	f = find_raw(l, li.name.p, li.name.n);
	if (f)
		f->subscribed = true;
	return 0;
}

static int take_status(struct imap *c, const struct imap_resp *resp, struct folder_list *l)
{
	struct folder_status st;
	struct imap_str name;
	struct folder *f;

	if (imap_parse_status(resp, &c->scratch, &name, &st) < 0)
		return 0; /* without marks the folder is looked at: only slower */
	f = l->n > 0 && strcmp(l->v[l->n - 1].raw, "") != 0 ? find_raw(l, name.p, name.n)
							    : NULL;
	if (f)
		f->status = st;
	return 0;
}

static int take_namespace(struct imap *c, const struct imap_resp *resp, struct mm_err *reterr)
{
	struct imap_str prefix;
	char delim;

	if (imap_parse_namespace(resp, &c->scratch, &prefix, &delim) < 0)
		return 0; /* no prefix is the rule */
	free(c->prefix);
	c->prefix = text_dupn(prefix.p, prefix.n);
	c->delim = delim;
	return c->prefix ? 0 : mm_err_oom(reterr);
}

/* A LIST line belongs to LIST alone: one that nobody asked for would make a folder out of
 * nothing. */
static int await_lists(struct imap *c, const struct imap_cmd *cmd, struct folder_list *l,
		       struct mm_err *reterr)
{
	bool listing = strcmp(cmd->name, "LIST") == 0;

	while (!cmd->done) {
		struct imap_resp resp;
		int r = imap_read(c, "waiting for the list of folders", &resp, reterr);

		if (r < 0)
			return r;
		if (resp.kind != IMAP_UNTAGGED || resp.has_number)
			continue;
		if (listing && text_ieqn(resp.word.p, resp.word.n, "LIST"))
			r = take_list(c, &resp, l, reterr);
		else if (text_ieqn(resp.word.p, resp.word.n, "LSUB"))
			r = take_lsub(c, &resp, l);
		else if (text_ieqn(resp.word.p, resp.word.n, "STATUS"))
			r = take_status(c, &resp, l);
		else if (text_ieqn(resp.word.p, resp.word.n, "NAMESPACE"))
			r = take_namespace(c, &resp, reterr);
		if (r < 0)
			return r;
	}
	return 0;
}

static void put_status_items(struct imap *c, bool with_size)
{
	imap_put(c, "(MESSAGES UIDNEXT UIDVALIDITY%s%s)",
		 imap_has(c, IMAP_CAP_CONDSTORE) ? " HIGHESTMODSEQ" : "",
		 with_size && imap_has(c, IMAP_CAP_STATUS_SIZE) ? " SIZE" : "");
}

static void put_list(struct imap *c, bool with_size)
{
	imap_put(c, "LIST \"\" \"*\"");
	if (!imap_has(c, IMAP_CAP_LIST_EXTENDED))
		return;
	imap_put(c, " RETURN (SUBSCRIBED%s",
		 imap_has(c, IMAP_CAP_SPECIAL_USE) ? " SPECIAL-USE" : "");
	if (imap_has(c, IMAP_CAP_LIST_STATUS)) {
		imap_put(c, " STATUS ");
		put_status_items(c, with_size);
	}
	imap_put(c, ")");
}

/* One command of the conversation; the last one's number comes back through *last. */
static int end_listing(struct imap *c, struct imap_cmd *cmd, struct folder_list *l,
		       struct mm_err *reterr)
{
	int r;

	r = await_lists(c, cmd, l, reterr);
	if (r < 0)
		return r;
	if (cmd->status != IMAP_OK)
		r = imap_refused(c, cmd, MM_SCOPE_JOB, "cannot list the folders", reterr);
	imap_cmd_free(c, cmd);
	return r;
}

static int list_and_namespace(struct imap *c, bool with_size, struct folder_list *l,
			      struct mm_err *reterr)
{
	struct imap_cmd *list, *lsub = NULL;
	int r;

	if (imap_has(c, IMAP_CAP_NAMESPACE)) {
		struct imap_cmd *ns = imap_cmd_begin(c, VERB_PLAIN, "NAMESPACE", reterr);

		if (!ns)
			return -ENOBUFS;
		ns->forget = true;
		imap_put(c, "NAMESPACE");
		imap_cmd_end(c);
	}
	list = imap_cmd_begin(c, VERB_PLAIN, "LIST", reterr);
	if (!list)
		return -ENOBUFS;
	put_list(c, with_size);
	imap_cmd_end(c);
	if (!imap_has(c, IMAP_CAP_LIST_EXTENDED)) {
		lsub = imap_cmd_begin(c, VERB_PLAIN, "LSUB", reterr);
		if (!lsub)
			return -ENOBUFS;
		imap_put(c, "LSUB \"\" \"*\"");
		imap_cmd_end(c);
	}
	r = end_listing(c, list, l, reterr);
	if (r == 0 && lsub)
		r = end_listing(c, lsub, l, reterr);
	return r;
}

/* Marks one by one, pipelined, for servers without LIST-STATUS. A folder whose STATUS is
 * refused stays without marks. */
static int status_each(struct imap *c, bool with_size, struct folder_list *l,
		       struct mm_err *reterr)
{
	size_t begun = 0;

	while (begun < l->n) {
		struct imap_cmd *cmd = NULL;
		int r;

		for (size_t in_flight = 0; begun < l->n && in_flight < IMAP_WINDOW_MAX / 2;
		     begun++) {
			const struct folder *f = &l->v[begun];

			if (f->noselect || f->status.known)
				continue;
			cmd = imap_cmd_begin(c, VERB_PLAIN, "STATUS", reterr);
			if (!cmd)
				return -ENOBUFS;
			imap_put(c, "STATUS ");
			r = imap_put_string(c, cmd, f->raw, strlen(f->raw), reterr);
			if (r < 0)
				return r;
			imap_put(c, " ");
			put_status_items(c, with_size);
			imap_cmd_end(c);
			in_flight++;
			if (begun + 1 < l->n && in_flight < IMAP_WINDOW_MAX / 2)
				cmd->forget = true;
		}
		if (!cmd)
			return 0;
		cmd->forget = false;
		r = await_lists(c, cmd, l, reterr);
		if (r < 0)
			return r;
		imap_cmd_free(c, cmd);
	}
	return 0;
}

/* A folder that was told twice is one folder. */
static void drop_doubles(struct folder_list *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		struct folder *f = &l->v[i], *last = n > 0 ? &l->v[n - 1] : NULL;

		if (!last || strcmp(last->raw, f->raw) != 0) {
			l->v[n++] = *f;
			continue;
		}
		last->subscribed = last->subscribed || f->subscribed;
		if (!last->status.known)
			last->status = f->status;
		free(f->raw);
		free(f->name);
		free(f->role);
	}
	l->n = n;
}

/* Canonical names out of the server's octets; what is not modified UTF-7 is shown as it is. */
static int name_folders(struct imap *c, struct folder_list *l, struct mm_err *reterr)
{
	if (c->delim == '\0' && l->n > 0)
		c->delim = l->v[0].delim;
	for (size_t i = 0; i < l->n; i++) {
		_cleanup_(buf_done) struct buf utf8 = {0}, name = {0};
		struct folder *f = &l->v[i];
		int r = utf7_decode(f->raw, strlen(f->raw), &utf8);

		if (r == -EBADMSG) {
			size_t n = strlen(f->raw);

			r = buf_reserve(&utf8, n + 1);
			if (r == 0)
				text_clean(utf8.p, n + 1, f->raw, n);
			utf8.len = r == 0 ? strlen(utf8.p) : 0;
		}
		if (r == 0)
			r = folder_name_canonical(buf_str(&utf8),
						  f->delim ? f->delim : c->delim, c->prefix,
						  &name);
		if (r == 0)
			f->name = buf_take(&name);
		if (!f->name)
			return mm_err_oom(reterr);
	}
	folder_list_sort(l);
	drop_doubles(l);
	return 0;
}

int imap_list(struct imap *c, bool with_size, struct folder_list *ret, struct mm_err *reterr)
{
	_cleanup_(folder_list_done) struct folder_list l = {0};
	int r;

	r = list_and_namespace(c, with_size, &l, reterr);
	if (r == 0)
		r = status_each(c, with_size, &l, reterr);
	if (r == 0)
		r = name_folders(c, &l, reterr);
	if (r < 0)
		return r;
	*ret = l;
	l = (struct folder_list){0};
	return 0;
}

/* ---- CREATE, SUBSCRIBE ---- */

static struct imap_cmd *begin_named(struct imap *c, const char *verb, const char *raw,
				    struct mm_err *reterr)
{
	struct imap_cmd *cmd = imap_cmd_begin(c, VERB_PLAIN, verb, reterr);

	if (!cmd)
		return NULL;
	imap_put(c, "%s ", verb);
	if (imap_put_string(c, cmd, raw, strlen(raw), reterr) < 0)
		return NULL;
	imap_cmd_end(c);
	return cmd;
}

static int end_create(struct imap *c, struct imap_cmd *cmd, struct imap_make *m,
		      struct mm_err *reterr)
{
	_cleanup_(buf_done) struct buf name = {0};
	char what[300];
	int r;

	r = imap_await(c, cmd, reterr);
	if (r < 0)
		return r;
	if (cmd->status != IMAP_OK && strcasecmp(cmd->code, "ALREADYEXISTS") != 0) {
		(void)utf7_decode(m->raw, strlen(m->raw), &name); /* only for the words */
		snprintf(what, sizeof(what), "cannot create folder \"%s\"",
			 name.len ? name.p : m->raw);
		imap_refused(c, cmd, MM_SCOPE_FOLDER, what, &m->error);
	}
	imap_cmd_free(c, cmd);
	return 0;
}

int imap_make_folders(struct imap *c, struct imap_make *v, size_t n, struct mm_err *reterr)
{
	const size_t window = IMAP_WINDOW_MAX / 4;

	for (size_t from = 0; from < n; from += window) {
		size_t to = MIN_OF(n, from + window);
		struct imap_cmd *create[IMAP_WINDOW_MAX / 4] = {NULL};
		int r;

		for (size_t i = from; i < to; i++) {
			if (!v[i].create)
				continue;
			create[i - from] = begin_named(c, "CREATE", v[i].raw, reterr);
			if (!create[i - from])
				return -EIO;
		}
		for (size_t i = from; i < to; i++) {
			struct imap_cmd *cmd;

			if (!v[i].subscribe)
				continue;
			/* A refused subscription loses no mail: the answer is not waited for.
			 */
			cmd = begin_named(c, "SUBSCRIBE", v[i].raw, reterr);
			if (!cmd)
				return -EIO;
			cmd->forget = true;
		}
		for (size_t i = from; i < to; i++) {
			if (!create[i - from])
				continue;
			r = end_create(c, create[i - from], &v[i], reterr);
			if (r < 0)
				return r;
		}
	}
	return 0;
}
