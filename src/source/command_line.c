#include "source/command_line.h"

#include <stdlib.h>
#include <string.h>

#include "base/split.h"
#include "holdfast/err.h"

const char *const command_line_env[] = {
	"PATH", "HOME", "LANG", "TZ", "USER", "PG*", "MYSQL_*", NULL,
};

char **command_line_pack(const char *const *words, struct err *err)
{
	size_t n = 0, size = 0;
	for (; words[n]; n++)
		size += strlen(words[n]) + 1;
	char **copy = calloc(1, (n + 1) * sizeof *copy + size);
	if (!copy) {
		err_no_memory(err);
		return NULL;
	}
	char *text = (char *)(copy + n + 1);
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(words[i]) + 1;
		copy[i] = memcpy(text, words[i], len);
		text += len;
	}
	return copy;
}

char **command_line_words(const char *line, bool shell, struct err *err)
{
	if (!shell)
		return split_words(line, err);
	return command_line_pack((const char *const[]){ "/bin/sh", "-c", line, NULL }, err);
}
