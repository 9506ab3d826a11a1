/* new_place - a vault that this machine begins to use: find it, and write its [vault] section. */
#ifndef NEW_PLACE_H
#define NEW_PLACE_H

#include <stdbool.h>

struct cli;
struct err;

struct new_place {
	struct cli *cli;
	char *config_path;   /* the configuration there is, or that is to be made */
	bool has_section;    /* which has a section for this vault already */
};

/* Read the configuration, decide which vault is meant and where state and keys lie (cli->url, place,
 * state, keys), and try what would otherwise only fail at new_place_write. ERR_EXISTS if the
 * configuration names another vault; ERR_INVALID if no vault is named. */
int new_place_choose(struct new_place *p, struct err *err);

/* Append the section, unless there is one. */
int new_place_write(const struct new_place *p, struct err *err);

void new_place_free(struct new_place *p);
static inline void new_place_end(struct new_place *p) { new_place_free(p); }
#define NEW_PLACE_AUTO __attribute__((cleanup(new_place_end))) struct new_place

/* What this machine is called where nothing else was said. Writes into out and returns it. */
enum { NEW_PLACE_NAME_MAX = 65 };
const char *new_place_machine(char out[NEW_PLACE_NAME_MAX]);

#endif
