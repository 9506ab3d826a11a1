#include "source/mask_words.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/utf8.h"
#include "holdfast/err.h"

struct mask_words {
	char *text;
	const char **words;
	size_t n;
};

void mask_words_free(struct mask_words *w)
{
	if (!w)
		return;
	free(w->words);
	free(w->text);
	free(w);
}

static const char *trim(char *word)
{
	size_t len = strlen(word);
	while (len > 0 && strchr(" \t\r", word[len - 1]))
		word[--len] = '\0';
	return word + strspn(word, " \t");
}

static bool is_printable(const char *word)
{
	for (size_t n; *word; word += n)
		if ((n = utf8_printable(word)) == 0)
			return false;
	return true;
}

static int add(struct mask_words *w, char *line, const char *file, size_t number, struct err *err)
{
	const char *word = trim(line);
	if (*word == '\0')
		return 0;
	if (strlen(word) > MASK_WORD_MAX || !is_printable(word))
		return err_set(err, ERR_INVALID, "%.200s:%zu: %s", file, number, is_printable(word)
		               ? "a word of more than 200 bytes" : "not printable UTF-8");
	if (w->n == MASK_WORDS_MAX)
		return err_set(err, ERR_INVALID, "%.200s: more than 65536 words", file);
	w->words[w->n++] = word;
	return 0;
}

static int split(struct mask_words *w, const char *file, struct err *err)
{
	size_t number = 0;
	for (char *line = w->text; line;) {
		char *end = strchr(line, '\n');
		if (end)
			*end++ = '\0';
		if (add(w, line, file, ++number, err) != 0)
			return err->code;
		line = end;
	}
	if (w->n < 2)
		return err_set(err, ERR_INVALID, "%.200s: a dictionary needs at least two words, one a line",
		               file);
	return 0;
}

struct mask_words *mask_words_parse(const char *file, const char *text, size_t len, struct err *err)
{
	AUTO(mask_words) w = calloc(1, sizeof *w);
	if (w) {
		w->text = strndup(text, len);
		w->words = calloc(MASK_WORDS_MAX, sizeof *w->words);
	}
	if (!w || !w->text || !w->words) {
		err_no_memory(err);
		return NULL;
	}
	if (memchr(text, '\0', len))
		err_set(err, ERR_INVALID, "%.200s: a NUL byte; is this a text file?", file);
	else if (split(w, file, err) == 0)
		return TAKE(w);
	return NULL;
}

struct mask_words *mask_words_load(const char *path, struct err *err)
{
	AUTO(buf) text = buf_new(MASK_WORDS_BYTES_MAX, err);
	if (!text)
		return NULL;
	if (io_read_file(path, text, err) != 0) {
		if (err->code == ERR_LIMIT)
			err_set(err, ERR_LIMIT, "%.200s: more than a mebibyte", path);
		return NULL;
	}
	return mask_words_parse(path, text->bytes ? (const char *)text->bytes : "", text->len, err);
}

size_t mask_words_count(const struct mask_words *w) { return w->n; }

const char *mask_words_choose(const struct mask_words *w, uint64_t number)
{
	return w->words[number % w->n];
}

int mask_words_write(const struct mask_words *w, struct buf *out, struct err *err)
{
	for (size_t i = 0; i < w->n; i++)
		if ((i > 0 && buf_append(out, "\n", 1, err) != 0) ||
		    buf_append(out, w->words[i], strlen(w->words[i]), err) != 0)
			return err->code;
	return 0;
}
