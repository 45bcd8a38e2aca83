/* SPDX-License-Identifier: Apache-2.0 */
#include "bus_internal.h"

#include <mailmig/clock.h>
#include <mailmig/text.h>
#include <string.h>

/* One question: the list of units, then two calls for each of them, all on their way at once.
 */
struct row {
	struct bus_query *query;
	struct bus_timer timer;
};

struct bus_query {
	struct bus *bus;
	struct row *rows;
	size_t n_rows;
	size_t n_open; /* calls without an answer yet */
	int result;    /* the first failure */
	struct mm_err err;
	bus_timers_handler handler;
	void *userdata;
};

static void timer_done(struct bus_timer *t)
{
	free(t->account);
	free(t->load);
	free(t->state);
}

void bus_timers_done(struct bus_timers *t)
{
	for (size_t i = 0; i < t->n; i++)
		timer_done(&t->list[i]);
	free(t->list);
	*t = (struct bus_timers){0};
}

static int timer_copy(const struct bus_timer *from, struct bus_timer *to)
{
	*to = *from;
	to->account = text_dup(from->account);
	to->load = text_dup(from->load);
	to->state = text_dup(from->state);
	return to->account && to->load && to->state ? 0 : -ENOMEM;
}

int bus_timers_copy(const struct bus_timers *from, struct bus_timers *to)
{
	bus_timers_done(to);
	to->list = calloc(MAX_OF(from->n, 1U), sizeof(*to->list));
	if (!to->list)
		return -ENOMEM;

	for (size_t i = 0; i < from->n; i++) {
		if (timer_copy(&from->list[i], &to->list[to->n++]) == 0)
			continue;
		bus_timers_done(to);
		return -ENOMEM;
	}
	return 0;
}

const struct bus_timer *bus_timers_find(const struct bus_timers *t, const char *account)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->list[i].account, account) == 0)
			return &t->list[i];
	return NULL;
}

struct bus_query *bus_query_free(struct bus_query *q)
{
	if (!q)
		return NULL;

	for (size_t i = 0; i < q->n_rows; i++)
		timer_done(&q->rows[i].timer);
	free(q->rows);
	free(q);
	return NULL;
}

static bool is_set(uint64_t usec)
{
	return usec != 0 && usec != USEC_INFINITY;
}

uint64_t bus_next_elapse(uint64_t realtime_usec, uint64_t monotonic_usec, uint64_t now_wall,
			 uint64_t now_monotonic)
{
	uint64_t next = is_set(realtime_usec) ? realtime_usec : 0;

	if (is_set(monotonic_usec)) {
		uint64_t wall = now_wall + (monotonic_usec - now_monotonic); /* wraps and back
									      */

		if (next == 0 || wall < next)
			next = wall;
	}
	return next;
}

/* ---- the end ---- */

/* Loaded because somebody looked at it, and nothing else: not a timer that anybody set up. */
static bool matters(const struct bus_timer *t)
{
	return t->enabled || strcmp(t->state, "dead") != 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct bus_timer *)a)->account,
		      ((const struct bus_timer *)b)->account);
}

static int take_timers(struct bus_query *q, struct bus_timers *ret)
{
	struct bus_timer *list = calloc(MAX_OF(q->n_rows, 1U), sizeof(*list));
	size_t n = 0;

	if (!list)
		return -ENOMEM;

	for (size_t i = 0; i < q->n_rows; i++) {
		if (!matters(&q->rows[i].timer))
			continue;
		list[n++] = q->rows[i].timer;
		q->rows[i].timer = (struct bus_timer){0};
	}
	qsort(list, n, sizeof(*list), by_name);
	*ret = (struct bus_timers){list, n};
	return 0;
}

/* All answers are there: hand them over. The question is gone first, so that the handler may
 * ask the next one. */
static void finish(struct bus_query *q)
{
	_cleanup_(bus_timers_done) struct bus_timers timers = {0};
	bus_timers_handler handler = q->handler;
	void *userdata = q->userdata;
	struct mm_err err;

	if (q->result >= 0)
		q->result = take_timers(q, &timers);
	if (q->result == -ENOMEM)
		(void)mm_err_oom(&q->err);

	err = q->err;
	q->bus->query = NULL;
	if (q->result < 0) {
		(void)bus_query_free(q);
		handler(NULL, &err, userdata);
		return;
	}
	(void)bus_query_free(q);
	handler(&timers, NULL, userdata);
}

