/* SPDX-License-Identifier: Apache-2.0 */
/* Everything up to the moment the server waits for our login. libcurl does it; four rules were
 * each proven the hard way: no user name (it would log in itself and lose octets after the
 * tagged OK), the same buffer for a repeated send, read until it has nothing before waiting,
 * and a proxy that is set or empty but never taken from the environment. */
#include <mailmig/clock.h>
#include <mailmig/log.h>
#include <mailmig/parse.h>
#include <mailmig/text.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "net_internal.h"

DEFINE_CLEANUP(X509 *, X509_free)

int stream_global_init(struct mm_err *reterr)
{
	const curl_version_info_data *v;
	bool imaps = false;

	/* libcurl goes on with an OpenSSL that could not begin, and that then crashes. */
	if (OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, NULL) != 1 ||
	    !OSSL_LIB_CTX_get0_global_default() || curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		return mm_err_oom(reterr);

	v = curl_version_info(CURLVERSION_NOW);
	for (const char *const *p = v->protocols; *p; p++)
		imaps = imaps || strcmp(*p, "imaps") == 0;
	if (imaps && v->ssl_version && strstr(v->ssl_version, "OpenSSL"))
		return 0;

	mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_NEVER, -ENOTSUP,
		   "this libcurl (%s) has no IMAP over OpenSSL", curl_version());
	return mm_err_class(reterr, MM_CLASS_LOCAL, "install the package libcurl4");
}

/* The TLS session, which libcurl tells only while it works itself. */
static void note_session(struct stream *s)
{
	struct curl_tlssessioninfo *info = NULL;

	if (curl_easy_getinfo(s->curl, CURLINFO_TLS_SSL_PTR, &info) == CURLE_OK && info)
		s->ssl = info->internals;
}

/* Lines of the server before the hand-over, as libcurl reads them. */
static size_t on_line(char *p, size_t size, size_t n, void *userdata)
{
	struct stream *s = userdata;
	size_t len = size * n;

	if (!s->ssl)
		note_session(s);
	while (len > 0 && (p[len - 1] == '\n' || p[len - 1] == '\r'))
		len--;
	if (len > STREAM_LINE_MAX || len < 2 || memcmp(p, "* ", 2) != 0)
		return size * n;

	if (len > 13 && text_ieqn(p, 13, "* CAPABILITY ")) {
		uint64_t span = clock_usec() - s->greeted_usec;

		/* libcurl asks as soon as it is greeted; what follows TLS took longer. */
		if (s->greeting && (!s->round_trip_usec || span < s->round_trip_usec))
			s->round_trip_usec = span;
		free(s->capability);
		s->capability = text_dupn(p, len);
	} else if (!s->greeting) {
		s->greeting = text_dupn(p, len);
		s->greeted_usec = clock_usec();
	}
	return size * n;
}

static bool is_tls_trouble(CURLcode code)
{
	switch (code) {
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_USE_SSL_FAILED:
		return true;
	default:
		return false;
	}
}

/* What a person can do about a failed connection. */
static const char *advice_for(CURLcode code, const struct stream_options *o)
{
	switch (code) {
	case CURLE_OUT_OF_MEMORY:
		return MM_ADVICE_MEMORY;
	case CURLE_COULDNT_RESOLVE_HOST:
		return "check the server's host name and this machine's DNS";
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_PROXY:
		return "check the server's proxy setting";
	case CURLE_COULDNT_CONNECT:
		return "check host and port, and that no firewall is in between";
	case CURLE_OPERATION_TIMEDOUT:
		return "the server is down, overloaded, or does not speak IMAP on this port";
	case CURLE_PEER_FAILED_VERIFICATION:
		return "have the certificate renewed, or name its CA with tls_ca, or pin it "
		       "with "
		       "tls_fingerprint";
	case CURLE_SSL_CACERT_BADFILE:
		return "check the file named by tls_ca";
	case CURLE_SSL_CERTPROBLEM:
		return "check tls_client_cert and tls_client_key";
	case CURLE_USE_SSL_FAILED:
		return "the server offers no STARTTLS: use tls = \"implicit\"";
	case CURLE_SSL_CONNECT_ERROR:
		return o->tls == STREAM_TLS_IMPLICIT
			       ? "is this port for STARTTLS (143)? then set tls = \"starttls\""
			       : "the two sides agree on no TLS version or cipher: see tls_min";
	default:
		return "see whether the server answers: openssl s_client -connect HOST:PORT";
	}
}

