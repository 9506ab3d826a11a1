/* key_verbs - what `holdfast key` can do, one function a verb. Operands behind the verb's name. */
#ifndef KEY_VERBS_H
#define KEY_VERBS_H

#include <jansson.h>

#include "holdfast/enrol.h"

struct cli;
struct err;

/* Places in cli->options.own. */
enum key_option { KEY_ROLE, KEY_NAME, KEY_YES, KEY_ALL };

/* An enum exit_code, or a negative enum err_code with *err. */
int key_enroll(struct cli *cli, struct err *err);
int key_recover(struct cli *cli, struct err *err);
int key_accept(struct cli *cli, struct err *err);
int key_grant(struct cli *cli, struct err *err);
int key_list(struct cli *cli, struct err *err);
int key_show(struct cli *cli, struct err *err);

/* Name, roles and fingerprint as JSON, for all verbs; NULL when out of memory. */
json_t *key_machine_json(const struct enrol_machine *m);

/* An act is done; the exit code, after a note where the ledger could not be told of it (rc, why). */
int key_told(int rc, const struct err *why);

/* This machine's entry, once it is there. ERR_ABSENT. */
int key_self(const struct cli *cli, struct enrol_machine *out, struct err *err);

/* Get the root key ready, if a passphrase is at hand or a user to ask; if not, the call that needs it
 * says so. */
int key_unlock_root(struct cli *cli, struct err *err);

#endif
