/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_PARSE_H
#define MAILMIG_PARSE_H

#include <mailmig/base.h>

/* Checked parsing of whole strings: no sign, no leading blank, nothing left over.
 * All return 0; -EBADMSG when the text is not of the form; -ERANGE when too large. */
int parse_u32(const char *s, size_t n, uint32_t *ret);
int parse_u64(const char *s, size_t n, uint64_t *ret);

/* A size with an optional unit: "512", "64KiB", "10 MB", "1GiB", "1G". K, M, G, T alone and
 * with "iB" count in 1024, "kB", "MB", "GB", "TB" in 1000. */
int parse_size(const char *s, uint64_t *ret_bytes);

/* A rate in octets a second: a size, with or without "/s" behind it. */
int parse_rate(const char *s, uint64_t *ret_bytes_per_sec);

/* A time span: "90", "2min", "1h 30min", "7d", "2 weeks", "0.5s". A bare number is seconds. The
 * units are systemd.time(7)'s: us, ms, s/sec/second(s), min/minute(s)/m, h/hr/hour(s),
 * d/day(s), w/week(s), M/month(s) (30.44 d), y/year(s) (365.25 d). */
int parse_span(const char *s, uint64_t *ret_usec);

/* "1.2 MiB", "317 B": for people. buf of at least 32. Returns buf. */
char *format_size(char *buf, size_t n, uint64_t bytes);

/* "3 min 12 s", "850 ms": for people. Returns buf. */
char *format_span(char *buf, size_t n, uint64_t usec);

/* Lower-case hexadecimal of n octets into out (2n + 1). */
void format_hex(const void *p, size_t n, char *out);

/* n octets out of 2n lower-case hexadecimal digits; -EBADMSG when there is something else. */
int parse_hex(const char *s, size_t n, void *out);

#endif
