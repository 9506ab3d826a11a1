/*
 * evidence - what a drill leaves behind for auditors: a folder that proves what it found.
 *
 * Reading and checking it is in holdfast/evidence.h and needs nothing of this.
 */
#ifndef EVIDENCE_H
#define EVIDENCE_H

#include <stddef.h>
#include <stdint.h>

#include "crypto/sign.h"
#include "engine/evidence_folder.h"
#include "holdfast/evidence.h"

struct err;

#define EVIDENCE_NAMESPACE "holdfast-drill"   /* of approvals: ssh-keygen -Y sign -n holdfast-drill */

struct evidence_bytes {
	const void *bytes;           /* NULL: there is none */
	size_t len;
};

struct buf;
struct evidence_bytes evidence_bytes_of(const struct buf *b);   /* b may be NULL */

struct evidence_inputs {
	struct evidence_bytes report;       /* report_encode */
	struct evidence_bytes detail;       /* detail_seal */
	struct evidence_bytes entry;        /* of the drill's end, as it is in the log */
	struct evidence_bytes proof;        /* tlog-proof of the entry; it holds this checkpoint */
	struct evidence_bytes checkpoint;
	/* optional */
	struct evidence_bytes timestamp;    /* an authority's answer: of the checkpoint */
	struct evidence_bytes tsa_ca;       /* with a timestamp: certificates in PEM */
	struct evidence_bytes approval;     /* approval.sig, as ssh-keygen -Y sign wrote it */
	struct evidence_bytes signers;      /* with an approval: allowed_signers */
	uint64_t approved_s;                /* with an approval: when the machine got it */

	const uint8_t *report_sk;           /* SIGN_SECRET_BYTES: the machine's report key */
	const uint8_t *log_pk;              /* its log key */
};

/*
 * Write the folder: all files signed, mode 0644, synced; whole or not at all. It is checked first, and
 * what would not verify is not written. ERR_INVALID: an input is not what it must be, and the message
 * says which; ERR_EXISTS: the folder is there and not empty; ERR_IO, ERR_SPACE, ERR_DENIED, ERR_NOMEM.
 */
int evidence_write(const char *dir, const struct evidence_inputs *in, struct err *err);

/*
 * Add a reviewer's approval to a folder in memory, list it anew and sign the list with the report key that
 * signed the rest. It is checked as above. ERR_INVALID, ERR_CORRUPT (the folder was changed), ERR_LIMIT,
 * ERR_NOMEM; the folder is to be thrown away then.
 */
struct evidence_approval {
	struct evidence_bytes signature;    /* approval.sig */
	struct evidence_bytes signers;      /* allowed_signers */
	uint64_t time_s;                    /* when the machine got it */
};
int evidence_approve(struct evidence_folder *f, const struct evidence_approval *a,
                     const uint8_t report_sk[SIGN_SECRET_BYTES], struct err *err);

/* The folder of keys that an auditor gets when a machine is enrolled, and keeps. signers and tsa_ca are
 * optional. Errors as above. */
struct evidence_keys {
	uint8_t vault[16], machine[16];
	uint8_t report_pk[SIGN_PUBLIC_BYTES], log_pk[SIGN_PUBLIC_BYTES];
	struct evidence_bytes signers, tsa_ca;
};
struct evidence_folder *evidence_keys_folder(const struct evidence_keys *keys, struct err *err);
int evidence_write_keys(const char *dir, const struct evidence_keys *keys, struct err *err);

/* The checks of evidence_verify on a folder in memory. keys NULL: those in the folder. */
int evidence_judge(const struct evidence_folder *f, const struct evidence_folder *keys,
                   struct evidence_result *r, struct err *err);

/* The trusted comments of the two signatures: what they say beside "this file is mine". */
int evidence_report_comment(const struct report *r, uint64_t tree_size, char *out, size_t cap,
                            struct err *err);
int evidence_list_comment(const struct report *r, uint64_t approved_s, char *out, size_t cap,
                          struct err *err);

/* Append the name of a machine's log: "holdfast/<vault id>/<key id>". */
int evidence_origin(const uint8_t vault[16], const uint8_t machine[16], char *out, size_t cap,
                    struct err *err);

#endif
