/* fuzz_outcomes - what is remembered of runs is read without harm, and can be added to. */
#include <stdlib.h>
#include <string.h>

#include "cli/outcomes.h"
#include "holdfast/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char id[] = "000102030405060708090a0b0c0d0e0f";
	struct err err = { 0 };
	struct outcome got;
	AUTO(outcomes) o = outcomes_parse((const char *)data, len, &err);
	if (!o)
		return 0;
	(void)outcomes_of_vault(o, NULL, "file:///v", &err);
	outcomes_get(o, "backup", "crm", &got);
	if (outcomes_of_vault(o, id, "file:///v", &err) != 0)
		return 0;
	outcomes_get(o, "backup", "crm", &got);
	if (got.good_s < 0 || got.tried_s < 0 || outcomes_newest(o, "backup") < 0)
		abort();
	uint64_t before = got.failures;
	if (outcomes_note_failed(o, "backup", "crm", 7, 7, "why", &err) != 0)
		return 0;
	outcomes_get(o, "backup", "crm", &got);
	if (got.failures < before || got.failures > before + 1 || strcmp(got.error, "why") != 0)
		abort();
	return 0;
}
