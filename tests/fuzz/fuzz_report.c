/*
 * fuzz_report - hostile reports and details: as report.json, and as the detail of a report that names
 * them. What is taken is written again with the same length, and never has a better verdict.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "crypto/sha256.h"
#include "format/report.h"
#include "holdfast/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void write_again(struct report *r, size_t len)
{
	struct err err;
	unsigned verdict = r->verdict;
	AUTO(buf) report = buf_new(REPORT_MAX, &err);
	AUTO(buf) detail = buf_new(REPORT_MAX, &err);
	if (!report || !detail || report_encode(r, report, detail, &err) != 0 || report->len != len ||
	    r->verdict != verdict)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct report r;
	struct err err;
	if (report_decode(&r, data, len, &err) == 0)
		write_again(&r, len);
	report_clear(&r);
	r = (struct report){ .v = 0 };
	sha256(r.detail, data, len);
	(void)report_add_detail(&r, data, len, &err);
	report_clear(&r);
	return 0;
}
