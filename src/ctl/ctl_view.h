/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_VIEW_H
#define CTL_VIEW_H

#include <jansson.h>
#include <mailmig/base.h>
#include <mailmig/error.h>
#include <mailmig/event.h>
#include <stdio.h>

/* What mailmigctl prints: functions from plain data to a stream, which keeps the first error of
 * writing; whoever owns the stream looks at it in the end.
 *
 * Everything a person reads goes through text_clean(): folder names and server texts are
 * foreign. */

/* ---- the terminal (term.c) ---- */

/* How to write: all a view needs to know of where its output goes. */
struct look {
	size_t columns; /* 0: no limit (a pipe) */
	bool utf8;      /* characters beyond ASCII of our own */
	bool colour;
};

enum colour {
	COLOUR_NONE,
	COLOUR_GOOD,
	COLOUR_WARN,
	COLOUR_BAD,
	COLOUR_DIM,
	COLOUR_BOLD,
	COLOUR_MAX_,
};

struct term {
	FILE *out;
	bool live; /* a terminal that can redraw a line */
	bool line_shown;
	struct look look;
};

/* Look at standard output and the environment. */
void term_init(struct term *t, bool no_color);

/* Ask for the width again, after SIGWINCH. */
void term_resize(struct term *t);

/* Replace the live line (live terminals only); NULL takes it away, before other output. */
void term_line(struct term *t, const char *line);

/* Escape sequence to begin a colour, and to end it; "" without colour. */
const char *colour_on(const struct look *l, enum colour c);
const char *colour_off(const struct look *l, enum colour c);

/* ---- pieces of views (pieces.c) ---- */

/* Foreign text, cleaned. */
void put_clean(FILE *f, const char *s);

/* A text of at most `columns` columns; what is longer ends in an ellipsis. `out` gets a cleaned
 * copy; returns out. */
char *fit_text(char *out, size_t size, const char *s, size_t columns, const struct look *l);

/* n blanks. */
void put_blanks(FILE *f, size_t n);

/* A text and its advice, wrapped at the look's width, every line after the first with `indent`
 * blanks; the first line starts where the cursor is, at column `indent`. */
void put_wrapped(FILE *f, const struct look *l, size_t indent, const char *s);

/* Members of objects that may be absent or of another type: "", 0, false. */
const char *member_str(const json_t *o, const char *key);
uint64_t member_u64(const json_t *o, const char *key);
bool member_bool(const json_t *o, const char *key);

/* "1 message", "2 messages" */
#define PLURAL(n) ((n) == 1 ? "" : "s")

/* ---- tables (table.c) ---- */

struct table_column {
	const char *title;
	bool right;
	bool flexible; /* gives up width first when the terminal is narrow */
};

struct table;

int table_new(struct table **ret, const struct table_column *columns, size_t n_columns);
struct table *table_free(struct table *t);
DEFINE_CLEANUP(struct table *, table_free)

/* Add a row; cells are copied and cleaned, NULL is an empty cell. mark: one character before
 * the row, or NULL. 0 or -ENOMEM. */
int table_add(struct table *t, const char *mark, enum colour mark_colour,
	      const char *const *cells, const enum colour *colours);

/* With a heading line, two blanks between columns, no blanks at ends of lines. */
void table_print(const struct table *t, FILE *f, const struct look *l);

/* ---- points in time (when.c) ---- */

/* In local time: "today 18:31", "yesterday 03:04", "tomorrow 03:04", "2026-11-16 08:02". */
char *when_local(char *buf, size_t n, uint64_t wall_usec, uint64_t now_usec);

/* A length of time in one unit: "40 s", "2 min", "3 h", "4 days". */
char *when_span(char *buf, size_t n, uint64_t usec);

/* How long something took; whole seconds are taken for the difference of such: "6 s", "850 ms",
 * "3 min 12 s", "less than 1 s". */
char *when_length(char *buf, size_t n, uint64_t usec);

/* As a clock: "0:04", "12:05", "3:04:05". */
char *when_clock(char *buf, size_t n, uint64_t seconds);

/* ---- progress (progress.c) ---- */

struct progress {
	const char *phase;  /* borrowed; "" when unknown */
	const char *folder; /* borrowed; "" when unknown */
	uint64_t done;
	uint64_t total;
	uint64_t bytes_done;
	uint64_t bytes_total;
	uint64_t rate;        /* octets a second; 0: unknown */
	uint64_t eta_seconds; /* UINT64_MAX: unknown */
	uint64_t elapsed_usec;
	unsigned n_runs;
	char throttled[64]; /* "throttled until 14:05", local time; "" when it goes on */
};

