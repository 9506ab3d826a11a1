#include "cli/exit_code.h"

static const struct {
	enum err_code code;
	enum exit_code exit;
} table[] = {
	{ ERR_NONE, EXIT_DONE },
	{ ERR_NOMEM, EXIT_FAILED },
	{ ERR_IO, EXIT_FAILED },
	{ ERR_ABSENT, EXIT_FAILED },
	{ ERR_CORRUPT, EXIT_DAMAGE },
	{ ERR_LIMIT, EXIT_FAILED },
	{ ERR_EXISTS, EXIT_FAILED },
	{ ERR_INVALID, EXIT_USAGE },
	{ ERR_DENIED, EXIT_FAILED },
	{ ERR_UNREACHABLE, EXIT_FAILED },
	{ ERR_KEY, EXIT_NO_KEY },
	{ ERR_BUSY, EXIT_STORE_BUSY },
	{ ERR_FORK, EXIT_DAMAGE },
	{ ERR_SPACE, EXIT_FAILED },
	{ ERR_SOURCE, EXIT_FAILED },
	{ ERR_NEWER, EXIT_FAILED },
	{ ERR_STOPPED, EXIT_STOPPED },
};

enum exit_code exit_code_of(enum err_code code)
{
	for (unsigned i = 0; i < sizeof table / sizeof *table; i++)
		if (table[i].code == code)
			return table[i].exit;
	return EXIT_FAILED;
}
