#include "source/command_line.h"

#include <stdlib.h>
#include <string.h>

#include "base/split.h"
#include "holdfast/err.h"

const char *const command_line_env[] = {
	"PATH", "HOME", "LANG", "TZ", "USER", "PG*", "MYSQL_*", NULL,
};

char **command_line_words(const char *line, bool shell, struct err *err)
{
	if (!shell)
		return split_words(line, err);
	static const char shell_c[] = "/bin/sh\0-c";
	size_t size = strlen(line) + 1;
	char **words = calloc(1, 4 * sizeof *words + sizeof shell_c + size);
	if (!words) {
		err_set(err, ERR_NOMEM, "out of memory");
		return NULL;
	}
	words[0] = memcpy(words + 4, shell_c, sizeof shell_c);
	words[1] = words[0] + sizeof "/bin/sh";
	words[2] = memcpy(words[0] + sizeof shell_c, line, size);
	return words;
}