/* From a progress event or the `progress` of a status; strings live as long as o. */
void progress_from_json(struct progress *p, const json_t *o);

/* Octets or, without these, messages, in hundredths: 0 to 100; -1 when nothing is known. */
int progress_percent(const struct progress *p);

/* A bar of `cells` characters between brackets. */
void progress_bar(FILE *f, const struct progress *p, size_t cells, const struct look *l);

/* The live line: never wider than the look's columns. */
void progress_line(FILE *f, const struct progress *p, const struct look *l);

/* "312/1200 messages, 48/190 MiB, 4.2 MiB/s, about 3 min, Archive/2019": for logs and STATUS=.
 */
void progress_words(FILE *f, const struct progress *p);

/* ---- views of a run (run_view.c, plan_view.c) ---- */

/* Why messages failed, counted from the events by class. */
struct reasons {
	uint64_t failed[MM_CLASS_LOCAL + 1];
};

/* Count a "message" event; one without a UID tells of a folder or of the run. */
void reasons_count(struct reasons *r, const json_t *event);

/* A class in words, for "failed 3: 2 too large, 1 refused by the server". */
const char *reason_words(enum mm_class cls);

/* The times of a summary are whole seconds. When the time measured here says the same, it is
 * put in their place: a short run has a length and a rate then. */
void run_view_refine(struct run_summary *s, uint64_t measured_usec);

/* The end of a run: every message in one bucket, the errors with their advice. */
void run_view_summary(FILE *f, const struct look *l, const struct run_summary *s,
		      const struct reasons *reasons, bool errors_only);

/* Why messages were skipped, of a "folder" event or of a run: " (3 too old)", or "". */
char *event_skips(const json_t *event, char buf[static SKIPS_TEXT_MAX]);

/* A "folder" or "message" event as a line. */
void run_view_folder(FILE *f, const json_t *event);
void run_view_message(FILE *f, const json_t *event);

/* One error of a run or a status: folder, UID, text; the advice on lines of its own. */
void run_view_error(FILE *f, const struct look *l, const char *folder, uint32_t uid,
		    const char *text, const char *advice);

/* The folder table of a plan out of the "folder" events of a dry run; folders in which nothing
 * would be done are only counted, unless `all`. 0 or -ENOMEM. */
int plan_view(FILE *f, const struct look *l, const json_t *folder_events, bool all);

/* ---- the view of a check (check_view.c) ---- */

/* Before the lines of an account ("": the service), on a terminal. */
void check_view_heading(FILE *f, const struct look *l, const char *account);

/* A "check" event: on a terminal in columns, the advice on lines of its own; else one line,
 * `ok|warn|FAIL ACCOUNT ITEM: TEXT; ADVICE`, with "-" for the service. */
void check_view_line(FILE *f, const struct look *l, const json_t *event);

/* How much was found, on a terminal. */
void check_view_end(FILE *f, const struct look *l, unsigned n_warnings, unsigned n_faults);

/* ---- views of the status (status_view.c, status_one.c, folder_view.c) ---- */

/* What of an account needs a person: NULL when nothing does. A short word for the state. */
const char *status_attention(const json_t *account);

/* Of the last run's errors the one that says until when it has to wait, where that is how it
 * ended; or NULL. */
const json_t *status_throttle(const json_t *account);

/* "elapsed" or "failed" for a timer that will not start another run; NULL for all others. */
const char *status_stopped_timer(const json_t *account);

/* "throttled until 14:05" of what may have a time "until"; "" of what has none. buf of at least
 * 64. Returns buf. */
char *throttled_until(char *buf, size_t n, const json_t *o);

/* Where the last run stands, for the table and for one account. */
void status_result(FILE *f, const json_t *account);

/* The table of all accounts, those first that need attention, and why. 0 or -ENOMEM. */
int status_view_table(FILE *f, const struct look *l, const json_t *status, uint64_t now_usec,
		      bool attention_only);

/* One account in full; runs: its history (an array, newest first) or NULL; all: every folder,
 * however many. 0 or -ENOMEM. */
int status_view_account(FILE *f, const struct look *l, const json_t *account,
			const json_t *runs, uint64_t now_usec, bool all);

/* What a run did in each folder, those with errors first; left_out: how many more there were.
 * On a terminal a long table is cut, unless `all`. 0 or -ENOMEM. */
int folder_view(FILE *f, const struct look *l, const json_t *folders, uint64_t left_out,
		bool all);

#endif
