/* SPDX-License-Identifier: Apache-2.0 */
/* Writing commands: tags, strings, and the consent that literals may need (RFC 9051 §4.3, RFC
 * 7888). */
#include <mailmig/crash_point.h>
#include <mailmig/text.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "imap_internal.h"

struct imap_cmd *imap_cmd_begin(struct imap *c, enum imap_verb verb, const char *name,
				struct mm_err *reterr)
{
	struct imap_cmd *cmd;

	if (c->n == IMAP_WINDOW_MAX) {
		mm_err_set(reterr, MM_SCOPE_STORE, MM_RETRY_NOW, -ENOBUFS,
			   "%s: too many commands in flight", c->label);
		return NULL;
	}
	cmd = &c->cmds[(c->first + c->n++) % IMAP_WINDOW_MAX];
	*cmd = (struct imap_cmd){.id = ++c->last_id, .verb = verb, .name = name};
	imap_put(c, "%08x.%u ", c->tag_base, cmd->id);
	return cmd;
}

void imap_put(struct imap *c, const char *fmt, ...)
{
	char small[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(small)) {
		stream_write(c->stream, small, (size_t)n);
	} else if (n >= 0) {
		_cleanup_(freep) char *big = malloc((size_t)n + 1);

		if (!big) { /* a command without some of its words may be a command, too */
			stream_write_nothing(c->stream);
			return;
		}
		va_start(ap, fmt);
		(void)vsnprintf(big, (size_t)n + 1, fmt, ap);
		va_end(ap);
		stream_write(c->stream, big, (size_t)n);
	}
}

void imap_cmd_end(struct imap *c)
{
	stream_write(c->stream, "\r\n", 2);
	pump_poll(c->pump);
	CRASH_POINT("sent", c->cmds[(c->first + c->n - 1) % IMAP_WINDOW_MAX].name);
}

int imap_put_literal(struct imap *c, struct imap_cmd *cmd, uint64_t size, struct mm_err *reterr)
{
	bool sync = !imap_has(c, IMAP_CAP_LITERAL_PLUS) &&
		    !(imap_has(c, IMAP_CAP_LITERAL_MINUS) && size <= 4096);

	imap_put(c, "{%llu%s}\r\n", (unsigned long long)size, sync ? "" : "+");
	if (!sync)
		return 0;

	/* A "+" belongs to the youngest command: all before it are complete on our side. */
	c->continuation = false;
	while (!c->continuation && !cmd->done) {
		struct imap_resp resp;
		int r = imap_read(c, "waiting for the server's consent to a literal", &resp,
				  reterr);

		if (r < 0)
			return r;
	}
	CRASH_POINT("consent", cmd->name);
	imap_budget_answered(&c->budget);
	return cmd->done ? 1 : 0;
}

/* utf8: so may be what goes between quotes (RFC 6855 §3). */
static bool is_quotable(const char *s, size_t n, bool utf8)
{
	bool wide = false;

	if (n > 1000)
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char ch = (unsigned char)s[i];

		if (ch < 0x20 || ch == 0x7f)
			return false;
		wide = wide || ch > 0x7f;
	}
	return !wide || (utf8 && text_is_utf8(s, n));
}

int imap_put_string(struct imap *c, struct imap_cmd *cmd, const char *s, size_t n,
		    struct mm_err *reterr)
{
	if (!is_quotable(s, n, imap_utf8(c))) {
		int r = imap_put_literal(c, cmd, n, reterr);

		if (r == 0)
			stream_write(c->stream, s, n);
		return r;
	}

	stream_write(c->stream, "\"", 1);
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '"' || s[i] == '\\')
			stream_write(c->stream, "\\", 1);
		stream_write(c->stream, &s[i], 1);
	}
	stream_write(c->stream, "\"", 1);
	return 0;
}