static void fail(struct bus_query *q, int code, const sd_bus_error *error)
{
	if (q->result >= 0)
		q->result = bus_describe(&q->err, code, error, "read the timers");
}

/* ---- the properties of one timer ---- */

static int read_u64(sd_bus_message *m, uint64_t *ret)
{
	return sd_bus_message_read(m, "v", "t", ret);
}

static int read_properties(struct bus_timer *t, sd_bus_message *m)
{
	uint64_t realtime = 0, monotonic = 0;
	int r;

	r = sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, "{sv}");
	if (r < 0)
		return r;
	while ((r = sd_bus_message_enter_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv")) > 0) {
		const char *key;

		r = sd_bus_message_read(m, "s", &key);
		if (r < 0)
			return r;
		if (strcmp(key, "NextElapseUSecRealtime") == 0)
			r = read_u64(m, &realtime);
		else if (strcmp(key, "NextElapseUSecMonotonic") == 0)
			r = read_u64(m, &monotonic);
		else if (strcmp(key, "LastTriggerUSec") == 0)
			r = read_u64(m, &t->last_usec);
		else
			r = sd_bus_message_skip(m, "v");
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
		if (r < 0)
			return r;
	}
	t->next_usec = bus_next_elapse(realtime, monotonic, clock_wall_usec(), clock_usec());
	return r;
}

/* A unit that is gone since the list was made has nothing to say: its row stays as it is. */
static int on_properties(sd_bus_message *m, void *userdata, sd_bus_error *unused)
{
	struct row *row = userdata;
	struct bus_query *q = row->query;

	if (sd_bus_message_is_method_error(m, SD_BUS_ERROR_NO_REPLY))
		fail(q, -ETIMEDOUT, sd_bus_message_get_error(m));
	else if (!sd_bus_message_is_method_error(m, NULL) &&
		 read_properties(&row->timer, m) < 0)
		fail(q, -EBADMSG, NULL);
	if (--q->n_open == 0)
		finish(q);
	return 0;
}

static int on_file_state(sd_bus_message *m, void *userdata, sd_bus_error *unused)
{
	struct row *row = userdata;
	struct bus_query *q = row->query;
	const char *state;

	if (sd_bus_message_is_method_error(m, SD_BUS_ERROR_NO_REPLY))
		fail(q, -ETIMEDOUT, sd_bus_message_get_error(m));
	else if (!sd_bus_message_is_method_error(m, NULL) &&
		 sd_bus_message_read(m, "v", "s", &state) >= 0)
		row->timer.enabled =
			strcmp(state, "enabled") == 0 || strcmp(state, "enabled-runtime") == 0;
	if (--q->n_open == 0)
		finish(q);
	return 0;
}

static int ask_about(struct row *row, const char *path)
{
	struct bus_query *q = row->query;
	int r;

	r = sd_bus_call_method_async(q->bus->sd, NULL, SYSTEMD_NAME, path, DBUS_PROPERTIES,
				     "Get", on_file_state, row, "ss", SYSTEMD_UNIT,
				     "UnitFileState");
	if (r < 0)
		return r;
	q->n_open++;

	r = sd_bus_call_method_async(q->bus->sd, NULL, SYSTEMD_NAME, path, DBUS_PROPERTIES,
				     "GetAll", on_properties, row, "s", SYSTEMD_TIMER);
	if (r < 0)
		return r;
	q->n_open++;
	return 0;
}

/* ---- the list ---- */

struct unit {
	const char *id, *load, *active, *sub, *path;
};

/* 1: one more; 0: the end; -errno. */
static int read_unit(sd_bus_message *m, struct unit *u)
{
	return sd_bus_message_read(m, "(ssssssouso)", &u->id, NULL, &u->load, &u->active,
				   &u->sub, NULL, &u->path, NULL, NULL, NULL);
}

