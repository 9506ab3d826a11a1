/* net_call - a request and its answer, for net_do. */
#ifndef NET_CALL_H
#define NET_CALL_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

enum {
	NET_HEADER_MAX = 256,
	NET_HEADERS_MAX = 8,
	NET_REASON_MAX = 64 << 10,
	NET_BULK_BYTES = 1 << 20,     /* calls that move as much count against `connections` */
};

struct net_header {
	const char *name;             /* of the answer; case does not matter */
	char value[NET_HEADER_MAX];   /* "" when absent */
};

struct net_call {
	/* the request: what is pointed at stays the caller's, and must live during net_do */
	const char *url;
	const char *method;           /* HTTP; NULL: as curl does by itself (sftp) */
	const char *const *headers;   /* "Name: value", NULL at the end; NULL: none */
	const void *body;             /* sent when not NULL; an upload for sftp */
	size_t body_len;
	/* sets what is the driver's own, on the handle of every attempt: credentials, ranges, quotes.
	 * ERR_* ends the call. NULL: nothing. */
	int (*prepare)(CURL *easy, struct net_call *call, void *arg, struct err *err);
	/* Is this final answer (not 2xx, not CURLE_OK) one that passes by itself? NULL: no. */
	bool (*again)(const struct net_call *call, void *arg);
	void *arg;
	const char *object;           /* what messages call it; NULL: the URL's host */

	/* the answer */
	void *out;                    /* where the body of a 2xx answer goes: at most cap bytes; what is */
	size_t cap, len;              /* beyond is not fetched. len says how many came */
	struct buf *text;             /* or it is appended here, up to its max: ERR_LIMIT beyond */
	struct net_header wanted[NET_HEADERS_MAX];
	long status;                  /* HTTP; 0 for sftp */
	CURLcode curl;                /* sftp: what curl says of the operation itself, CURLE_OK or one of
	                                 QUOTE_ERROR, REMOTE_FILE_NOT_FOUND, REMOTE_ACCESS_DENIED,
	                                 REMOTE_DISK_FULL, REMOTE_FILE_EXISTS, UPLOAD_FAILED,
	                                 BAD_DOWNLOAD_RESUME, SSH: the last may be a lost connection, which
	                                 `again` has to tell from a refusal */
	char said[CURL_ERROR_SIZE];   /* with it */
	uint64_t total;               /* of the whole body, as the answer claims; UINT64_MAX: unknown */
	int64_t time_s;               /* of the last change, where prepare set CURLOPT_FILETIME; or -1 */
	struct buf *reason;           /* body of an answer that is not 2xx, cut; may be NULL */
	struct curl_slist *lists[2];  /* for prepare: freed by net after each attempt */
	bool unheard;                 /* an attempt before the last may have been carried out */
	unsigned attempts;
};

/* After net_do; what the caller gave stays the caller's. */
void net_call_end(struct net_call *call);

const char *net_wanted(const struct net_call *call, const char *name);   /* "" when absent */

#endif
