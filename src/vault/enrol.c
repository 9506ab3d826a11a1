#include "holdfast/enrol.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/hex.h"
#include "holdfast/err.h"
#include "vault/vault.h"
#include "vault/vault_struct.h"

enum { NUMBERED_MAX = 999 };

static void describe(struct enrol_machine *out, const struct charter_key *k)
{
	*out = (struct enrol_machine){ .roles = k->roles, .enrolled_s = k->time_s };
	snprintf(out->name, sizeof out->name, "%s", k->name);
	hex_encode(out->id, k->id, sizeof k->id);
	texts_fingerprint(out->fingerprint, k->record);
	hex_encode(out->record, k->record, 32);
	hex_encode(out->log, k->log, 32);
	hex_encode(out->report, k->report, 32);
	hex_encode(out->box, k->box, 32);
}

static int name_taken(const struct vault *v, const char *name, struct err *err)
{
	err_set(err, ERR_EXISTS, "vault %s: there is a machine '%.100s' already", v->short_id, name);
	return err_hint(err, "names are given once: choose another with --name");
}

/* ---- asking ---- */

static int has_key(const struct vault *v, const char *keys_dir, struct err *err)
{
	char path[PATH_MAX], roles[ROLES_TEXT_MAX];
	if (keyfile_path(path, keys_dir, v->anchor.vault, err) != 0)
		return err->code;
	if (v->self)
		return err_set(err, ERR_EXISTS, "this machine is enrolled already, as %s (%s): %.200s",
		               v->self->name, roles_text(roles, v->self->roles), path);
	if (v->key->requested)
		err_set(err, ERR_EXISTS, "this machine has asked already to be %s (%s): %.200s", v->key->name,
		        roles_text(roles, v->key->roles), path);
	else
		err_set(err, ERR_EXISTS, "this machine has a key that is not in the charter: %.200s", path);
	return err_hint(err, "to begin anew, remove that file");
}

static int encode(const struct keyfile *k, char request[ENROL_REQUEST_MAX], struct err *err)
{
	struct request r;
	_Static_assert((int)ENROL_REQUEST_MAX == REQUEST_TEXT_MAX, "one size for users and format");
	if (keyfile_request(k, &r, err) != 0)
		return err->code;
	return request_encode(&r, k->record_sk->bytes, request, err);
}

static bool asked_the_same(const struct keyfile *k, unsigned roles, const char *name)
{
	return k->requested && k->roles == roles && strcmp(k->name, name) == 0;
}

int enrol_request(struct vault *v, const char *keys_dir, unsigned roles, const char *name,
                  char request[ENROL_REQUEST_MAX], bool *again, struct err *err)
{
	struct charter_key pub;
	if (!request_name_ok(name)) {
		err_set(err, ERR_INVALID, "'%.100s' cannot be a machine's name", name);
		return err_hint(err, "1 to %d bytes, without blanks and without / : @ , * ? [",
		                REQUEST_NAME_MAX);
	}
	*again = v->key && !v->self && asked_the_same(v->key, roles, name);
	if (v->key && !*again)
		return has_key(v, keys_dir, err);
	if (charter_find_name(v->charter, name))
		return name_taken(v, name, err);
	if (*again)
		return encode(v->key, request, err);
	AUTO(keyfile) k = keyfile_new(v->anchor.vault, v->anchor.root, v->charter->recovery, NULL, roles,
	                              name, &pub, err);
	if (!k || encode(k, request, err) != 0 || keyfile_store(k, keys_dir, v->url, err) != 0)
		return err->code;
	v->key = TAKE(k);
	return 0;
}

int enrol_pending(const struct vault *v, char request[ENROL_REQUEST_MAX], struct err *err)
{
	if (!v->key || v->self || !v->key->requested)
		return err_set(err, ERR_ABSENT, "this machine waits for no answer");
	return encode(v->key, request, err);
}

/* ---- accepting ---- */

static int admissible(const struct vault *v, const struct charter *c, const struct request *r,
                      struct err *err)
{
	const struct charter_key *there = charter_find(c, r->key.id);
	if (memcmp(r->vault, v->anchor.vault, 16) != 0) {
		err_set(err, ERR_INVALID, "the request is for another vault than %s", v->short_id);
		return err_hint(err, "name the vault with --vault");
	}
	if (memcmp(r->root, v->anchor.root, 32) != 0)
		return err_set(err, ERR_FORK, "the machine %s was shown a false vault: its root key is not "
		               "that of %s", r->key.name, v->url);
	if (there)
		return err_set(err, ERR_EXISTS, "this key is enrolled already, as %s", there->name);
	return charter_find_name(c, r->key.name) ? name_taken(v, r->key.name, err) : 0;
}

static int read_request(const struct vault *v, const char *text, size_t len, struct request *r,
                        struct err *err)
{
	return request_decode(r, text, len, err) == 0 ? admissible(v, v->charter, r, err) : err->code;
}

int enrol_inspect(const struct vault *v, const char *request, size_t len, struct enrol_machine *out,
                  struct err *err)
{
	struct request r;
	if (read_request(v, request, len, &r, err) != 0)
		return err->code;
	describe(out, &r.key);
	return 0;
}

