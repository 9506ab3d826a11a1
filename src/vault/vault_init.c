/* Making a new vault: everything else first, vault.json last, so that a crash leaves no vault. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "crypto/sign.h"
#include "crypto/slot.h"
#include "format/names.h"
#include "holdfast/err.h"
#include "vault/storage.h"
#include "vault/texts.h"
#include "vault/vault.h"

struct making {
	struct backend *storage;
	const struct vault_options *options;
	const struct vault_init_options *init;
	struct charter_anchor anchor;
	uint8_t recovery[32];
	struct secret *plain;      /* of the slot: seed | psk | vault id | zeros */
	struct secret *root_sk;
	struct keyfile *key;
};

static int found_something(void *arg, const struct backend_object *o, struct err *err)
{
	(void)err;
	if (names_starts(o->name, NAMES_PROBE))
		return 0;
	snprintf(arg, NAMES_MAX, "%s", o->name);
	return 1;
}

int vault_find_anything(struct backend *place, char name[NAMES_MAX], struct err *err)
{
	return storage_list(place, "", found_something, name, err);
}

static int must_be_empty(struct making *m, struct err *err)
{
	char name[NAMES_MAX] = "";
	struct backend_object o;
	if (storage_stat(m->storage, NAMES_ANCHOR, &o, err) == 0) {
		err_set(err, ERR_EXISTS, "%s: there is a vault already", m->options->url);
		return err_hint(err, "list what it holds: holdfast snapshots --vault %.150s",
		                m->options->url);
	}
	if (err->code != ERR_ABSENT)
		return err->code;
	int rc = vault_find_anything(m->storage, name, err);
	if (rc <= 0)
		return rc;
	err_set(err, ERR_EXISTS, "%s: is not empty (%s)", m->options->url, name);
	return err_hint(err, "give an empty or new place; left-overs of an interrupted init can be "
	                "deleted by hand");
}

static int make_secrets(struct making *m, struct err *err)
{
	m->plain = secret_new(SLOT_PLAIN_BYTES, err);
	m->root_sk = secret_new(SIGN_SECRET_BYTES, err);
	if (!m->plain || !m->root_sk)
		return err->code;
	uint8_t *p = m->plain->bytes;
	randombytes_buf(p, 64);
	randombytes_buf(m->anchor.vault, 16);
	memcpy(p + 64, m->anchor.vault, 16);

	AUTO(secret) root_seed = secret_derive(p, "hf1.root", err);
	AUTO(secret) recovery_sk = secret_derive(p, "hf1.recovery", err);
	if (!root_seed || !recovery_sk)
		return err->code;
	sign_keypair(m->anchor.root, m->root_sk->bytes, root_seed->bytes);
	seal_public(m->recovery, recovery_sk->bytes);
	m->anchor.created_s = (uint64_t)time(NULL);
	return 0;
}

static int put_slot(struct making *m, struct err *err)
{
	uint8_t slot[SLOT_BYTES], id[16];
	char name[NAMES_MAX];
	struct slot_cost cost = { m->init->slot_ops, m->init->slot_mem_kib };
	if (cost.mem_kib == 0 && m->init->generated)
		cost.mem_kib = SLOT_CODE_MEM_KIB;
	if (slot_encode(slot, m->plain->bytes, m->init->passphrase, m->init->passphrase_len, cost,
	                err) != 0)
		return err->code;
	randombytes_buf(id, sizeof id);
	return storage_put(m->storage, names_slot(name, id), slot, sizeof slot, BACKEND_NEW, err);
}

static int put_charter(struct making *m, struct err *err)
{
	struct charter_key pub = { 0 };
	char name[NAMES_MAX];
	AUTO(buf) chain = buf_new(CHARTER_MAX_BYTES, err);
	m->key = keyfile_new(m->anchor.vault, m->anchor.root, m->recovery, m->plain->bytes + 32,
	                     ROLE_WRITER | ROLE_ADMIN, m->init->machine, &pub, err);
	if (!chain || !m->key ||
	    charter_append_vault(chain, &m->anchor, m->recovery, m->root_sk->bytes, err) != 0 ||
	    charter_append_enroll(chain, &pub, m->anchor.created_s, NULL, m->root_sk->bytes,
	                          err) != 0)
		return err->code;
	return storage_put(m->storage, names_charter(name, 2), chain->bytes, chain->len, BACKEND_NEW,
	                   err);
}

static int put_texts(struct making *m, struct err *err)
{
	AUTO(buf) text = buf_new(65536, err);
	size_t len;
	const char *format = texts_format(&len);
	if (!text || texts_recovery(text, m->anchor.vault, m->anchor.root, err) != 0 ||
	    storage_put(m->storage, NAMES_RECOVERY, text->bytes, text->len, BACKEND_NEW, err) != 0 ||
	    storage_put(m->storage, NAMES_FORMAT, format, len, BACKEND_NEW, err) != 0)
		return err->code;
	hash_plain(m->anchor.recovery_txt, text->bytes, text->len);
	hash_plain(m->anchor.format_md, format, len);
	return 0;
}

static int put_anchor(struct making *m, struct err *err)
{
	AUTO(buf) line = buf_new(CHARTER_LINE_MAX, err);
	if (!line || charter_encode_anchor(&m->anchor, m->root_sk->bytes, line, err) != 0)
		return err->code;
	return storage_put(m->storage, NAMES_ANCHOR, line->bytes, line->len, BACKEND_NEW, err);
}

static int make(struct making *m, struct err *err)
{
	if (must_be_empty(m, err) != 0 || make_secrets(m, err) != 0 || put_slot(m, err) != 0 ||
	    put_charter(m, err) != 0 || put_texts(m, err) != 0 ||
	    keyfile_store(m->key, m->options->keys_dir, m->options->url, err) != 0)
		return err->code;
	return put_anchor(m, err);
}

static bool is_text(const char *name)
{
	size_t n = 1;
	for (; *name && n; name += n)
		n = utf8_printable(name);
	return n > 0;
}

int vault_init(const struct vault_options *options, const struct vault_init_options *init,
               struct err *err)
{
	if (!options->keys_dir || !init->machine || !*init->machine ||
	    strlen(init->machine) >= CHARTER_NAME_MAX)
		return err_set(err, ERR_INVALID, "init needs a keys folder and a machine name");
	if (!is_text(init->machine))
		return err_set(err, ERR_INVALID, "the machine's name is not printable text in UTF-8");
	if (init->passphrase_len == 0 || init->passphrase_len > SLOT_PASSPHRASE_MAX)
		return err_set(err, ERR_INVALID, "the passphrase is empty or too long");
	if (crypto_start() != 0)
		return err_no_memory(err);
	struct making m = { .options = options, .init = init };
	m.storage = storage_open(options->url, options->storage, err);
	int rc = m.storage ? make(&m, err) : err->code;
	secret_free(m.plain);
	secret_free(m.root_sk);
	keyfile_free(m.key);
	storage_free(m.storage);
	return rc;
}
