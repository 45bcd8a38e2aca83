/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include <inttypes.h>
#include <mailmig/parse.h>
#include <mailmig/text.h>
#include <string.h>

#define LABEL_WIDTH   15
#define RATE_MIN_USEC (2 * USEC_PER_SEC)

const char *reason_words(enum mm_class cls)
{
	static const char *const words[] = {
		[MM_CLASS_OTHER] = "for other reasons",
		[MM_CLASS_USAGE] = "not asked for",
		[MM_CLASS_CONFIG] = "by the configuration",
		[MM_CLASS_PERMISSION] = "not permitted",
		[MM_CLASS_LOGIN] = "login refused",
		[MM_CLASS_CONNECT] = "connection lost",
		[MM_CLASS_PROTOCOL] = "unusable answer of the server",
		[MM_CLASS_REFUSED] = "refused by the server",
		[MM_CLASS_QUOTA] = "no room left",
		[MM_CLASS_TOO_LARGE] = "too large",
		[MM_CLASS_SAFETY] = "held for safety",
		[MM_CLASS_CANCELLED] = "not reached before the end",
		[MM_CLASS_TIMEOUT] = "no answer in time",
		[MM_CLASS_THROTTLED] = "throttled",
		[MM_CLASS_LOCAL] = "local fault",
	};

	return (size_t)cls < ELEMENTS(words) && words[cls] ? words[cls] : words[MM_CLASS_OTHER];
}

void reasons_count(struct reasons *r, const json_t *event)
{
	enum mm_class cls = mm_class_from_name(member_str(event, "class"));
	const char *result = member_str(event, "result");

	if (member_u64(event, "uid") == 0)
		return;
	if (strcmp(result, "failed") == 0)
		r->failed[cls]++;
}

/* "(2 too large, 1 refused by the server)". What the events did not explain is said too, so
 * that the reasons add up to the bucket. */
static void put_reasons(FILE *f, uint64_t bucket, const uint64_t *by_class)
{
	const char *sep = "  (";
	uint64_t told = 0;

	if (bucket == 0 || !by_class)
		return;
	for (int c = 0; c <= MM_CLASS_LOCAL; c++)
		told += by_class[c];
	if (told == 0 || told > bucket)
		return; /* some were tried more than once: not the reasons of what remained */

	for (int c = 0; c <= MM_CLASS_LOCAL; c++) {
		if (by_class[c] == 0)
			continue;
		fprintf(f, "%s%" PRIu64 " %s", sep, by_class[c],
			reason_words((enum mm_class)c));
		sep = ", ";
	}
	if (told < bucket)
		fprintf(f, "%s%" PRIu64 " more", sep, bucket - told);
	fputc(')', f);
}

static void put_bucket(FILE *f, const struct look *l, const char *label, uint64_t n,
		       enum colour colour)
{
	colour = n > 0 ? colour : COLOUR_NONE;
	fprintf(f, "  %s%-*s %9" PRIu64 "%s", colour_on(l, colour), LABEL_WIDTH, label, n,
		colour_off(l, colour));
}

static uint64_t duration(const struct run_summary *s)
{
	return s->finished_usec > s->started_usec ? s->finished_usec - s->started_usec : 0;
}

void run_view_refine(struct run_summary *s, uint64_t measured_usec)
{
	uint64_t told = duration(s);
	uint64_t apart = told > measured_usec ? told - measured_usec : measured_usec - told;

	if (s->started_usec > 0 && s->finished_usec >= s->started_usec && apart < USEC_PER_SEC)
		s->finished_usec = s->started_usec + measured_usec;
}

/* A rate over few whole seconds would be a guess; what was measured is not whole. */
static bool has_rate(uint64_t usec)
{
	return usec >= RATE_MIN_USEC || usec % USEC_PER_SEC != 0;
}

