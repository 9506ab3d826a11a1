/* fuzz_mask_talk - a line that a sandbox says is refused, or says the same again when it is written anew. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "source/mask_talk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct err err = { 0 };
	struct mask_line line, again;
	if (mask_line_decode(&line, (const char *)data, len, &err) != 0) {
		if (err.code != ERR_CORRUPT)
			abort();
		return 0;
	}
	AUTO(buf) text = buf_new(MASK_TALK_MAX, &err);
	if (!text || mask_line_encode(&line, text, &err) != 0 ||
	    mask_line_decode(&again, (const char *)text->bytes, text->len - 1, &err) != 0)
		abort();
	if (again.said != line.said || strcmp(again.table, line.table) != 0 ||
	    strcmp(again.column, line.column) != 0 || again.why.code != line.why.code ||
	    strcmp(again.why.msg, line.why.msg) != 0 ||
	    memcmp(&again.result, &line.result, sizeof line.result) != 0)
		abort();
	mask_line_clear(&line);
	mask_line_clear(&again);
	return 0;
}
