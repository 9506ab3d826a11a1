#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/buf.h"
#include "holdfast/err.h"
#include "vault/extents.h"

static void extents_come_back_as_they_were(void **state)
{
	(void)state;
	struct err err;
	const struct extent list[] = {
		{ 0, 0, 0, 4000000000, 0 },
		{ 7, 3, 0, 1000, 40 },
		{ 7, 3, 1000, 2000, 41 },
		{ 7, 3, 3000, 1, 43 },
		{ 7, 4, 3001, 5, 44 },
		{ 0, 0, 0, 1, 0 },
		{ 4000000000, 65535, 262143, 1, 100000 },
	};
	size_t n = sizeof list / sizeof *list, got;
	struct extent *back;
	AUTO(buf) b = buf_new(1000, &err);
	assert_int_equal(extents_encode(b, list, n, &err), 0);
	assert_int_equal(extents_decode(b->bytes, b->len, &back, &got, &err), 0);
	assert_int_equal(got, n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(back[i].serial, list[i].serial);
		assert_int_equal(back[i].frame, list[i].frame);
		assert_int_equal(back[i].offset, list[i].offset);
		assert_int_equal(back[i].length, list[i].length);
		assert_int_equal(back[i].ordinal, list[i].ordinal);
	}
	free(back);
	/* every shorter beginning is either fewer extents or an error */
	for (size_t len = 0; len < b->len; len++)
		if (extents_decode(b->bytes, len, &back, &got, &err) == 0) {
			assert_true(got < n);
			free(back);
		}
}

static void malformed_extents_are_refused(void **state)
{
	(void)state;
	static const struct { const char *bytes; size_t len; } bad[] = {
		{ "\x03", 1 },                             /* follows nothing */
		{ "\x02\x00\x03", 3 },                     /* follows zeros */
		{ "\x00\x00", 2 },                         /* no length */
		{ "\x02\x01\x00\x80\x80\x10\x00", 7 },     /* begins behind its frame */
		{ "\x82\x80\x20\x01\x00\x00\x00", 7 },     /* longer than a frame */
		{ "\x02\x01\x80\x80\x08\x00\x00", 7 },     /* a frame that cannot be */
		{ "\x02\x01\x00", 3 },                     /* cut off */
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct extent *list;
		size_t n;
		struct err err;
		assert_int_equal(extents_decode((const uint8_t *)bad[i].bytes, bad[i].len, &list, &n,
		                                &err), ERR_CORRUPT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(extents_come_back_as_they_were),
		cmocka_unit_test(malformed_extents_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
