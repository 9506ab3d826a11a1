#include "cli/nearest.h"

#include <stdint.h>
#include <string.h>

enum { WORD_MAX = 64 };

static size_t least(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;
	return ab < c ? ab : c;
}

/* Levenshtein, one row at a time */
static size_t distance_of(const char *a, const char *b)
{
	size_t len_a = strlen(a), len_b = strlen(b), row[WORD_MAX + 1];
	if (len_a > WORD_MAX || len_b > WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= len_b; j++)
		row[j] = j;
	for (size_t i = 1; i <= len_a; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= len_b; j++) {
			size_t above = row[j];
			row[j] = least(above + 1, row[j - 1] + 1,
			               diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[len_b];
}

const char *nearest_better(const char *word, const char *candidate, const char *best,
                           size_t *distance)
{
	size_t d = distance_of(word, candidate), len = strlen(word);
	size_t limit = len < 4 ? 1 : len < 9 ? 2 : 3;
	if (d > limit || d >= *distance)
		return best;
	*distance = d;
	return candidate;
}

const char *nearest_of(const char *word, const char *const *known)
{
	size_t distance = SIZE_MAX;
	const char *best = NULL;
	for (; *known; known++)
		best = nearest_better(word, *known, best, &distance);
	return best;
}