static void put_bytes(FILE *f, const struct run_summary *s)
{
	uint64_t usec = duration(s);
	char tmp[32];

	if (s->copied == 0 && s->bytes == 0)
		return;

	fprintf(f, "  %s", format_size(tmp, sizeof(tmp), s->bytes));
	if (has_rate(usec) && s->bytes > 0 && !s->dry_run)
		fprintf(f, ", %s/s",
			format_size(tmp, sizeof(tmp),
				    (uint64_t)((double)s->bytes * 1e6 / (double)usec)));
}

static void put_duration(FILE *f, const struct run_summary *s)
{
	bool ended = s->result == RUN_OK || s->result == RUN_PARTIAL;
	char span[32];

	if (s->started_usec == 0 || s->finished_usec == 0)
		return;
	fprintf(f, " %s %s", ended ? "in" : "after",
		when_length(span, sizeof(span), duration(s)));
}

static void put_headline(FILE *f, const struct look *l, const struct run_summary *s)
{
	static const struct {
		const char *word;
		const char *dry;
		enum colour colour;
	} results[] = {
		[RUN_OK] = {"done", "plan", COLOUR_GOOD},
		[RUN_PARTIAL] = {"done, but not everything", "plan, with trouble", COLOUR_WARN},
		[RUN_FAILED] = {"failed", "plan failed", COLOUR_BAD},
		[RUN_THROTTLED] = {"throttled", "plan, throttled", COLOUR_WARN},
		[RUN_CANCELLED] = {"cancelled", "plan cancelled", COLOUR_WARN},
		[RUN_INTERRUPTED] = {"interrupted", "plan interrupted", COLOUR_BAD},
	};
	enum colour colour = results[s->result].colour;

	fputs(colour_on(l, COLOUR_BOLD), f);
	put_clean(f, s->account ? s->account : "?");
	fprintf(f, "%s: %s%s%s", colour_off(l, COLOUR_BOLD), colour_on(l, colour),
		s->dry_run ? results[s->result].dry : results[s->result].word,
		colour_off(l, colour));
	put_duration(f, s);
	if (s->dry_run)
		fputs(", nothing was changed on either side", f);
	if (s->id && *s->id) {
		fputs(" (run ", f);
		put_clean(f, s->id);
		fputc(')', f);
	}
	fputc('\n', f);
}

static void put_buckets(FILE *f, const struct look *l, const struct run_summary *s,
			const struct reasons *reasons)
{
	char tmp[32], skipped[SKIPS_TEXT_MAX];

	put_bucket(f, l, s->dry_run ? "would copy" : "copied", s->copied, COLOUR_NONE);
	put_bytes(f, s);
	fputc('\n', f);
	put_bucket(f, l, "already there", s->present, COLOUR_NONE);
	fputc('\n', f);
	put_bucket(f, l, "skipped", s->skipped, COLOUR_WARN);
	skips_to_words(s->skipped_by, skipped);
	fprintf(f, "%s%s\n", *skipped ? " " : "", skipped);
	put_bucket(f, l, "failed", s->failed, COLOUR_BAD);
	put_reasons(f, s->failed, reasons ? reasons->failed : NULL);
	fputc('\n', f);
	put_bucket(f, l, s->dry_run ? "would set flags" : "flags updated", s->flags_updated,
		   COLOUR_NONE);
	fputc('\n', f);
	if (s->total_messages > 0) {
		put_bucket(f, l, "at the origin", s->total_messages, COLOUR_NONE);
		fprintf(f, "  %s\n", format_size(tmp, sizeof(tmp), s->total_bytes));
	}
	if (s->deleted > 0) {
		put_bucket(f, l, s->dry_run ? "would delete" : "deleted", s->deleted,
			   COLOUR_NONE);
		fputc('\n', f);
	}
}

