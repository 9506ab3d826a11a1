#include "vault/texts.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/hex.h"
#include "crypto/hash.h"
#include "holdfast/err.h"

__asm__(".section .rodata\n"
        ".local holdfast_format_md\n"
        "holdfast_format_md:\n"
        ".incbin \"docs/FORMAT.md\"\n"
        ".local holdfast_format_md_end\n"
        "holdfast_format_md_end:\n"
        ".byte 0\n"
        ".text\n");
extern const char holdfast_format_md[], holdfast_format_md_end[];

const char *texts_format(size_t *len)
{
	*len = (size_t)(holdfast_format_md_end - holdfast_format_md);
	return holdfast_format_md;
}

void texts_fingerprint(char out[TEXTS_FINGERPRINT_MAX], const uint8_t root[32])
{
	uint8_t print[16];
	char hex[33];
	hash_labelled(print, sizeof print, "hf1.fingerprint", NULL, 0, root, 32);
	hex_encode(hex, print, sizeof print);
	for (size_t i = 0; i < 8; i++)
		snprintf(out + 5 * i, 6, "%.4s%s", hex + 4 * i, i < 7 ? " " : "");
}

int texts_recovery(struct buf *out, const uint8_t vault[16], const uint8_t root[32],
                   struct err *err)
{
	char vault_id[33], fingerprint[TEXTS_FINGERPRINT_MAX];
	hex_encode(vault_id, vault, 16);
	texts_fingerprint(fingerprint, root);
	return buf_printf(out, err,
	        "This is a Holdfast vault: encrypted backups of databases and files.\n"
	        "\n"
	        "Vault id     %s\n"
	        "Root key     %s\n"
	        "             (compare with the recovery sheet that was printed when it was made)\n"
	        "\n"
	        "To get data back you need three things: this place's address, the credentials that\n"
	        "read it, and the recovery code (or passphrase) from the recovery sheet. On any Linux\n"
	        "machine with Holdfast installed, without any configuration:\n"
	        "\n"
	        "  holdfast restore --vault URL                     lists what is here\n"
	        "  holdfast restore --vault URL STORE --to FOLDER   brings it back\n"
	        "\n"
	        "Nothing here can be read without the recovery code, by anybody. Nothing here needs to\n"
	        "be kept secret, and nothing must be changed or deleted by hand. FORMAT.md beside this\n"
	        "file describes every byte, so that the data can be read even without Holdfast.\n",
	        vault_id, fingerprint);
}
