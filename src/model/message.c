/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/message.h>
#include <mailmig/parse.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

/* Days from 1970-01-01 to a date of the Gregorian calendar; month from 1. */
static int64_t days_of(int64_t year, uint32_t month, uint32_t day)
{
	static const uint16_t before[] = {0,   31,  59,  90,  120, 151,
					  181, 212, 243, 273, 304, 334};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	int64_t y = year - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 - 719162 + before[month - 1] +
	       (leap && month > 2) + day - 1;
}

static uint32_t month_of(const char *s)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (uint32_t i = 0; i < 12; i++)
		if (strncasecmp(s, months + 3 * (size_t)i, 3) == 0)
			return i + 1;
	return 0;
}

int64_t message_date(const char *date)
{
	/* "dd-Mon-yyyy hh:mm:ss +zzzz" (RFC 9051 §9, date-time) */
	static const struct {
		uint8_t at, n;
	} parts[] = {{0, 2}, {7, 4}, {12, 2}, {15, 2}, {18, 2}, {22, 2}, {24, 2}};
	uint32_t v[ELEMENTS(parts)], month;
	int64_t zone;

	if (strlen(date) != 26)
		return MESSAGE_NO_DATE;
	for (size_t i = 0; i < ELEMENTS(parts); i++) {
		const char *p = date + parts[i].at;
		size_t n = parts[i].n;

		if (i == 0 && *p == ' ') { /* of one digit */
			p++;
			n--;
		}
		if (parse_u32(p, n, &v[i]) < 0)
			return MESSAGE_NO_DATE;
	}
	month = month_of(date + 3);
	if (month == 0)
		return MESSAGE_NO_DATE;
	zone = (int64_t)v[5] * 3600 + (int64_t)v[6] * 60;
	return days_of(v[1], month, v[0]) * 86400 + (int64_t)v[2] * 3600 + (int64_t)v[3] * 60 +
	       v[4] - (date[21] == '-' ? -zone : zone);
}

int message_digest(const struct spool *s, uint8_t digest[MESSAGE_DIGEST_OCTETS])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	char chunk[4096];
	uint64_t at = 0;
	ssize_t n = 0;
	bool ok = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1;

	while (ok && (n = spool_read_at(s, at, chunk, sizeof(chunk))) > 0) {
		ok = EVP_DigestUpdate(md, chunk, (size_t)n) == 1;
		at += (uint64_t)n;
	}
	ok = ok && EVP_DigestFinal_ex(md, digest, NULL) == 1;
	EVP_MD_CTX_free(md);
	return n < 0 ? (int)n : ok ? 0 : -ENOMEM;
}
