/*
 * command - a store that is what a program writes to its stdout: one content-defined file.
 *
 * The presets for known databases are this source with a command line, an end marker and facts of
 * their own; everything else is shared, so that no preset is laxer about its end than another.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include <jansson.h>

#include "holdfast/source.h"

/* What a preset decides. The texts live as long as the program; the rest is taken over. */
struct command_preset {
	const char *engine;              /* "command", "mariadb", "postgres": for the facts */
	const char *suffix;              /* of the file's name: ".dump", ".sql" */
	const char *end_marker;          /* used where the user gave none; NULL: none */
	const char *server_mark;         /* text in the dump before the server's version, or NULL */
	bool has_version;                /* argv[0] understands --version */
	char **argv;                     /* as of split_words: one block */
	char *set_env;                   /* one NAME=value for the program, or NULL */
};

/* Checks what all command sources share: program, user, marker. Takes argv and set_env, also when
 * it fails. NULL with ERR_INVALID, ERR_DENIED, ERR_SOURCE, ERR_NOMEM. */
struct source *command_open(const struct source_ops *ops, const struct source_options *options,
                            const struct command_preset *preset, struct err *err);

/* The operations; presets differ only in type and open. */
void command_free(struct source *s);
int command_stamp(struct source *s, char stamp[SOURCE_STAMP_MAX], struct err *err);
int command_begin(struct source *s, struct err *err);
int command_next(struct source *s, struct source_entry *entry, struct err *err);
int command_read(struct source *s, void *out, size_t cap, size_t *len, struct err *err);
int command_reread(struct source *s, uint64_t offset, void *out, size_t len, struct err *err);
int command_end(struct source *s, struct source_facts *facts, char stamp[SOURCE_STAMP_MAX],
                struct err *err);
int command_settle(const struct settle_request *request, struct err *err);

#define COMMAND_SOURCE_OPS(type_, open_)                                                           \
	{                                                                                          \
		.type = (type_), .open = (open_), .free = command_free, .stamp = command_stamp,    \
		.begin = command_begin, .next = command_next, .read = command_read,                \
		.reread = command_reread, .end = command_end, .settle = command_settle,            \
		.restore = dump_sink_new                                                           \
	}

#endif
