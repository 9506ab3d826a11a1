#include "crypto/words.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 7776, WORD_MAX = 9, NEAREST_MAX = 2 };

static const char list[WORDS][WORD_MAX + 1] = {
#include "crypto/wordlist.inc"
};

static int compare(const void *a, const void *b) { return strcmp(a, b); }

static const char *find(const char *word)
{
	return bsearch(word, list, WORDS, sizeof list[0], compare);
}

/* Append a listed word or a dash, with its NUL; there is room for six words and five dashes. */
static char *append(char *p, const char *text)
{
	size_t len = strlen(text);
	memcpy(p, text, len + 1);
	return p + len;
}

void words_random_code(char out[WORDS_CODE_MAX])
{
	char *p = out;
	for (int i = 0; i < WORDS_PER_CODE; i++) {
		if (i > 0)
			p = append(p, "-");
		p = append(p, list[randombytes_uniform(WORDS)]);
	}
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

struct scan {
	const char *at, *end;
};

/* The next run of letters in lower case, of length 0 at the end; false if it cannot be listed. */
static bool next_letters(struct scan *s, char out[WORD_MAX + 1])
{
	while (s->at < s->end && *s->at != '\0' && strchr(" \t\r\n-", *s->at))
		s->at++;
	size_t n = 0;
	for (; s->at < s->end; s->at++) {
		char c = lower(*s->at);
		if (c < 'a' || c > 'z')
			break;
		if (n == WORD_MAX)
			return false;
		out[n++] = c;
	}
	out[n] = '\0';
	return n > 0 || s->at == s->end;
}

/*
 * The next listed word, NULL at the end of the text or at anything else. Four listed words hold a
 * dash (drop-down, felt-tip, t-shirt, yo-yo). Their first halves are not listed themselves, so
 * trying the pair only after the single word is never ambiguous.
 */
static const char *next_word(struct scan *s)
{
	char pair[2 * WORD_MAX + 2], half[WORD_MAX + 1];
	const char *word = NULL;
	if (next_letters(s, pair) && pair[0]) {
		word = find(pair);
		if (!word && next_letters(s, half) && half[0]) {
			append(append(pair + strlen(pair), "-"), half);
			word = find(pair);
		}
	}
	sodium_memzero(pair, sizeof pair);
	sodium_memzero(half, sizeof half);
	return word;
}

bool words_normalise(char out[WORDS_CODE_MAX], const char *text, size_t len)
{
	struct scan s = { text, text + len };
	const char *word[WORDS_PER_CODE];
	for (int i = 0; i < WORDS_PER_CODE; i++) {
		word[i] = next_word(&s);
		if (!word[i])
			return false;
	}
	char rest[WORD_MAX + 1];
	if (!next_letters(&s, rest) || rest[0])
		return false;
	char *p = append(out, word[0]);
	for (int i = 1; i < WORDS_PER_CODE; i++)
		p = append(append(p, "-"), word[i]);
	return true;
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Levenshtein distance by rows. */
static size_t distance(const char *a, size_t a_len, const char *b)
{
	size_t row[WORD_MAX + 1], b_len = strlen(b);
	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t swap = diagonal + (lower(a[i - 1]) != b[j - 1]);
			diagonal = row[j];
			row[j] = least(swap, least(row[j], row[j - 1]) + 1);
		}
	}
	return row[b_len];
}

const char *words_nearest(const char *word, size_t len)
{
	const char *nearest = NULL;
	size_t best = NEAREST_MAX + 1;
	if (len > WORD_MAX + NEAREST_MAX)
		return NULL;
	for (size_t i = 0; i < WORDS && best > 0; i++) {
		size_t d = distance(word, len, list[i]);
		if (d < best) {
			best = d;
			nearest = list[i];
		}
	}
	return nearest;
}