/* "alice" of "mailmig@alice.timer"; NULL for the template and what is not ours. */
static char *account_of(const char *id)
{
	size_t n = strlen(id), before = strlen(BUS_TIMER_UNIT_PREFIX),
	       after = strlen(BUS_TIMER_UNIT_SUFFIX);

	if (n <= before + after || strncmp(id, BUS_TIMER_UNIT_PREFIX, before) != 0 ||
	    strcmp(id + n - after, BUS_TIMER_UNIT_SUFFIX) != 0)
		return NULL;
	return text_dupn(id + before, n - before - after);
}

static int add_row(struct bus_query *q, const struct unit *u)
{
	struct row *row = &q->rows[q->n_rows];

	row->query = q;
	row->timer.account = account_of(u->id);
	row->timer.load = text_dup(u->load);
	row->timer.state = text_dup(u->sub);
	q->n_rows++;
	if (!row->timer.account || !row->timer.load || !row->timer.state)
		return -ENOMEM;
	return ask_about(row, u->path);
}

static int read_list(struct bus_query *q, sd_bus_message *m)
{
	struct unit u;
	size_t n = 0;
	int r;

	/* Twice: rows must not move once a call points at them. */
	r = sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, "(ssssssouso)");
	if (r < 0)
		return r;
	while ((r = read_unit(m, &u)) > 0)
		n++;
	if (r < 0)
		return r;
	q->rows = calloc(MAX_OF(n, 1U), sizeof(*q->rows));
	if (!q->rows)
		return -ENOMEM;

	r = sd_bus_message_rewind(m, false);
	while (r >= 0 && (r = read_unit(m, &u)) > 0)
		r = add_row(q, &u);
	return r;
}

static int on_list(sd_bus_message *m, void *userdata, sd_bus_error *unused)
{
	struct bus_query *q = userdata;
	const sd_bus_error *error = sd_bus_message_get_error(m);
	int r;

	if (error) {
		fail(q, -sd_bus_message_get_errno(m), error);
	} else {
		r = read_list(q, m);
		if (r < 0)
			fail(q, r, NULL);
	}
	if (--q->n_open == 0)
		finish(q);
	return 0;
}

int bus_ask_timers(struct bus *b, bus_timers_handler handler, void *userdata)
{
	const char *pattern = BUS_TIMER_UNIT_PREFIX "*" BUS_TIMER_UNIT_SUFFIX;
	struct bus_query *q;
	int r;

	if (b->query)
		return -EBUSY;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;

	q->bus = b;
	q->handler = handler;
	q->userdata = userdata;
	q->n_open = 1;
	r = sd_bus_call_method_async(b->sd, NULL, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER,
				     "ListUnitsByPatterns", on_list, q, "asas", 0, 1, pattern);
	if (r < 0) {
		(void)bus_query_free(q);
		return r == -ENOMEM ? r : -ENOTCONN;
	}
	b->query = q;
	return 0;
}

/* ---- blocking ---- */

struct answer {
	bool done;
	int result;
	struct bus_timers timers;
	struct mm_err err;
};

static void on_answer(const struct bus_timers *t, const struct mm_err *err, void *userdata)
{
	struct answer *a = userdata;

	a->done = true;
	if (err) {
		a->err = *err;
		a->result = err->code;
	} else if (bus_timers_copy(t, &a->timers) < 0) {
		a->result = mm_err_oom(&a->err);
	}
}

int bus_read_timers(struct bus *b, struct bus_timers *ret, struct mm_err *reterr)
{
	struct answer a = {0};
	int r;

	r = bus_wait_ready(b, reterr);
	if (r < 0)
		return r;
	r = bus_ask_timers(b, on_answer, &a);
	if (r >= 0)
		r = bus_process_until(b, &a.done, clock_deadline(2 * BUS_CALL_TIMEOUT));
	if (r < 0)
		return bus_describe(reterr, r, NULL, "read the timers");
	if (a.result < 0) {
		bus_timers_done(&a.timers);
		if (reterr)
			*reterr = a.err;
		return a.result;
	}
	*ret = a.timers;
	return 0;
}
