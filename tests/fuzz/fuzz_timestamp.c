/* fuzz_timestamp - hostile answers of a timestamp authority. */
#include "format/timestamp.h"
#include "holdfast/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct timestamp t;
	struct err err;
	(void)timestamp_decode(&t, data, len, &err);
	return 0;
}
