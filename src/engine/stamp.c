#include "engine/stamp.h"

#include <sodium.h>
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/io.h"
#include "base/post.h"
#include "base/process.h"
#include "crypto/sha256.h"
#include "format/timestamp.h"
#include "holdfast/err.h"

enum { OPENSSL_TIMEOUT_MS = 30000 };

static int ask(const char *url, const uint8_t hash[SHA256_BYTES], struct buf *answer, struct err *err)
{
	uint8_t query[TIMESTAMP_QUERY_BYTES], nonce[TIMESTAMP_NONCE_BYTES];
	struct timestamp t;
	randombytes_buf(nonce, sizeof nonce);
	timestamp_query(query, hash, nonce);
	const struct post post = { .url = url, .type = "application/timestamp-query", .body = query,
		                   .len = sizeof query, .answer = answer };
	if (post_send(&post, err) != 0 || timestamp_decode(&t, answer->bytes, answer->len, err) != 0)
		return err->code;
	if (memcmp(t.sha256, hash, SHA256_BYTES) != 0)
		return err_set(err, ERR_CORRUPT, "the authority stamped something else");
	if (memcmp(t.nonce, nonce, sizeof nonce) != 0)
		return err_set(err, ERR_CORRUPT, "the authority answered another question than ours");
	return 0;
}

/* It reads X.509 and CMS, which this program does not. */
static int verify(const char *ca_file, const uint8_t hash[SHA256_BYTES], const struct buf *answer,
                  struct err *err)
{
	char hex[2 * SHA256_BYTES + 1];
	const char *const argv[] = { "openssl", "ts", "-verify", "-digest",
		                     hex_encode(hex, hash, SHA256_BYTES), "-in", "/dev/stdin",
		                     "-CAfile", ca_file, NULL };
	const struct process_options o = { .argv = argv, .input = true };
	struct err unread, why;
	AUTO(process) p = process_start(&o, err);
	if (!p)
		return err_hint(err, "openssl(1) has to say whether the signature of a timestamp holds");
	/* one that has seen enough says so by its status */
	if (process_write(p, answer->bytes, answer->len, OPENSSL_TIMEOUT_MS, &unread) == 0)
		process_end_input(p, OPENSSL_TIMEOUT_MS, &unread);
	if (process_finish(p, OPENSSL_TIMEOUT_MS, &why) == 0)
		return 0;
	err_set(err, ERR_CORRUPT, "its signature does not verify by %.200s: %.200s", ca_file, why.msg);
	return err_hint(err, "are these the authority's certificates ('tsa-ca')?");
}

int stamp_ask(const struct stamp_authority *a, const void *bytes, size_t len, struct buf *answer,
              struct buf *certificates, struct err *err)
{
	uint8_t hash[SHA256_BYTES];
	sha256(hash, bytes, len);
	if (io_read_file(a->ca_file, certificates, err) != 0 || ask(a->url, hash, answer, err) != 0 ||
	    verify(a->ca_file, hash, answer, err) != 0)
		return err_wrap(err, "timestamp");
	return 0;
}
