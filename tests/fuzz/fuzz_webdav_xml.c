/* fuzz_webdav_xml - multistatus bodies: what is visited is bounded and ends where it says. */
#include <stdlib.h>
#include <string.h>

#include "../../backends/webdav_xml.h"
#include "holdfast/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int visit(void *arg, const struct webdav_resource *r, struct err *err)
{
	(void)err;
	++*(size_t *)arg;
	if (strnlen(r->href, sizeof r->href) == sizeof r->href || r->href[0] == '\0' ||
	    strnlen(r->tag, sizeof r->tag) == sizeof r->tag || (r->tag[0] && r->tag[0] != '"'))
		abort();
	return *(size_t *)arg == 50 ? 1 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct err err = { 0 };
	size_t n = 0;
	int rc = webdav_xml_parse(data, len, visit, &n, &err);
	if (n > 50 || (rc == 1) != (n == 50) || (rc < 0 && rc != (int)err.code))
		abort();
	return 0;
}
