#include "source/mask_inside.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "crypto/hash.h"
#include "source/mask_rules.h"
#include "source/mask_schema.h"
#include "source/mask_sqlite.h"
#include "source/mask_talk.h"
#include "source/veiled.h"

static int say(const struct mask_line *line, struct err *err)
{
	AUTO(buf) text = buf_new(MASK_TALK_MAX, err);
	if (!text || mask_line_encode(line, text, err) != 0)
		return err->code;
	return io_write(STDOUT_FILENO, text->bytes, text->len, err);
}

static void say_missing(void *arg, const char *table, const char *column)
{
	struct err ignored;
	struct mask_line line = { .said = MASK_SAID_LACKS };
	(void)arg;
	snprintf(line.table, sizeof line.table, "%s", table);
	snprintf(line.column, sizeof line.column, "%s", column ? column : "");
	say(&line, &ignored);
}

static int mask(sqlite3 *db, struct err *err)
{
	struct stat st;
	struct mask_line done = { .said = MASK_SAID_DONE };
	AUTO(mask_rules) rules = mask_rules_stored(".", err);
	if (!rules)
		return err->code;
	IO_AUTO_FD fd = open(MASK_INSIDE_MASKED, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, "the masked database");
	const struct mask_request request = { .from = db, .rules = rules, .to = MASK_INSIDE_MASKED,
	                                      .missing = say_missing };
	if (mask_sqlite(&request, &done.result, err) != 0)
		return err->code;
	if (fstat(fd, &st) != 0)
		return err_sys(err, "the masked database");
	done.result.bytes = (uint64_t)st.st_size;
	return say(&done, err);
}

static int skeleton(sqlite3 *db, struct err *err)
{
	struct mask_line line = { .said = MASK_SAID_SKELETON };
	const struct mask_line done = { .said = MASK_SAID_DONE };
	AUTO(buf) text = buf_new(MASK_TEMPLATE_MAX, err);
	if (!text || mask_sqlite_template(db, NULL, text, err) != 0)
		return err->code;
	line.text = buf_text(text, err);
	return line.text && say(&line, err) == 0 ? say(&done, err) : (int)err->code;
}

static int work(const uint8_t input[MASK_INSIDE_INPUT], struct err *err)
{
	sqlite3 *db = NULL;
	AUTO(veiled) original = veiled_attach(MASK_INSIDE_ORIGINAL, input + 1, err);
	if (!original || veiled_open(original, &db, err) != 0)
		return err->code;
	int rc = input[0] == MASK_INSIDE_MASK ? mask(db, err) : skeleton(db, err);
	sqlite3_close(db);
	return rc;
}

int mask_inside_main(void)
{
	struct err err = { 0 }, ignored;
	uint8_t input[MASK_INSIDE_INPUT];
	size_t got = 0;
	if (crypto_start() != 0 || io_read(STDIN_FILENO, input, sizeof input, &got, &err) != 0 ||
	    got != sizeof input)
		return 1;
	int rc = work(input, &err);
	sodium_memzero(input, sizeof input);
	if (rc == 0)
		return 0;
	const struct mask_line failed = { .said = MASK_SAID_FAILED, .why = err };
	return say(&failed, &ignored) == 0 ? 0 : 1;
}
