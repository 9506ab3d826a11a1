/* Writing the signed lines of vault.json and of the charter. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "format/charter.h"
#include "holdfast/err.h"

int charter_encode_anchor(const struct charter_anchor *a, const uint8_t root_sk[SIGN_SECRET_BYTES],
                          struct buf *out, struct err *err)
{
	JSON_AUTO j = json_pack("{s:I, s:I, s:o, s:s, s:o, s:o, s:o}",
	                        "created", (json_int_t)a->created_s,
	                        "format", (json_int_t)CHARTER_FORMAT,
	                        "format_md", json_hex(a->format_md, 32), "kind", "anchor",
	                        "recovery_txt", json_hex(a->recovery_txt, 32),
	                        "root", json_hex(a->root, 32), "vault", json_hex(a->vault, 16));
	return signed_line_append(out, j, root_sk, err);
}

/* Number of lines so far, and the hash of the last one. */
static uint64_t chain_end(const struct buf *chain, uint8_t prev[32])
{
	uint64_t n = 0;
	size_t start = 0;
	memset(prev, 0, 32);
	for (size_t i = 0; i < chain->len; i++)
		if (chain->bytes[i] == '\n') {
			signed_line_hash(prev, chain->bytes + start, i + 1 - start);
			start = i + 1;
			n++;
		}
	return n;
}

static int append_entry(struct buf *chain, json_t *j, uint64_t time_s, const uint8_t *signer,
                        const uint8_t sk[SIGN_SECRET_BYTES], struct err *err)
{
	uint8_t prev[32];
	uint64_t n = chain_end(chain, prev) + 1;
	JSON_AUTO common = json_pack("{s:I, s:o, s:o, s:I}", "n", (json_int_t)n,
	                             "prev", json_hex(prev, 32), "signer",
	                             signer ? json_hex(signer, 16) : json_string("root"), "time",
	                             (json_int_t)time_s);
	if (!j || !common || json_object_update(j, common) != 0)
		return err_no_memory(err);
	return signed_line_append(chain, j, sk, err);
}

int charter_append_vault(struct buf *chain, const struct charter_anchor *a,
                         const uint8_t recovery_pk[32], const uint8_t root_sk[SIGN_SECRET_BYTES],
                         struct err *err)
{
	JSON_AUTO j = json_pack("{s:I, s:s, s:o, s:o, s:o}", "format", (json_int_t)CHARTER_FORMAT,
	                        "kind", "vault", "recovery", json_hex(recovery_pk, 32),
	                        "root", json_hex(a->root, 32), "vault", json_hex(a->vault, 16));
	return append_entry(chain, j, a->created_s, NULL, root_sk, err);
}

static json_t *roles_json(unsigned mask)
{
	unsigned role;
	const char *name;
	JSON_AUTO list = json_array();
	for (unsigned i = 0; list && (name = roles_name(i, &role)); i++)
		if (mask & role && json_array_append_new(list, json_string(name)) != 0)
			return NULL;
	return json_incref(list);
}

int charter_append_enroll(struct buf *chain, const struct charter_key *key, uint64_t time_s,
                          const uint8_t *signer, const uint8_t sk[SIGN_SECRET_BYTES],
                          struct err *err)
{
	JSON_AUTO j = json_pack("{s:o, s:o, s:s, s:o, s:s, s:o, s:o, s:o}",
	                        "box", json_hex(key->box, 32), "key", json_hex(key->id, 16),
	                        "kind", "enroll", "log", json_hex(key->log, 32),
	                        "name", key->name, "record", json_hex(key->record, 32),
	                        "report", json_hex(key->report, 32),
	                        "roles", roles_json(key->roles));
	if (j && key->has_psk && json_object_set_new(j, "psk", json_hex(key->psk, sizeof key->psk)) != 0)
		return err_no_memory(err);
	return append_entry(chain, j, time_s, signer, sk, err);
}

static int by_id(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

static json_t *stores_json(const struct charter_grant *g)
{
	JSON_AUTO list = json_array();
	uint8_t (*sorted)[16] = reallocarray(NULL, g->n_stores, sizeof *sorted);
	if (!list || !sorted) {
		free(sorted);
		return NULL;
	}
	memcpy(sorted, g->stores, g->n_stores * sizeof *sorted);
	qsort(sorted, g->n_stores, sizeof *sorted, by_id);
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < g->n_stores; i++)
		rc = json_array_append_new(list, json_hex(sorted[i], 16));
	free(sorted);
	return rc == 0 ? json_incref(list) : NULL;
}

int charter_append_grant(struct buf *chain, const struct charter_grant *grant, uint64_t time_s,
                         const uint8_t root_sk[SIGN_SECRET_BYTES], struct err *err)
{
	JSON_AUTO j = json_pack("{s:s, s:o}", "kind", "grant", "to", json_hex(grant->to, 16));
	int rc = j ? 0 : -1;
	if (rc == 0 && !grant->all_writers)
		rc = json_object_set_new(j, "writer", json_hex(grant->writer, 16));
	if (rc == 0 && !grant->all_writers && grant->n_stores)
		rc = json_object_set_new(j, "stores", stores_json(grant));
	if (rc != 0)
		return err_no_memory(err);
	return append_entry(chain, j, time_s, NULL, root_sk, err);
}