/* What the time ran out for. */
static const char *awaited(const struct stream *s, const struct stream_options *o)
{
	curl_off_t connected = 0, encrypted = 0;

	(void)curl_easy_getinfo(s->curl, CURLINFO_CONNECT_TIME_T, &connected);
	(void)curl_easy_getinfo(s->curl, CURLINFO_APPCONNECT_TIME_T, &encrypted);
	if (s->tls_begun && encrypted == 0)
		return "waiting for the TLS handshake";
	if (connected == 0)
		return "waiting for the connection";
	if (!s->greeting)
		return "waiting for the greeting";
	/* Both are asked for by libcurl. */
	return o->tls != STREAM_TLS_STARTTLS || s->tls_begun || !s->capability
		       ? "waiting for CAPABILITY reply"
		       : "waiting for STARTTLS reply";
}

/* What happened, in words that are the same each time; libcurl's own name milliseconds. */
static const char *words_for(const struct stream *s, CURLcode code, const char *detail)
{
	long error = 0;

	(void)curl_easy_getinfo(s->curl, CURLINFO_OS_ERRNO, &error); /* 0: not known */
	switch (code) {
	case CURLE_COULDNT_CONNECT:
		return error > 0 ? strerror((int)error) : "no connection";
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
		return "the server closed the connection before its greeting";
	default:
		return *detail ? detail : curl_easy_strerror(code);
	}
}

static int describe_failure(const struct stream *s, const struct stream_options *o,
			    CURLcode code, const char *detail, struct mm_err *reterr)
{
	bool no_memory = code == CURLE_OUT_OF_MEMORY;
	bool never = code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CERTPROBLEM;
	bool cut = code == CURLE_SSL_CONNECT_ERROR && s->cut && !s->tls_refused;
	bool tls = is_tls_trouble(code) && !cut;

	if (s->greeting && strncasecmp(s->greeting, "* BYE", 5) == 0) {
		mm_err_set(reterr, MM_SCOPE_STORE, MM_RETRY_LATER, -ECONNREFUSED,
			   "%s: the server turned us away: %s", o->label, s->greeting + 2);
		return mm_err_class(reterr, MM_CLASS_CONNECT,
				    "the server gives the reason; try again later");
	}

	if (code == CURLE_OPERATION_TIMEDOUT) {
		char span[32];

		format_span(span, sizeof(span), o->timeout_usec);
		mm_err_set(reterr, MM_SCOPE_STORE, MM_RETRY_LATER, -ETIMEDOUT,
			   "%s: no answer for %s (%s)", o->label, span, awaited(s, o));
		return mm_err_class(reterr, MM_CLASS_CONNECT, "%s", advice_for(code, o));
	}
	mm_err_set(reterr, MM_SCOPE_STORE, never || tls ? MM_RETRY_NEVER : MM_RETRY_LATER,
		   tls         ? -EKEYREJECTED
		   : no_memory ? -ENOMEM
			       : -ECONNREFUSED,
		   "%s: %s", o->label,
		   cut ? "the connection broke in the TLS handshake"
		       : words_for(s, code, detail));
	return mm_err_class(reterr, no_memory ? MM_CLASS_LOCAL : MM_CLASS_CONNECT, "%s",
			    advice_for(cut ? CURLE_RECV_ERROR : code, o));
}

/* Stands for the check of chain and name where a certificate is pinned: only notes which one
 * was shown. */
static int note_certificate(X509_STORE_CTX *ctx, void *userdata)
{
	struct stream *s = userdata;
	const X509 *cert = X509_STORE_CTX_get0_cert(ctx);
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned int n = 0;

	if (cert && X509_digest(cert, EVP_sha256(), md, &n) == 1)
		format_hex(md, n, s->fingerprint);
	return 1;
}

