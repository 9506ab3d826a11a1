#include "net_judge.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "holdfast/err.h"
#include "net_call.h"
#include "net_loop.h"

enum {
	BACKOFF_FIRST_MS = 250,
	BACKOFF_MAX_MS = 20000,
	RETRY_AFTER_MAX_S = 120,
};

/* ---- verdicts ---- */

/* By https://curl.se/libcurl/c/libcurl-errors.html; what is not here may pass. */
static const struct {
	CURLcode code;
	enum net_verdict verdict;
} verdicts[] = {
	{ CURLE_OK, NET_ANSWERED },
	{ CURLE_QUOTE_ERROR, NET_ANSWERED },
	{ CURLE_REMOTE_FILE_NOT_FOUND, NET_ANSWERED },
	{ CURLE_REMOTE_ACCESS_DENIED, NET_ANSWERED },
	{ CURLE_REMOTE_DISK_FULL, NET_ANSWERED },
	{ CURLE_REMOTE_FILE_EXISTS, NET_ANSWERED },
	{ CURLE_UPLOAD_FAILED, NET_ANSWERED },
	{ CURLE_BAD_DOWNLOAD_RESUME, NET_ANSWERED },
	{ CURLE_SSH, NET_ANSWERED },
	{ CURLE_PEER_FAILED_VERIFICATION, NET_REFUSED },
	{ CURLE_SSL_CACERT_BADFILE, NET_REFUSED },
	{ CURLE_SSL_CERTPROBLEM, NET_REFUSED },
	{ CURLE_SSL_PINNEDPUBKEYNOTMATCH, NET_REFUSED },
	{ CURLE_SSL_ISSUER_ERROR, NET_REFUSED },
	{ CURLE_SSL_INVALIDCERTSTATUS, NET_REFUSED },
	{ CURLE_LOGIN_DENIED, NET_REFUSED },
	{ CURLE_UNSUPPORTED_PROTOCOL, NET_REFUSED },
	{ CURLE_URL_MALFORMAT, NET_REFUSED },
	{ CURLE_COULDNT_RESOLVE_HOST, NET_UNREACHED },
	{ CURLE_COULDNT_RESOLVE_PROXY, NET_UNREACHED },
	{ CURLE_COULDNT_CONNECT, NET_UNREACHED },
	{ CURLE_OPERATION_TIMEDOUT, NET_UNREACHED },
};

/* Of the ways in which no SSH session comes about only this one is a refusal: no method in common. */
static bool is_kex_failure(const char *said)
{
	return strstr(said, "ssh session: -5,") != NULL;   /* LIBSSH2_ERROR_KEX_FAILURE */
}

static enum net_verdict judge_curl(CURLcode code, const char *said)
{
	if (code == CURLE_FAILED_INIT && is_kex_failure(said))
		return NET_REFUSED;
	for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++)
		if (verdicts[i].code == code)
			return verdicts[i].verdict;
	return NET_PASSING;
}

static bool passes(long status)
{
	return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
	       status == 504;
}

enum net_verdict net_judge(const struct net_call *c, CURLcode result, bool *reached)
{
	enum net_verdict v = judge_curl(result, c->said);
	if (v != NET_ANSWERED)
		return v == NET_UNREACHED && *reached ? NET_PASSING : v;
	*reached = true;
	bool good = c->method ? c->status >= 200 && c->status < 300 : result == CURLE_OK;
	if (!good && ((c->method && passes(c->status)) || (c->again && c->again(c, c->arg))))
		return NET_PASSING;
	return NET_ANSWERED;
}

/* ---- errors ---- */

int net_refused(const char *host, CURLcode code, const struct net_call *c, struct err *err)
{
	if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT)
		return err_set(err, ERR_INVALID, "%s: %s", host, curl_easy_strerror(code));
	err_set(err, ERR_DENIED, "%s: %s", host, c->said[0] ? c->said : curl_easy_strerror(code));
	if (code == CURLE_LOGIN_DENIED)
		return err_hint(err, "the server took none of the keys or passwords that were offered");
	return err_hint(err, "this may not be the server it claims to be; for an authority of your own "
	                     "set ca-file");
}

int net_unreachable(const char *host, CURLcode code, const struct net_call *c,
                    struct err *err)
{
	if (code == CURLE_OK)
		err_set(err, ERR_UNREACHABLE, "%s answers %ld, tried %u times", host, c->status,
		        c->attempts);
	else
		err_set(err, ERR_UNREACHABLE, "%s: %s, tried %u times", host,
		        c->said[0] ? c->said : curl_easy_strerror(code), c->attempts);
	return err_hint(err, "repeat it later: what has arrived is used again");
}

/* ---- waiting ---- */

static int64_t retry_after_ns(const struct net_call *c)
{
	const char *value = net_wanted(c, "Retry-After");
	char *end;
	long seconds = isdigit((unsigned char)value[0]) ? strtol(value, &end, 10) : 0;
	if (value[0] && !isdigit((unsigned char)value[0])) {
		time_t at = curl_getdate(value, NULL);
		seconds = at > 0 ? (long)(at - time(NULL)) : 0;
	}
	if (seconds < 0)
		seconds = 0;
	return (seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S) * NET_NS;
}

int64_t net_backoff_ns(const struct net_call *c)
{
	uint64_t ms = BACKOFF_FIRST_MS;
	for (unsigned i = 1; i < c->attempts && ms < BACKOFF_MAX_MS; i++)
		ms *= 2;
	if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	uint32_t random = 0;
	(void)!getrandom(&random, sizeof random, 0);
	int64_t wait = (int64_t)(ms / 2 + random % (ms / 2 + 1)) * (NET_NS / 1000);
	int64_t asked = retry_after_ns(c);
	return wait > asked ? wait : asked;
}
