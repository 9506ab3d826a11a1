/* err_word - error codes as words, for JSON: "absent", "corrupt", ... */
#ifndef ERR_WORD_H
#define ERR_WORD_H

#include "holdfast/err.h"

/* "none" for ERR_NONE, "unknown" for what is no code. */
const char *err_word(enum err_code code);

#endif
