/* sample_evidence - all that a drill's evidence is made of, by the real things: a log of eleven entries,
 * a reviewer with ssh-keygen, a timestamp authority with openssl. */
#ifndef SAMPLE_EVIDENCE_H
#define SAMPLE_EVIDENCE_H

#include "crypto/hash.h"
#include "crypto/seal.h"
#include "crypto/sha256.h"
#include "engine/evidence.h"
#include "format/detail.h"
#include "format/entry.h"
#include "format/merkle.h"
#include "format/note.h"
#include "format/timestamp.h"
#include "format/minisign.h"
#include "format/sshsig.h"
#include "format/tlogproof.h"
#include "sample_report.h"
#include "scratch.h"
#include "tsa.h"

enum { SAMPLE_ENTRIES = 11, SAMPLE_AT = 6, SAMPLE_APPROVED = 1772452800 };   /* 2026-03-02 12:00 */

struct sample_evidence {
	char dir[SCRATCH_MAX];               /* of tools and their keys */
	struct report report;
	uint8_t report_pk[32], report_sk[64], log_pk[32], log_sk[64];
	uint8_t leaves[SAMPLE_ENTRIES][32];
	struct buf *report_json, *detail_json, *detail, *entry, *proof, *checkpoint, *timestamp, *tsa_ca,
	           *approval, *signers;
	struct evidence_inputs in;
};

static inline int sample_node(void *arg, unsigned level, uint64_t index, uint8_t out[32],
                              struct err *err)
{
	const struct sample_evidence *s = arg;
	uint8_t left[32], right[32];
	if (level == 0) {
		memcpy(out, s->leaves[index], 32);
		return 0;
	}
	sample_node(arg, level - 1, 2 * index, left, err);
	sample_node(arg, level - 1, 2 * index + 1, right, err);
	merkle_node(out, left, right);
	return 0;
}

static inline int sample_log(struct sample_evidence *s, struct err *err)
{
	struct entry e = { .kind = ENTRY_DRILL_FINISHED, .time_s = s->report.finished_s,
	                   .verdict = (enum entry_verdict)s->report.verdict, .duration_ms = 1200000 };
	struct note n = { .size = SAMPLE_ENTRIES };
	struct tlogproof p = { .index = SAMPLE_AT };
	memcpy(e.drill, s->report.drill, 16);
	sha256(e.report, s->report_json->bytes, s->report_json->len);
	if (entry_encode(&e, s->entry, err) != 0)
		return err->code;
	for (unsigned i = 0; i < SAMPLE_ENTRIES; i++)
		merkle_leaf(s->leaves[i], &i, sizeof i);
	merkle_leaf(s->leaves[SAMPLE_AT], s->entry->bytes, s->entry->len);
	if (evidence_origin(s->report.vault, s->report.machine, n.origin, sizeof n.origin, err) != 0 ||
	    merkle_root(n.size, sample_node, s, n.root, err) != 0 ||
	    note_encode(&n, s->log_sk, s->checkpoint, err) != 0 ||
	    merkle_prove_entry(SAMPLE_AT, n.size, sample_node, s, &p.path, err) != 0)
		return err->code;
	p.checkpoint = s->checkpoint->bytes;
	p.checkpoint_len = s->checkpoint->len;
	return tlogproof_encode(&p, s->proof, err);
}

/* A reviewer whose key may sign from February to April, and an authority's stamp. */
static inline int sample_others(struct sample_evidence *s)
{
	uint8_t hash[32], query[TIMESTAMP_QUERY_BYTES], nonce[TIMESTAMP_NONCE_BYTES] = { 7 };
	sha256(hash, s->checkpoint->bytes, s->checkpoint->len);
	timestamp_query(query, hash, nonce);
	if (!shell_put(s->dir, "report.json", s->report_json->bytes, s->report_json->len) ||
	    !shell_put(s->dir, "q.tsq", query, sizeof query) || tsa_make(s->dir) != 0 ||
	    tsa_stamp(s->dir, "q.tsq", "checkpoint.tsr") != 0 ||
	    shell(s->dir, "ssh-keygen -q -t ed25519 -N '' -C '' -f reviewer && "
	                  "ssh-keygen -q -Y sign -n holdfast-drill -f reviewer report.json && "
	                  "{ printf 'm.li@example.com namespaces=\"holdfast-drill\","
	                  "valid-after=\"20260201Z\",valid-before=\"20260501Z\" '; cat reviewer.pub; "
	                  "} >allowed_signers") != 0)
		return -1;
	return shell_get(s->dir, "checkpoint.tsr", s->timestamp) &&
	       shell_get(s->dir, "tsa-ca.pem", s->tsa_ca) &&
	       shell_get(s->dir, "report.json.sig", s->approval) &&
	       shell_get(s->dir, "allowed_signers", s->signers) ? 0 : -1;
}

