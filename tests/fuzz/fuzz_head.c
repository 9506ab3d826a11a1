/* fuzz_head - a snapshot object is taken apart without leaving it. */
#include <stdlib.h>

#include "base/buf.h"
#include "format/head.h"
#include "holdfast/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_parts(const struct head_parts *p, const uint8_t *data, size_t len)
{
	if (p->head < data || p->head + p->head_len > data + len || p->body < data ||
	    p->body + p->body_len != data + len)
		abort();
}

/* What decodes can be written again, within the limits of what is read. */
static void check_again(struct head *h, const struct head_parts *p)
{
	static const uint8_t sk[SIGN_SECRET_BYTES];
	struct head_parts again;
	struct err err;
	AUTO(buf) out = buf_new(1 << 26, &err);
	if (!out || head_encode(h, p->body, p->body_len, sk, out, &err) != 0 ||
	    head_split(&again, out->bytes, out->len, &err) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct head_parts parts;
	struct head head;
	struct err err;
	if (head_split(&parts, data, len, &err) != 0)
		return 0;
	check_parts(&parts, data, len);
	if (head_decode(&head, &parts, &err) != 0)
		return 0;
	if (head.n_packs > HEAD_PACKS_MAX)
		abort();
	check_again(&head, &parts);
	head_clear(&head);
	return 0;
}
