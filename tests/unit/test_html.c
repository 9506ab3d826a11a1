/* Text from anywhere inside a page: it stands for itself, whatever it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "cli/html.h"
#include "holdfast/err.h"

enum { ROUNDS = 20000, TEXT_BYTES = 40 };

static void expect(const char *text, const char *want)
{
	struct err err = { 0 };
	AUTO(buf) out = buf_new(1 << 16, &err);
	assert_int_equal(html_text(out, text, &err), 0);
	assert_string_equal(buf_text(out, &err), want);
}

static void markup_becomes_text(void **state)
{
	(void)state;
	expect("<script>alert('x')</script>", "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;");
	expect("\" onload=\"x", "&quot; onload=&quot;x");
	expect("a & b &amp; c", "a &amp; b &amp;amp; c");
	expect("", "");
}

static void what_cannot_be_shown_is_replaced(void **state)
{
	(void)state;
	expect("a\nb\tc", "a b c");
	expect("a\x01" "b\x7f", "a\xef\xbf\xbd" "b\xef\xbf\xbd");
	expect("\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd");
	expect("\xe2\x80\xae" "abc", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" "abc");   /* reverses text */
	expect("\xe5\xae\xa2\xe6\x88\xb7", "\xe5\xae\xa2\xe6\x88\xb7");
}

/* Any bytes: nothing that begins markup, ends an attribute, or is no UTF-8. */
static void no_bytes_get_out_of_their_place(void **state)
{
	(void)state;
	struct err err = { 0 };
	uint32_t seed = 1;
	AUTO(buf) out = buf_new(1 << 16, &err);
	for (int round = 0; round < ROUNDS; round++) {
		char text[TEXT_BYTES + 1];
		size_t len = 0;
		while (len < TEXT_BYTES) {
			seed = seed * 1664525 + 1013904223;
			char any = (char)(seed >> 24), special = "<>&\"'\xe2\x80\xc3"[(seed >> 16) % 8];
			text[len] = any % 3 ? special : any;
			len += text[len] != '\0';
		}
		text[len] = '\0';
		buf_clear(out);
		assert_int_equal(html_text(out, text, &err), 0);
		const char *p = buf_text(out, &err);
		assert_null(strpbrk(p, "<>\"'"));
		for (size_t n; *p; p += n)
			assert_true((n = utf8_printable(p)) > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(markup_becomes_text),
		cmocka_unit_test(what_cannot_be_shown_is_replaced),
		cmocka_unit_test(no_bytes_get_out_of_their_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