static inline struct evidence_bytes sample_bytes(const struct buf *b)
{
	return (struct evidence_bytes){ b->bytes, b->len };
}

static inline void sample_inputs(struct sample_evidence *s)
{
	s->in = (struct evidence_inputs){
		.report = sample_bytes(s->report_json), .detail = sample_bytes(s->detail),
		.entry = sample_bytes(s->entry), .proof = sample_bytes(s->proof),
		.checkpoint = sample_bytes(s->checkpoint), .timestamp = sample_bytes(s->timestamp),
		.tsa_ca = sample_bytes(s->tsa_ca), .approval = sample_bytes(s->approval),
		.signers = sample_bytes(s->signers), .approved_s = SAMPLE_APPROVED,
		.report_sk = s->report_sk, .log_pk = s->log_pk,
	};
}

static inline int sample_documents(struct sample_evidence *s, struct err *err)
{
	static const uint8_t psk[32] = { 4 };
	uint8_t box[2][32], sk[32];
	struct detail d;
	memcpy(d.vault, s->report.vault, 16);
	memcpy(d.machine, s->report.machine, 16);
	memcpy(d.drill, s->report.drill, 16);
	seal_keypair(box[0], sk);
	seal_keypair(box[1], sk);
	if (report_encode(&s->report, s->report_json, s->detail_json, err) != 0)
		return err->code;
	return detail_seal(&d, (const uint8_t(*)[32])box, 2, psk, s->detail_json->bytes,
	                   s->detail_json->len, s->detail, err);
}

/* Keys, and a report that is not yet written. 0 if they could be made; sample_evidence_end anyway. */
static inline int sample_evidence_new(struct sample_evidence *s, struct err *err)
{
	static const uint8_t seeds[2][32] = { { 11 }, { 12 } };
	*s = (struct sample_evidence){ .dir = "" };
	struct buf **all[] = { &s->report_json, &s->detail_json, &s->detail, &s->entry, &s->proof,
	                       &s->checkpoint, &s->timestamp, &s->tsa_ca, &s->approval, &s->signers };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		*all[i] = buf_new(2 << 20, err);
	if (crypto_start() != 0 || !scratch_make(s->dir))
		return -1;
	sign_keypair(s->report_pk, s->report_sk, seeds[0]);
	sign_keypair(s->log_pk, s->log_sk, seeds[1]);
	sample_report(&s->report);
	return 0;
}

/* All of it. */
static inline int sample_evidence_begin(struct sample_evidence *s, struct err *err)
{
	if (sample_evidence_new(s, err) != 0)
		return -1;
	if (sample_documents(s, err) != 0 || sample_log(s, err) != 0 || sample_others(s) != 0)
		return -1;
	sample_inputs(s);
	return 0;
}

static inline void sample_evidence_end(struct sample_evidence *s)
{
	struct buf *all[] = { s->report_json, s->detail_json, s->detail, s->entry, s->proof, s->checkpoint,
	                      s->timestamp, s->tsa_ca, s->approval, s->signers };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		buf_free(all[i]);
	report_clear(&s->report);
	if (s->dir[0])
		scratch_remove(s->dir);
}

/* The keys that an auditor was given. */
static inline int sample_keys(const struct sample_evidence *s, const char *dir, struct err *err)
{
	struct evidence_keys k = { .signers = s->in.signers, .tsa_ca = s->in.tsa_ca };
	memcpy(k.vault, s->report.vault, 16);
	memcpy(k.machine, s->report.machine, 16);
	memcpy(k.report_pk, s->report_pk, 32);
	memcpy(k.log_pk, s->log_pk, 32);
	return evidence_write_keys(dir, &k, err);
}

#endif
