/* words - recovery codes from EFF's long word list (7776 words, 12.9 bits each). */
#ifndef WORDS_H
#define WORDS_H

#include <stdbool.h>
#include <stddef.h>

enum { WORDS_PER_CODE = 6, WORDS_CODE_MAX = 6 * 10 };

/* Six random words joined by '-': 77 bits. out holds WORDS_CODE_MAX bytes. */
void words_random_code(char out[WORDS_CODE_MAX]);

/*
 * If text is six listed words, separated by any spaces, dashes or newlines and in any case, writes
 * the canonical spelling and returns true. Otherwise returns false (it is somebody's own passphrase
 * and is taken as it is) and leaves out alone.
 */
bool words_normalise(char out[WORDS_CODE_MAX], const char *text, size_t len);

/* The nearest listed word to a mistyped one by edit distance, or NULL if none is within two. */
const char *words_nearest(const char *word, size_t len);

#endif
