/* A page and its tables, from a document in which every text is hostile and every number odd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cli/period_facts.h"
#include "cli/report_csv.h"
#include "cli/report_html.h"
#include "holdfast/err.h"

#define EVIL "<img src=x onerror='x'>\\\"&"

static const char text[] =
	"{\"from\":1000000,\"to\":9000000,\"made\":9000000,\"vault\":\"" EVIL "\","
	"\"machine\":\"" EVIL "\","
	"\"sealed\":1,\"days\":[{\"day\":\"" EVIL "\",\"runs\":1,\"good\":1,\"failed\":1},"
	"{\"day\":\"1970-02-01\",\"runs\":1,\"good\":-1,\"failed\":2}],"
	"\"missed\":[{\"name\":\"" EVIL "\",\"machine\":\"" EVIL "\",\"since\":1,\"until\":2}],"
	"\"findings\":[{\"id\":\"" EVIL "\",\"ticket\":\"" EVIL "\",\"text\":\"" EVIL "\",\"opened\":5}],"
	"\"keys\":[{\"name\":\"" EVIL "\",\"roles\":\"" EVIL "\",\"fingerprint\":\"" EVIL "\"}],"
	"\"epochs\":[{\"store\":\"" EVIL "\",\"name\":\"" EVIL "\",\"epoch\":1,\"since\":5}],"
	"\"stores\":[{\"id\":\"" EVIL "\",\"name\":\"" EVIL "\",\"asset\":\"" EVIL "\","
	"\"owner\":\"" EVIL "\","
	"\"verdict\":\"" EVIL "\"}],"
	"\"drills\":[{\"id\":\"" EVIL "\",\"machine\":\"" EVIL "\",\"state\":\"" EVIL "\","
	"\"store\":\"" EVIL "\","
	"\"store_name\":\"" EVIL "\",\"asset\":\"" EVIL "\",\"why\":\"" EVIL "\",\"started\":2000000,"
	"\"finished\":2000001,\"rto_ms\":9007199254740991,\"rto_target_ms\":1,\"rpo_s\":-5,"
	"\"rpo_target_s\":9007199254740991},"
	"{\"id\":\"\",\"state\":\"passed\",\"finished\":3000000,\"rto_ms\":0,\"rto_target_ms\":0,"
	"\"rpo_s\":1,\"rpo_basis\":\"snapshot-time\"}]}";

static json_t *make(void)
{
	struct err err = { 0 };
	json_t *doc = json_loads(text, 0, NULL);
	assert_non_null(doc);
	assert_int_equal(period_add_facts(doc, &err), 0);
	return doc;
}

static void nothing_in_the_document_becomes_markup(void **state)
{
	(void)state;
	struct err err = { 0 };
	json_t *doc = make();
	for (enum report_lang lang = 0; lang < REPORT_LANGS; lang++) {
		AUTO(buf) out = buf_new(1 << 20, &err);
		assert_int_equal(report_html(doc, lang, out, &err), 0);
		const char *page = buf_text(out, &err);
		assert_null(strstr(page, "<img"));
		assert_null(strstr(page, "<script"));
		assert_null(strstr(page, "onerror='"));
		assert_non_null(strstr(page, "&lt;img src=x onerror=&#39;x&#39;&gt;&quot;&amp;"));
		assert_non_null(strstr(page, "</html>"));
		assert_non_null(strstr(page, report_word(W_BY_SNAPSHOT, lang)));
	}
	json_decref(doc);
}

static void words_are_there_in_both_languages(void **state)
{
	(void)state;
	for (enum report_word w = 0; w < REPORT_WORDS; w++)
		for (enum report_lang lang = 0; lang < REPORT_LANGS; lang++)
			assert_non_null(report_word(w, lang));
	json_t *doc = make();
	const json_t *f;
	size_t i;
	json_array_foreach(json_object_get(doc, "facts"), i, f)
		for (enum report_lang lang = 0; lang < REPORT_LANGS; lang++) {
			char line[REPORT_LINE_MAX];
			assert_null(strchr(report_fact_line(f, lang, line), '%'));
			assert_true(strlen(line) > 5);
		}
	json_decref(doc);
}

static void a_page_that_is_too_long_is_an_error(void **state)
{
	(void)state;
	struct err err = { 0 };
	json_t *doc = make();
	AUTO(buf) out = buf_new(3000, &err);
	assert_int_equal(report_html(doc, REPORT_EN, out, &err), ERR_LIMIT);
	json_decref(doc);
}

static void fields_are_quoted_and_no_formula_gets_into_a_spreadsheet(void **state)
{
	(void)state;
	struct err err = { 0 };
	const char *const fields[][2] = {
		{ "plain", "plain" }, { "", "" }, { "a,b", "\"a,b\"" }, { "a\"b", "\"a\"\"b\"" },
		{ "a\r\nb", "\"a\r\nb\"" }, { "=1+1", "\"'=1+1\"" }, { "@x", "\"'@x\"" }, { "-1", "\"'-1\"" },
	};
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		AUTO(buf) out = buf_new(100, &err);
		assert_int_equal(report_csv_field(out, fields[i][0], &err), 0);
		assert_string_equal(buf_text(out, &err), fields[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_in_the_document_becomes_markup),
		cmocka_unit_test(words_are_there_in_both_languages),
		cmocka_unit_test(a_page_that_is_too_long_is_an_error),
		cmocka_unit_test(fields_are_quoted_and_no_formula_gets_into_a_spreadsheet),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
