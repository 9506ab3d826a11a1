/*
 * make_corpus - write seeds for fuzz targets with the program's own encoders:
 *
 *     cc -Iinclude -Isrc tests/fuzz/make_corpus.c build/libholdfast.a -l... -o make_corpus
 *     ./make_corpus tests/fuzz/corpus
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit/sample_report.h"
#include "base/buf.h"
#include "base/io.h"
#include "base/wire.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "crypto/slot.h"
#include "format/detail.h"
#include "format/minisign.h"
#include "format/pack.h"
#include "format/request.h"
#include "format/spki.h"
#include "format/storekey.h"
#include "holdfast/err.h"
#include "vault/journal.h"
#include "vault/state.h"

static const char *top;
static struct err err;

static void must(int rc)
{
	if (rc == 0)
		return;
	fprintf(stderr, "%s\n", err.msg);
	exit(1);
}

static void put(const char *target, const char *name, const void *data, size_t len)
{
	char path[1000];
	snprintf(path, sizeof path, "%s/%s", top, target);
	must(io_make_dirs(path, 0755, &err));
	snprintf(path, sizeof path, "%s/%s/%s", top, target, name);
	must(io_write_file(path, data, len, 0644, &err));
}

static void pack_header(void)
{
	static const uint8_t key[32] = { 7 };
	struct pack_header h = { .seq = 12, .number = 3, .epoch = 2 };
	struct pack_key k;
	uint8_t bytes[PACK_HEADER_BYTES], tail[PACK_TAIL_BYTES];
	pack_begin(bytes, &k, &h, key);
	put("pack_header", "header", bytes, sizeof bytes);
	wire_put_u32(wire_put_u32(tail, 100), 1000);
	put("pack_header", "tail", tail, sizeof tail);
}

static void storekey(void)
{
	static const uint8_t seed[32] = { 1 };
	uint8_t record_pk[32], record_sk[SIGN_SECRET_BYTES], box_pk[32], box_sk[32], psk[32] = { 0 };
	struct storekey k = { .epoch = 1, .name = "tenants/crm" };
	AUTO(buf) b = buf_new(STOREKEY_MAX_BYTES, &err);
	sign_keypair(record_pk, record_sk, seed);
	memset(box_sk, 3, sizeof box_sk);
	seal_public(box_pk, box_sk);
	memset(k.sk, 4, sizeof k.sk);
	seal_public(k.pk, k.sk);
	must(storekey_encode(&k, box_pk, psk, record_sk, b, &err));
	put("storekey", "object", b->bytes, b->len);
	put("storekey", "unsigned", b->bytes, b->len - SIGN_BYTES);
	uint8_t plain[48] = { 0 };
	memcpy(plain, k.sk, 32);
	plain[32] = 11;
	memcpy(plain + 33, k.name, 11);
	put("storekey", "plain", plain, sizeof plain);
}

static void request(void)
{
	static const uint8_t seed[32] = { 1 };
	struct request r = { .key = { .roles = ROLE_DRILL, .name = "drill1" } };
	uint8_t sk[SIGN_SECRET_BYTES], bytes[REQUEST_TEXT_MAX];
	char text[REQUEST_TEXT_MAX];
	size_t n;
	sign_keypair(r.key.record, sk, seed);
	must(request_encode(&r, sk, text, &err));
	put("request", "text", text, strlen(text));
	if (sodium_base642bin(bytes, sizeof bytes, text + 7, strlen(text + 7), NULL, &n, NULL,
	                      sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
		exit(1);
	put("request", "unsigned", bytes, n - SIGN_BYTES - 4);
}

static void slot(void)
{
	uint8_t bytes[SLOT_BYTES], plain[SLOT_PLAIN_BYTES] = { 0 };
	must(slot_encode(bytes, plain, "seed", 4, (struct slot_cost){ 1, SLOT_MEM_KIB_MIN }, &err));
	put("slot", "cheap", bytes, sizeof bytes);
	must(slot_encode(bytes, plain, "seed", 4, (struct slot_cost){ 3, SLOT_MEM_KIB_MIN * 2 }, &err));
	put("slot", "dearer", bytes, sizeof bytes);
}

/* Without the checksum, which the target makes. */
static void state(const char *dir)
{
	static const uint8_t store[16] = { 1 }, key[32] = { 5 };
	char path[1000];
	AUTO(state) s = state_new(store, &err);
	AUTO(buf) b = buf_new(1 << 20, &err);
	const struct state_pack p = { .serial = 1, .size = 4096, .weight = 8, .live = 8 };
	struct state_file f = { .number = 1, .path = (char[]){ "crm.db" }, .page_bytes = 4096,
	                        .unit_bytes = 512, .length = 4096 };
	strcpy(s->stamp, "a stamp");
	s->facts = strdup("{\"engine\":\"sqlite\"}");
	must(state_store(s, dir, "empty", key, &err));
	must(state_add_pack(s, &p, &err));
	if (!state_add_file(s, &f, &err))
		must(err.code);
	must(state_store(s, dir, "base", key, &err));
	for (int i = 0; i < 2; i++) {
		const char *name = i ? "base" : "empty";
		snprintf(path, sizeof path, "%s/%s", dir, name);
		buf_clear(b);
		must(io_read_file(path, b, &err));
		put("state", name, b->bytes, b->len - 32);
		unlink(path);
	}
}