static bool is_admin(const struct vault *v)
{
	return v->self && v->self->roles & ROLE_ADMIN;
}

bool enrol_takes_root(const struct vault *v, const struct enrol_machine *m)
{
	return m->roles & ROLE_ADMIN || !is_admin(v);
}

struct enrolling {
	const struct vault *v;
	const struct request *r;        /* NULL: recovering */
	struct charter_key key;
	bool may_change;                /* the name */
	uint64_t time_s;
};

static int append(const struct enrolling *e, struct buf *chain, struct err *err)
{
	const struct vault *v = e->v;
	if (v->root_sk)
		return charter_append_enroll(chain, &e->key, e->time_s, NULL, v->root_sk->bytes, err);
	return charter_append_enroll(chain, &e->key, e->time_s, v->key->id, v->key->record_sk->bytes, err);
}

static int enter_request(const struct charter *c, struct buf *chain, void *arg, struct err *err)
{
	struct enrolling *e = arg;
	return admissible(e->v, c, e->r, err) == 0 ? append(e, chain, err) : err->code;
}

static int no_signer(const struct vault *v, struct err *err)
{
	err_set(err, ERR_KEY, "vault %s: only the recovery code can do this here", v->short_id);
	return err_hint(err, "machines that are no admins can be accepted where an admin's key is");
}

int enrol_accept(struct vault *v, const char *request, size_t len, struct err *err)
{
	struct request r;
	if (read_request(v, request, len, &r, err) != 0)
		return err->code;
	bool root_only = r.key.roles & ROLE_ADMIN || !is_admin(v);
	if ((root_only && !v->root_sk) || !vault_psk(v))
		return no_signer(v, err);
	if (request_seal_psk(&r, vault_psk(v), err) != 0)
		return err->code;
	struct enrolling e = { .v = v, .r = &r, .key = r.key, .time_s = (uint64_t)time(NULL) };
	return vault_append_entry(v, enter_request, &e, err);
}

/* ---- recovering ---- */

static int free_name(const struct charter *c, struct enrolling *e, struct err *err)
{
	char base[ENROL_NAME_MAX];
	snprintf(base, sizeof base, "%s", e->key.name);
	for (int i = 2; charter_find_name(c, e->key.name); i++) {
		if (!e->may_change || i > NUMBERED_MAX)
			return name_taken(e->v, base, err);
		snprintf(e->key.name, sizeof e->key.name, "%.*s-%d", REQUEST_NAME_MAX, base, i);
	}
	return 0;
}

static int enter_recovered(const struct charter *c, struct buf *chain, void *arg, struct err *err)
{
	struct enrolling e = *(struct enrolling *)arg;
	return free_name(c, &e, err) == 0 ? append(&e, chain, err) : err->code;
}

/* The key file comes first: an entry whose key is nowhere would be no use. One that an interrupted call
 * left is taken again. */
static int make_key(struct vault *v, const char *keys_dir, const char *name, struct charter_key *pub,
                    struct err *err)
{
	if (v->key && (v->self || v->key->requested))
		return has_key(v, keys_dir, err);
	if (v->key) {
		keyfile_describe(v->key, name, pub);
		return 0;
	}
	AUTO(keyfile) k = keyfile_new(v->anchor.vault, v->anchor.root, v->charter->recovery, vault_psk(v),
	                              ROLE_WRITER | ROLE_ADMIN, name, pub, err);
	if (!k || keyfile_store(k, keys_dir, v->url, err) != 0)
		return err->code;
	v->key = TAKE(k);
	return 0;
}

int enrol_recover(struct vault *v, const char *keys_dir, const char *name, bool may_change,
                  struct err *err)
{
	struct enrolling e = { .v = v, .may_change = may_change, .time_s = (uint64_t)time(NULL) };
	if (!v->root_sk)
		return no_signer(v, err);
	if (!request_name_ok(name)) {
		err_set(err, ERR_INVALID, "'%.100s' cannot be a machine's name", name);
		return err_hint(err, "give one with --name");
	}
	if (!may_change && charter_find_name(v->charter, name))
		return name_taken(v, name, err);
	if (make_key(v, keys_dir, name, &e.key, err) != 0)
		return err->code;
	return vault_append_entry(v, enter_recovered, &e, err);
}

/* ---- who is there ---- */

static int visit_pending(const struct vault *v, enrol_visit *visit, void *arg, struct err *err)
{
	struct enrol_machine m;
	struct charter_key pub;
	if (!v->key || v->self)
		return 0;
	keyfile_describe(v->key, v->key->name, &pub);
	describe(&m, &pub);
	m.self = true;
	return visit(arg, &m, err);
}

int enrol_machines(const struct vault *v, enrol_visit *visit, void *arg, struct err *err)
{
	int rc = visit_pending(v, visit, arg, err);
	for (size_t i = 0; rc == 0 && i < v->charter->n_keys; i++) {
		const struct charter_key *k = &v->charter->keys[i];
		const struct charter_key *by = k->by_root ? NULL : charter_find(v->charter, k->by);
		struct enrol_machine m;
		describe(&m, k);
		snprintf(m.by, sizeof m.by, "%s", by ? by->name : "root");
		m.self = k == v->self;
		rc = visit(arg, &m, err);
	}
	return rc;
}
