#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "crypto/hash.h"
#include "format/sshsig.h"
#include "holdfast/err.h"
#include "scratch.h"
#include "shell.h"
#include "sshmake.h"

static char dir[SCRATCH_MAX];

static int set_up(void **state)
{
	(void)state;
	if (crypto_start() != 0 || !scratch_make(dir))
		return -1;
	return shell(dir, "ssh-keygen -q -t ed25519 -N '' -C me -f key && printf message >m && "
	                  "ssh-keygen -q -Y sign -n ns -f key m && mv m.sig m512.sig && "
	                  "ssh-keygen -q -Y sign -n ns -O hashalg=sha256 -f key m && mv m.sig m256.sig");
}

static int tear_down(void **state)
{
	(void)state;
	return scratch_remove(dir);
}

static struct buf *get(const char *name)
{
	struct err err;
	struct buf *b = buf_new(SSHSIG_MAX, &err);
	assert_non_null(b);
	assert_true(shell_get(dir, name, b));
	return b;
}

static int verify(const struct buf *b, const char *namespace, const char *message, struct err *err)
{
	struct sshsig s;
	if (sshsig_decode(&s, b->bytes, b->len, err) != 0)
		return err->code;
	return sshsig_verify(&s, namespace, message, strlen(message), err);
}

static void what_ssh_keygen_signs_verifies(void **state)
{
	struct err err;
	struct sshsig s;
	(void)state;
	AUTO(buf) long_hash = get("m512.sig");
	AUTO(buf) short_hash = get("m256.sig");
	assert_int_equal(verify(long_hash, "ns", "message", &err), 0);
	assert_int_equal(verify(short_hash, "ns", "message", &err), 0);
	assert_int_equal(sshsig_decode(&s, short_hash->bytes, short_hash->len, &err), 0);
	assert_false(s.sha512);
}

static void another_message_or_purpose_is_refused(void **state)
{
	struct err err;
	(void)state;
	AUTO(buf) b = get("m512.sig");
	assert_int_equal(verify(b, "ns", "massage", &err), ERR_CORRUPT);
	assert_int_equal(verify(b, "git", "message", &err), ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "not for 'git'"));
}

static void no_byte_of_a_signature_can_be_changed(void **state)
{
	struct err err;
	(void)state;
	AUTO(buf) b = get("m512.sig");
	size_t forgiven = 0;
	for (size_t i = 0; i < b->len; i++) {
		b->bytes[i] ^= 1;
		/* that the key is another is for the list of signers to say */
		struct sshsig s;
		forgiven += verify(b, "ns", "message", &err) == 0 &&
		            sshsig_decode(&s, b->bytes, b->len, &err) == 0;
		b->bytes[i] ^= 1;
	}
	assert_int_equal(forgiven, 0);
	for (size_t len = 0; len < b->len; len++)
		assert_int_not_equal(verify(&(struct buf){ .bytes = b->bytes, .len = len }, "ns", "message",
		                            &err), 0);
}

static void a_tokens_signature_is_taken_as_ssh_keygen_takes_it(void **state)
{
	struct err err;
	(void)state;
	struct sshmake_token t = sshmake_token(5);
	AUTO(buf) b = buf_new(SSHSIG_MAX, &err);
	AUTO(buf) line = buf_new(1000, &err);
	assert_int_equal(sshmake_sign(&t, "ns", "message", 7, 1, b, &err), 0);
	assert_int_equal(buf_printf(line, &err, "me "), 0);
	assert_int_equal(sshkey_encode_line(&t.key, line, &err), 0);
	assert_int_equal(buf_append(line, "\n", 1, &err), 0);
	assert_true(shell_put(dir, "token.sig", b->bytes, b->len));
	assert_true(shell_put(dir, "token.signers", line->bytes, line->len));
	assert_int_equal(shell(dir, "ssh-keygen -Y verify -f token.signers -I me -n ns -s token.sig <m"), 0);
	assert_int_equal(verify(b, "ns", "message", &err), 0);
	assert_int_equal(verify(b, "ns", "massage", &err), ERR_CORRUPT);
	for (size_t i = 0; i < b->len; i++) {
		b->bytes[i] ^= 1;
		assert_int_not_equal(verify(b, "ns", "message", &err), 0);
		b->bytes[i] ^= 1;
	}
}

static void a_token_that_nobody_touched_is_refused(void **state)
{
	struct err err;
	(void)state;
	struct sshmake_token t = sshmake_token(5);
	AUTO(buf) b = buf_new(SSHSIG_MAX, &err);
	assert_int_equal(sshmake_sign(&t, "ns", "message", 7, 0, b, &err), 0);
	assert_int_equal(verify(b, "ns", "message", &err), ERR_CORRUPT);
}

static void a_key_of_another_kind_is_named(void **state)
{
	struct err err;
	(void)state;
	assert_int_equal(shell(dir, "ssh-keygen -q -t ecdsa -N '' -f other && cp m o && "
	                            "ssh-keygen -q -Y sign -n ns -f other o"), 0);
	AUTO(buf) b = get("o.sig");
	assert_int_equal(verify(b, "ns", "message", &err), ERR_INVALID);
	assert_non_null(strstr(err.msg, "ecdsa-sha2-nistp256"));
	assert_non_null(strstr(err.hint, "ed25519"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_ssh_keygen_signs_verifies),
		cmocka_unit_test(another_message_or_purpose_is_refused),
		cmocka_unit_test(no_byte_of_a_signature_can_be_changed),
		cmocka_unit_test(a_tokens_signature_is_taken_as_ssh_keygen_takes_it),
		cmocka_unit_test(a_token_that_nobody_touched_is_refused),
		cmocka_unit_test(a_key_of_another_kind_is_named),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
