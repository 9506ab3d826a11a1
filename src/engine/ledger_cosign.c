/* A witness's word for a ledger: what it saw, and when. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "crypto/secret.h"
#include "crypto/sign.h"
#include "format/note.h"
#include "format/spki.h"
#include "holdfast/err.h"
#include "holdfast/ledger.h"

struct witnessing {
	const uint8_t *key;          /* whose log */
	struct buf *checkpoint;      /* as it was verified */
};

static int keep(void *arg, const uint8_t key[16], const void *checkpoint, size_t len, struct err *err)
{
	struct witnessing *w = arg;
	return memcmp(key, w->key, 16) == 0 ? buf_append(w->checkpoint, checkpoint, len, err) : 0;
}

static int cosign(struct buf *checkpoint, const struct ledger_witness *who, const struct secret *sk,
                  struct ledger_cosigned *out, struct err *err)
{
	struct note n;
	struct note_witness w;
	if (note_decode(&n, checkpoint->bytes, checkpoint->len, err) != 0 ||
	    note_cosign(&n, checkpoint, who->name, who->time_s, sk->bytes, err) != 0)
		return err->code;
	memcpy(w.name, who->name, strlen(who->name) + 1);
	sign_public(w.pk, sk->bytes);
	note_witness_key(out->witness, &w);
	out->checkpoint = malloc(checkpoint->len);
	if (!out->checkpoint)
		return err_no_memory(err);
	memcpy(out->checkpoint, checkpoint->bytes, checkpoint->len);
	out->len = checkpoint->len;
	return 0;
}

static struct secret *read_key(const struct ledger_witness *who, struct err *err)
{
	uint8_t pk[SIGN_PUBLIC_BYTES];
	AUTO(secret) seed = secret_new(SIGN_SEED_BYTES, err);
	AUTO(secret) sk = seed ? secret_new(SIGN_SECRET_BYTES, err) : NULL;
	if (!sk)
		return NULL;
	if (spki_decode_seed(seed->bytes, who->pem, who->pem_len, err) != 0) {
		err->code = ERR_INVALID;
		return NULL;
	}
	sign_keypair(pk, sk->bytes, seed->bytes);
	return TAKE(sk);
}

int ledger_cosign(struct vault *v, const struct ledger_verify_options *options, const uint8_t key[16],
                  const struct ledger_witness *who, struct ledger_verify_result *result,
                  struct ledger_cosigned *out, struct err *err)
{
	static_assert(sizeof out->witness >= NOTE_KEY_MAX, "a witness's key does not fit");
	struct ledger_verify_options how = *options;
	AUTO(secret) sk = read_key(who, err);
	AUTO(buf) checkpoint = sk ? buf_new(NOTE_MAX, err) : NULL;
	struct witnessing w = { key, checkpoint };
	how.sound = keep;
	how.sound_arg = &w;
	*out = (struct ledger_cosigned){ .len = 0 };
	if (!checkpoint || ledger_verify(v, &how, result, err) != 0)
		return err->code;
	if (result->damages || result->forks)
		return 0;
	if (checkpoint->len == 0)
		return err_set(err, ERR_ABSENT, "ledger: this key has none here, or less than was seen");
	return cosign(checkpoint, who, sk, out, err);
}