static void journal(const char *dir)
{
	static const uint8_t key[32] = { 6 }, tags[3 * SUM_TAG_BYTES];
	char path[1000];
	const struct journal_head head = { .seq = 2 };
	const struct journal_file f = { 1, 4096, 512, "crm.db" };
	AUTO(buf) runs = buf_new(1000, &err);
	must(journal_code_run(runs, 1, 5, 2, false, tags, &err));
	must(journal_code_run(runs, 1, 9, 3, true, tags, &err));
	const struct journal_pack p = { .serial = 1, .size = 4096, .weight = 2, .runs = runs->bytes,
	                                .runs_len = runs->len };
	struct journal *j = journal_create(dir, &head, key, &err);
	if (!j)
		must(err.code);
	must(journal_add_file(j, &f, &err));
	must(journal_add_pack(j, &p, false, &err));
	journal_free(j);
	AUTO(buf) b = buf_new(1 << 20, &err);
	snprintf(path, sizeof path, "%s/journal", dir);
	must(io_read_file(path, b, &err));
	put("journal", "file", b->bytes, b->len);
	unlink(path);

	/* the same as records without checks: two bytes of length each */
	AUTO(buf) records = buf_new(1 << 20, &err);
	for (size_t at = 8; at < b->len;) {
		struct wire w = wire_over(b->bytes + at, 4);
		uint32_t n = wire_u32(&w);
		uint8_t len[2];
		wire_put_u16(len, (uint16_t)n);
		must(buf_append(records, len, 2, &err));
		must(buf_append(records, b->bytes + at + 4, n, &err));
		at += 4 + n + 16;
	}
	put("journal", "records", records->bytes, records->len);
}

static void evidence(void)
{
	static const uint8_t seed[32] = { 1 }, psk[32];
	static const struct detail d;
	uint8_t pk[32], sk[SIGN_SECRET_BYTES], box_sk[32] = { 3 }, box[1][32];
	struct report r;
	AUTO(buf) key = buf_new(1 << 20, &err);
	AUTO(buf) pem = buf_new(1 << 20, &err);
	AUTO(buf) signature = buf_new(1 << 20, &err);
	sign_keypair(pk, sk, seed);
	must(minisign_encode_key(pk, key, &err));
	must(spki_encode(pk, pem, &err));
	must(minisign_sign("abc", 3, "drill:1\tresult:passed", sk, signature, &err));
	put("minisign", "key", key->bytes, key->len);
	put("minisign", "pem", pem->bytes, pem->len);
	put("minisign", "signature", signature->bytes, signature->len);

	AUTO(buf) report = buf_new(REPORT_MAX, &err);
	AUTO(buf) detail = buf_new(REPORT_MAX, &err);
	AUTO(buf) sealed = buf_new(DETAIL_MAX, &err);
	sample_report(&r);
	must(report_encode(&r, report, detail, &err));
	report_clear(&r);
	put("report", "report", report->bytes, report->len);
	put("report", "detail", detail->bytes, detail->len);
	seal_public(box[0], box_sk);
	must(detail_seal(&d, (const uint8_t(*)[32])box, 1, psk, "{}", 2, sealed, &err));
	put("detail", "object", sealed->bytes, sealed->len);
	static const uint8_t plain[4096] = { 2, 0, 0, 0, '{', '}' };
	put("detail", "plain", plain, sizeof plain);
}

static void put_text(const char *target, const char *name, const char *text)
{
	put(target, name, text, strlen(text));
}

static void servers(void)
{
	put_text("location", "sftp", "me@host.example:2222/~/vaults/crm");
	put_text("location", "webdav", "u%40corp@[::1]:8443/remote.php/dav/files/u/a%20b%25");
	put_text("location", "listing",
	         "drwxr-xr-x    3 root     root         4096 Nov 26 14:18 packs\n"
	         "-rw-r--r--    1 CORP\\a  domain users     6 Nov 26 14:18 a\n"
	         "lrwxrwxrwx    1 root     root            1 Nov 26 14:18 link -> a\n"
	         "-rw-r--r--    1 0        0               0 Mar  4  2019 .tmp-0123456789abcdef\n"
	         "-rw-r--r-- 1 a b 12 2026-11-26 14:18 name\n");
	put_text("webdav_xml", "apache",
	         "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:multistatus xmlns:D=\"DAV:\">\n"
	         "<D:response xmlns:lp1=\"DAV:\">\n<D:href>/v/a%20b</D:href>\n<D:propstat>\n<D:prop>\n"
	         "<lp1:resourcetype><D:collection/></lp1:resourcetype>\n"
	         "<lp1:getcontentlength>562</lp1:getcontentlength>\n"
	         "<lp1:getlastmodified>Thu, 26 Nov 2026 14:30:04 GMT</lp1:getlastmodified>\n"
	         "<lp1:getetag>\"232-6612ec791d83a\"</lp1:getetag>\n</D:prop>\n"
	         "<D:status>HTTP/1.1 200 OK</D:status>\n</D:propstat>\n<D:propstat><D:prop>"
	         "<D:getetag/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>\n"
	         "</D:response>\n</D:multistatus>\n");
	put_text("webdav_xml", "missing",
	         "<multistatus xmlns='DAV:'><response><href>http://h/v/</href><status>HTTP/1.1 404 No"
	         "</status></response></multistatus>");
	put_text("webdav_xml", "doctype",
	         "<!DOCTYPE x [<!ENTITY a 'b'>]><multistatus xmlns='DAV:'>&a;</multistatus>");
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/make-corpus-XXXXXX";
	if (argc != 2 || crypto_start() != 0 || !mkdtemp(dir)) {
		fprintf(stderr, "usage: make_corpus FOLDER\n");
		return 2;
	}
	top = argv[1];
	pack_header();
	storekey();
	request();
	slot();
	state(dir);
	journal(dir);
	servers();
	evidence();
	rmdir(dir);
	return 0;
}
