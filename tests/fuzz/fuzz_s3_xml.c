/* fuzz_s3_xml - an S3 server's answer is a whole page, or an error; never a page of half entries. */
#include <stdlib.h>
#include <string.h>

#include "../../backends/s3_error.h"
#include "../../backends/s3_role.h"
#include "../../backends/s3_keys.h"
#include "../../backends/s3_xml.h"
#include "holdfast/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void page(const uint8_t *data, size_t len)
{
	struct err err = { 0 };
	AUTO(s3_page) p = s3_page_parse(data, len, &err);
	if (!p && err.code != ERR_IO && err.code != ERR_NOMEM)
		abort();
	if (p && (p->n > S3_PAGE_MAX || memmem(data, len, "<!DOCTYPE", 9) == data))
		abort();
	for (size_t i = 0; p && i < p->n; i++)
		if (!p->entries[i].key || !p->entries[i].version || p->entries[i].time_s < 0 ||
		    strlen(p->entries[i].tag) >= BACKEND_TAG_MAX)
			abort();
}

static void refusal(const uint8_t *data, size_t len)
{
	struct err err = { 0 };
	struct s3_refusal r = { .status = 400, .bucket = "crm", .action = "s3:GetObject" };
	s3_refusal_read(&r, data, len);
	if (s3_refusal_set(&r, &err) >= 0 || strchr(err.msg, '\n') || strchr(err.hint, '\n'))
		abort();
}

static void role(const uint8_t *data, size_t len)
{
	struct err err = { 0 };
	struct s3_keys keys = { 0 };
	int rc = s3_role_parse(&keys, (const char *)data, len, &err);
	if (rc == 0 ? !keys.id[0] || !keys.secret[0] : keys.id[0])
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	page(data, len);
	refusal(data, len);
	role(data, len);
	return 0;
}