void run_view_error(FILE *f, const struct look *l, const char *folder, uint32_t uid,
		    const char *text, const char *advice)
{
	size_t indent = 2;

	fputs("  ", f);
	if (folder && *folder) {
		char clean[512];

		(void)text_clean(clean, sizeof(clean), folder, strlen(folder));
		fputs(clean, f);
		if (uid > 0)
			fprintf(f, " uid %" PRIu32, uid);
		fputs(": ", f);
		indent += 2;
	}
	put_clean(f, text && *text ? text : "no reason was given");
	fputc('\n', f);
	if (advice && *advice) {
		put_blanks(f, indent + 2);
		put_wrapped(f, l, indent + 2, advice);
	}
}

static void put_errors(FILE *f, const struct look *l, const struct run_summary *s)
{
	uint64_t failed = s->failed + s->skipped;

	for (size_t i = 0; i < s->n_errors; i++)
		run_view_error(f, l, s->errors[i].folder, s->errors[i].uid, s->errors[i].text,
			       s->errors[i].advice);
	if (s->n_errors == RUN_ERRORS_MAX && failed > s->n_errors)
		fprintf(f, "  these are the first %zu errors\n", s->n_errors);
}

void run_view_summary(FILE *f, const struct look *l, const struct run_summary *s,
		      const struct reasons *reasons, bool errors_only)
{
	if (errors_only && s->exit_code == 0 && s->n_errors == 0)
		return;

	put_headline(f, l, s);
	/* A run that ended before it listed anything has nothing to count. */
	if (s->result == RUN_OK || s->copied || s->present || s->skipped || s->failed)
		put_buckets(f, l, s, reasons);
	put_errors(f, l, s);
	if (s->result == RUN_CANCELLED || s->result == RUN_INTERRUPTED)
		fputs("  what was copied stays; the next run goes on from there\n", f);
}

char *event_skips(const json_t *event, char buf[static SKIPS_TEXT_MAX])
{
	uint64_t counts[SKIP_N];

	skips_from_json(json_object_get(event, "skipped_by"), counts);
	return skips_to_words(counts, buf);
}

/* "Sent -> Sent Items", or one name when both sides agree. */
static void put_pair(FILE *f, const json_t *event)
{
	const char *origin = member_str(event, "folder");
	const char *destination = member_str(event, "destination");

	put_clean(f, origin);
	if (*destination && strcmp(origin, destination) != 0) {
		fputs(" -> ", f);
		put_clean(f, destination);
	}
}

void run_view_folder(FILE *f, const json_t *event)
{
	static const struct {
		const char *key;
		const char *word;
	} counts[] = {
		{"copied", "copied"},
		{"present", "already there"},
		{"skipped", "skipped"},
		{"failed", "failed"},
		{"flags_updated", "flags updated"},
		{"deleted", "deleted"},
	};
	const char *sep = ": ";
	char size[32], skipped[SKIPS_TEXT_MAX];

	put_pair(f, event);
	for (size_t i = 0; i < ELEMENTS(counts); i++) {
		uint64_t n = member_u64(event, counts[i].key);

		if (n == 0 && i > 0)
			continue;
		fprintf(f, "%s%" PRIu64 " %s", sep, n, counts[i].word);
		if (i == 0 && n > 0)
			fprintf(f, " (%s)",
				format_size(size, sizeof(size), member_u64(event, "bytes")));
		if (strcmp(counts[i].key, "skipped") == 0)
			fputs(event_skips(event, skipped), f);
		sep = ", ";
	}
	if (member_bool(event, "created"))
		fprintf(f, "%screated", sep);
	if (*member_str(event, "text")) {
		fputs("; ", f);
		put_clean(f, member_str(event, "text"));
	}
	fputc('\n', f);
}

void run_view_message(FILE *f, const json_t *event)
{
	put_clean(f, member_str(event, "folder"));
	if (member_u64(event, "uid") > 0)
		fprintf(f, " uid %" PRIu64, member_u64(event, "uid"));
	fputs(*member_str(event, "folder") ? ": " : "", f);
	put_clean(f, member_str(event, "result"));
	if (*member_str(event, "text")) {
		fputs(": ", f);
		put_clean(f, member_str(event, "text"));
	}
	fputc('\n', f);
}
