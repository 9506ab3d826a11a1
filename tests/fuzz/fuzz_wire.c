/*
 * fuzz_wire - a reader over hostile bytes stays inside them, stays bad once it is bad, and takes
 * only the shortest spelling of a varint. The first half of the input says what is read from the
 * second.
 */
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void varint_is_shortest(struct wire *w)
{
	const uint8_t *from = w->at;
	uint64_t value = wire_varint(w);
	uint8_t again[WIRE_VARINT_MAX];
	if (!wire_ok(w))
		return;
	size_t n = (size_t)(wire_put_varint(again, value) - again);
	if (n != (size_t)(w->at - from) || memcmp(again, from, n) != 0)
		abort();
}

static void read_one(struct wire *w, uint8_t what)
{
	uint8_t copy[64];
	size_t n = 0;
	const uint8_t *p;
	switch (what % 8) {
	case 0: (void)wire_u8(w); break;
	case 1: (void)wire_u16(w); break;
	case 2: (void)wire_u32(w); break;
	case 3: (void)wire_u64(w); break;
	case 4: varint_is_shortest(w); break;
	case 5:
		if (wire_bounded(w, what) > what)
			abort();
		break;
	case 6: wire_copy(w, copy, what % sizeof copy); break;
	default:
		p = wire_counted(w, what, &n);
		if (n > what || (!p && n > 0))
			abort();
		/* AddressSanitizer sees a byte outside */
		for (size_t i = 0; i < n; i++)
			copy[i % sizeof copy] = p[i];
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	size_t half = len / 2;
	struct wire w = wire_over(data + half, len - half);
	for (size_t i = 0; i < half; i++) {
		bool was_bad = !wire_ok(&w);
		read_one(&w, data[i]);
		if ((was_bad && wire_ok(&w)) || w.at < data + half || w.at > data + len)
			abort();
	}
	return 0;
}
