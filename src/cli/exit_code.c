#include "cli/exit_code.h"

static const struct {
	enum err_code code;
	enum exit_code exit;
	const char *word;
} table[] = {
	{ ERR_NONE, EXIT_DONE, "none" },
	{ ERR_NOMEM, EXIT_FAILED, "memory" },
	{ ERR_IO, EXIT_FAILED, "io" },
	{ ERR_ABSENT, EXIT_FAILED, "absent" },
	{ ERR_CORRUPT, EXIT_DAMAGE, "corrupt" },
	{ ERR_LIMIT, EXIT_FAILED, "limit" },
	{ ERR_EXISTS, EXIT_FAILED, "exists" },
	{ ERR_INVALID, EXIT_USAGE, "invalid" },
	{ ERR_DENIED, EXIT_FAILED, "denied" },
	{ ERR_UNREACHABLE, EXIT_FAILED, "unreachable" },
	{ ERR_KEY, EXIT_NO_KEY, "key" },
	{ ERR_BUSY, EXIT_STORE_BUSY, "busy" },
	{ ERR_FORK, EXIT_DAMAGE, "fork" },
	{ ERR_SPACE, EXIT_FAILED, "space" },
	{ ERR_SOURCE, EXIT_FAILED, "source" },
	{ ERR_NEWER, EXIT_FAILED, "newer" },
	{ ERR_STOPPED, EXIT_STOPPED, "stopped" },
};

enum exit_code exit_code_of(enum err_code code)
{
	for (unsigned i = 0; i < sizeof table / sizeof *table; i++)
		if (table[i].code == code)
			return table[i].exit;
	return EXIT_FAILED;
}

const char *exit_code_word(enum err_code code)
{
	for (unsigned i = 0; i < sizeof table / sizeof *table; i++)
		if (table[i].code == code)
			return table[i].word;
	return "unknown";
}
