/* fuzz_note - checkpoints, proofs that hold one, and keys of witnesses. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "format/note.h"
#include "format/tiles.h"
#include "format/tlogproof.h"
#include "holdfast/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_note(const uint8_t *data, size_t len)
{
	static const uint8_t pk[32] = { 1 };
	struct note n;
	struct err err;
	uint64_t when;
	if (note_decode(&n, data, len, &err) != 0)
		return;
	if (n.text_len >= len || n.size > TILES_SIZE_MAX || strlen(n.origin) >= sizeof n.origin)
		abort();
	note_verify(&n, data, len, n.origin, pk, &err);
	note_verify_cosigned(&n, data, len, n.origin, pk, &when, &err);
}

static void check_witness(const uint8_t *data, size_t len)
{
	struct note_witness w;
	struct err err;
	char again[NOTE_KEY_MAX];
	if (note_witness_decode(&w, (const char *)data, len, &err) == 0 &&
	    strncmp(note_witness_key(again, &w), (const char *)data, strlen(again)) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct tlogproof p;
	struct err err;
	check_note(data, len);
	check_witness(data, len);
	if (tlogproof_decode(&p, data, len, &err) != 0)
		return 0;
	check_note(p.checkpoint, p.checkpoint_len);
	/* one spelling only */
	AUTO(buf) again = buf_new(TLOGPROOF_MAX, &err);
	if (!again || tlogproof_encode(&p, again, &err) != 0 || again->len != len ||
	    memcmp(again->bytes, data, len) != 0)
		abort();
	return 0;
}
