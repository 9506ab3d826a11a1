#include "base/err_word.h"

/* By the negated code. */
static const char *const words[] = {
	[-ERR_NONE] = "none",       [-ERR_NOMEM] = "memory",   [-ERR_IO] = "io",
	[-ERR_ABSENT] = "absent",   [-ERR_CORRUPT] = "corrupt", [-ERR_LIMIT] = "limit",
	[-ERR_EXISTS] = "exists",   [-ERR_INVALID] = "invalid", [-ERR_DENIED] = "denied",
	[-ERR_UNREACHABLE] = "unreachable", [-ERR_KEY] = "key", [-ERR_BUSY] = "busy",
	[-ERR_FORK] = "fork",       [-ERR_SPACE] = "space",     [-ERR_SOURCE] = "source",
	[-ERR_NEWER] = "newer",     [-ERR_STOPPED] = "stopped",
};

const char *err_word(enum err_code code)
{
	int at = -(int)code;
	return at >= 0 && at < (int)(sizeof words / sizeof words[0]) ? words[at] : "unknown";
}