/* Sees every record. Why a handshake failed is told by an alert of one of the two sides. */
static void on_tls_record(int outgoing, int version, int type, const void *octets, size_t n,
			  SSL *ssl, void *userdata)
{
	struct stream *s = userdata;

	(void)version;
	(void)ssl;
	if (type != SSL3_RT_ALERT || n < 2)
		return;
	if (!outgoing)
		s->tls_refused = true;
	else if (((const uint8_t *)octets)[1] == SSL_AD_BAD_RECORD_MAC)
		s->cut = true;
}

/* Has the peer gone already when libcurl gives a connection up? */
static int on_close(void *userdata, curl_socket_t fd)
{
	struct stream *s = userdata;
	uint8_t octet;

	s->cut = s->cut || recv(fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
	return close(fd);
}

static CURLcode on_tls_context(CURL *h, void *context, void *userdata)
{
	struct stream *s = userdata;

	(void)h;
	s->tls_begun = true;
	SSL_CTX_set_default_read_buffer_len(context, STREAM_IN_MAX);
	SSL_CTX_set_msg_callback(context, on_tls_record);
	SSL_CTX_set_msg_callback_arg(context, s);
	if (s->pinned)
		SSL_CTX_set_cert_verify_callback(context, note_certificate, s);
	return CURLE_OK;
}

/* Those that libcurl copies. Without one of them the mail would take another route, or trust
 * another authority. */
static void set_text(CURL *h, CURLoption option, const char *text, CURLcode *code)
{
	if (text && *code == CURLE_OK)
		*code = curl_easy_setopt(h, option, text);
}

static void set_tls(CURL *h, struct stream *s, const struct stream_options *o)
{
	bool check = o->tls_verify && !o->tls_fingerprint;
	long min = o->tls_min && strcmp(o->tls_min, "1.3") == 0 ? CURL_SSLVERSION_TLSv1_3
								: CURL_SSLVERSION_TLSv1_2;

	curl_easy_setopt(h, CURLOPT_USE_SSL,
			 o->tls == STREAM_TLS_NONE ? (long)CURLUSESSL_NONE
						   : (long)CURLUSESSL_ALL);
	curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, check ? 1L : 0L);
	curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, check ? 2L : 0L);
	curl_easy_setopt(h, CURLOPT_SSLVERSION, min);
	/* One connection a handle: there is nothing to resume. */
	curl_easy_setopt(h, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	curl_easy_setopt(h, CURLOPT_SSL_CTX_FUNCTION, on_tls_context);
	curl_easy_setopt(h, CURLOPT_SSL_CTX_DATA, s);
	if (o->tls_ca)
		curl_easy_setopt(h, CURLOPT_CAPATH, NULL);
}

static CURLcode set_options(CURL *h, struct stream *s, const struct stream_options *o,
			    const char *url, char *errbuf)
{
	CURLcode code = CURLE_OK;

	set_text(h, CURLOPT_URL, url, &code);
	set_text(h, CURLOPT_PROTOCOLS_STR, "imap,imaps", &code);
	set_text(h, CURLOPT_PROXY, o->proxy ? o->proxy : "", &code);
	set_text(h, CURLOPT_CAINFO, o->tls_ca, &code);
	set_text(h, CURLOPT_SSLCERT, o->tls_client_cert, &code);
	set_text(h, CURLOPT_SSLKEY, o->tls_client_key, &code);
	curl_easy_setopt(h, CURLOPT_PORT, (long)o->port);
	curl_easy_setopt(h, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h, CURLOPT_ERRORBUFFER, errbuf);
	curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_line);
	curl_easy_setopt(h, CURLOPT_HEADERDATA, s);
	curl_easy_setopt(h, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	curl_easy_setopt(h, CURLOPT_CLOSESOCKETDATA, s);
	curl_easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS,
			 (long)MIN_OF(o->timeout_usec / USEC_PER_MSEC, (uint64_t)3600000));
	curl_easy_setopt(h, CURLOPT_SERVER_RESPONSE_TIMEOUT,
			 (long)MAX_OF(o->timeout_usec / USEC_PER_SEC, (uint64_t)1));
	set_tls(h, s, o);
	return code;
}

