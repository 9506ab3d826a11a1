/* output - results on standard output, messages on standard error, and JSON in their place. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <jansson.h>

#include "cli/exit_code.h"

struct err;

/* `holdfast: object: fact` and, if there is one, `  hint: next step`, made safe for a terminal. */
void output_error(const struct err *err);

/* Make the message begin with "NAME: " unless it does already. */
void output_name(struct err *err, const char *name);

/* `holdfast: text`, no error. */
void output_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* One line on standard output; takes the object over. ERR_NOMEM, ERR_IO. */
int output_json(json_t *object, struct err *err);

/* {"error", "hint", "code"}; `store` may be NULL. */
json_t *output_json_error(const struct err *err, const char *store);

/* A JSON string of any bytes: what is no UTF-8 becomes \xNN in it. */
json_t *output_json_text(const char *text);

/* Flush standard output; ERR_IO if anything did not get out. */
int output_flush(struct err *err);

#endif
