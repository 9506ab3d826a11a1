#include "cli/span.h"

#include <string.h>

#include "cli/when.h"
#include "holdfast/err.h"

enum { DAY_S = 86400, DEFAULT_S = 90 * DAY_S, DATE_LEN = 10 };

static int read_one(const char *command, const char *option, const char *text, int64_t now_s, int64_t *out,
                    struct err *err)
{
	if (when_since(text, now_s, out))
		return 0;
	err_set(err, ERR_INVALID, "%s: --%s: '%.60s' is not understood as a time", command, option, text);
	return err_hint(err, "for example 2026-11-22, 2026-11-22T02:15 or 30d");
}

int span_read(const char *command, const char *from, const char *to, int64_t now_s, int64_t *from_s,
              int64_t *to_s, struct err *err)
{
	/* what ended in this second belongs to it */
	int64_t end = now_s + 1, begin;
	if (to && read_one(command, "to", to, now_s, &end, err) != 0)
		return err->code;
	if (to && strlen(to) == DATE_LEN && to[4] == '-')
		end += DAY_S;
	begin = end > DEFAULT_S ? end - DEFAULT_S : 0;
	if (from && read_one(command, "from", from, now_s, &begin, err) != 0)
		return err->code;
	if (begin >= end)
		return err_set(err, ERR_INVALID, "%s: --from is not before --to", command);
	*from_s = begin;
	*to_s = end;
	return 0;
}