/* Compare the certificate that was shown with the one that was pinned. Nothing secret has been
 * sent yet: login is ours and comes later. */
static int check_pin(const struct stream *s, const struct stream_options *o,
		     struct mm_err *reterr)
{
	if (!o->tls_fingerprint || strcasecmp(s->fingerprint, o->tls_fingerprint) == 0)
		return 0;

	mm_err_set(reterr, MM_SCOPE_STORE, MM_RETRY_NEVER, -EKEYREJECTED,
		   "%s: certificate %s is not the pinned %s", o->label,
		   *s->fingerprint ? s->fingerprint : "(none)", o->tls_fingerprint);
	return mm_err_class(
		reterr, MM_CLASS_CONNECT,
		"if the server got a new certificate, update tls_fingerprint; if not, "
		"somebody is in between");
}

static uint64_t usec_of(const ASN1_TIME *t)
{
	struct tm tm = {0};
	time_t seconds;

	if (!t || ASN1_TIME_to_tm(t, &tm) != 1)
		return 0;
	seconds = timegm(&tm);
	return seconds > 0 ? (uint64_t)seconds * USEC_PER_SEC : 0;
}

/* What people are told of the session, while libcurl still shows it. */
static void note_tls(struct stream *s)
{
	_cleanup_(X509_freep) X509 *cert = SSL_get1_peer_certificate(s->ssl);
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned int n = 0;
	char name[256] = "";
	int len;

	(void)snprintf(s->tls.version, sizeof(s->tls.version), "%s", SSL_get_version(s->ssl));
	if (!cert)
		return;
	len = X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name,
					sizeof(name));
	if (len > 0) {
		(void)snprintf(s->tls.subject, sizeof(s->tls.subject), "CN=");
		(void)text_clean(s->tls.subject + 3, sizeof(s->tls.subject) - 3, name,
				 MIN_OF((size_t)len, sizeof(name) - 1));
	}
	if (X509_digest(cert, EVP_sha256(), md, &n) == 1)
		format_hex(md, n, s->tls.fingerprint);
	s->tls.valid_until_usec = usec_of(X509_get0_notAfter(cert));
}

int stream_connect(struct stream *s, const struct stream_options *o, struct mm_err *reterr)
{
	_cleanup_(freep) char *url = NULL;
	char errbuf[CURL_ERROR_SIZE] = "";
	curl_socket_t fd = CURL_SOCKET_BAD;
	bool v6 = strchr(o->host, ':') != NULL;
	CURLcode code;

	s->curl = curl_easy_init();
	url = text_fmt("%s://%s%s%s/", o->tls == STREAM_TLS_IMPLICIT ? "imaps" : "imap",
		       v6 ? "[" : "", o->host, v6 ? "]" : "");
	if (!s->curl || !url)
		return mm_err_oom(reterr);

	s->pinned = o->tls_fingerprint != NULL;
	code = set_options(s->curl, s, o, url, errbuf);
	if (code == CURLE_OK)
		code = curl_easy_perform(s->curl);
	/* errbuf lives on this stack, the handle longer. */
	curl_easy_setopt(s->curl, CURLOPT_ERRORBUFFER, NULL);
	if (code != CURLE_OK)
		return describe_failure(s, o, code, errbuf, reterr);

	if (curl_easy_getinfo(s->curl, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK || fd < 0)
		return describe_failure(s, o, CURLE_COULDNT_CONNECT, "connection was not kept",
					reterr);
	s->fd = fd;
	s->encrypted = o->tls != STREAM_TLS_NONE;
	/* Servers send small records: from here on many are taken out of the kernel at once.
	 * libcurl itself would wait for octets that are in OpenSSL's buffer already. */
	if (s->ssl) {
		SSL_set_read_ahead(s->ssl, 1);
		note_tls(s);
	}
	s->ssl = NULL;
	return check_pin(s, o, reterr);
}
