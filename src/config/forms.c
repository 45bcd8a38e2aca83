/* SPDX-License-Identifier: Apache-2.0 */
#include "config_internal.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <mailmig/flags.h>
#include <mailmig/parse.h>
#include <mailmig/text.h>
#include <string.h>

/* What a text must look like. Each rule answers NULL, or "what is wrong; what would be right"
 * to go behind `KEY = "VALUE" `. The text is valid UTF-8 and not empty: check_value() saw to
 * that. */

#define HOST_MAX        253 /* RFC 1035 §2.3.4, without the final dot */
#define SERVER_NAME_MAX 64

static bool has_control(const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	}
	return false;
}

const char *rule_server_name(const char *s)
{
	if (has_control(s))
		return "contains a control character; remove it";
	if (strlen(s) > SERVER_NAME_MAX)
		return "is too long; use up to 64 octets";
	return NULL;
}

const char *rule_account_name(const char *s)
{
	return config_account_name_ok(s) ? NULL
					 : "is no name; use 1 to 64 of A-Z a-z 0-9 _ . @ - "
					   "(and not \".\" or \"..\" alone)";
}

const char *rule_secret_name(const char *s)
{
	return text_is_name(s) ? NULL
			       : "is no name of a secret; use 1 to 64 of A-Z a-z 0-9 _ . @ - "
				 "(and not \".\" or \"..\" alone)";
}

/* An IPv6 address, with or without a zone. */
static bool is_ipv6(const char *s)
{
	char address[INET6_ADDRSTRLEN];
	size_t n = strcspn(s, "%");
	struct in6_addr a;

	if (n >= sizeof(address))
		return false;
	memcpy(address, s, n);
	address[n] = 0;
	return inet_pton(AF_INET6, address, &a) == 1;
}

const char *rule_host(const char *s)
{
	if (strstr(s, "://"))
		return "is an address of the web's kind; write the name alone";
	if (has_control(s) || strpbrk(s, " /\\@?#\""))
		return "is no host name; write it without blanks, '/' and the like";
	if (*s == '[')
		return "has brackets; write the IPv6 address without them";
	if (strchr(s, ':') && !is_ipv6(s))
		return "contains ':'; write the port as a key of its own (port = 993)";
	if (strlen(s) > HOST_MAX)
		return "is too long; a host name has up to 253 characters";
	return NULL;
}

const char *rule_user(const char *s)
{
	return strpbrk(s, "\r\n") ? "contains a line break; remove it" : NULL;
}

const char *rule_command(const char *s)
{
	return s[strspn(s, " \t\r\n")] ? NULL : "is blank; write the command";
}

bool fingerprint_normalize(const char *s, char *ret)
{
	size_t n = 0;

	for (; *s; s++) {
		if (*s == ':' && n > 0 && n % 2 == 0 && s[-1] != ':')
			continue;
		if (!isxdigit((unsigned char)*s) || n == 64)
			return false;
		ret[n++] = (char)tolower((unsigned char)*s);
	}
	ret[n] = 0;
	return n == 64 && s[-1] != ':';
}

const char *rule_fingerprint(const char *s)
{
	char digits[65];

	return fingerprint_normalize(s, digits)
		       ? NULL
		       : "is no SHA-256 fingerprint; write its 64 hexadecimal digits (as from "
			 "openssl x509 -noout -fingerprint -sha256), with or without ':'";
}

const char *rule_proxy(const char *s)
{
	static const char *const schemes[] = {"socks5h://", "socks5://", "socks4a://",
					      "socks4://",  "http://",   "https://"};

	if (has_control(s) || strchr(s, ' '))
		return "contains blanks or control characters; remove them";
	for (size_t i = 0; i < ELEMENTS(schemes); i++) {
		size_t n = strlen(schemes[i]);

		if (strncmp(s, schemes[i], n) == 0 && s[n] && s[n] != '/' && s[n] != ':')
			return NULL;
	}
	return "is no proxy; write SCHEME://HOST:PORT with socks5h, socks5, socks4a, socks4, "
	       "http or https";
}

const char *rule_flag(const char *s)
{
	switch (flags_word_kind(s)) {
	case FLAGS_WORD_GOOD:
		break;
	case FLAGS_WORD_NEVER:
		return "is a flag that never travels; remove it";
	case FLAGS_WORD_SYSTEM:
		return "is no flag that travels; write \\\\Seen, \\\\Answered, "
		       "\\\\Flagged, \\\\Draft or a keyword";
	case FLAGS_WORD_ILLEGAL:
		return "is no keyword; write up to 200 characters of ASCII without blanks and "
		       "( ) { % * \" \\";
	}
	return NULL;
}

int absence_parse(const char *s, uint32_t *ret_percent, uint32_t *ret_messages)
{
	uint32_t percent = 0, messages = 0;
	bool has_percent = false, has_messages = false;

	for (s += strspn(s, " "); *s; s += strspn(s, " ")) {
		size_t n = strcspn(s, " ");
		bool is_percent = s[n - 1] == '%';

		if (is_percent ? has_percent : has_messages)
			return -EBADMSG;
		if (parse_u32(s, n - is_percent, is_percent ? &percent : &messages) < 0)
			return -EBADMSG;
		*(is_percent ? &has_percent : &has_messages) = true;
		s += n;
	}
	if ((!has_percent && !has_messages) || percent > 100)
		return -EBADMSG;
	*ret_percent = has_percent ? percent : 100;
	*ret_messages = has_messages ? messages : UINT32_MAX;
	return 0;
}

const char *rule_absence(const char *s)
{
	uint32_t percent, messages;

	return absence_parse(s, &percent, &messages) == 0
		       ? NULL
		       : "is neither a part nor a number of messages; write \"10%\", \"50\", "
			 "or "
			 "both: \"10% 50\"";
}
