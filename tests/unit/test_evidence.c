#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "holdfast/err.h"
#include "sample_evidence.h"

struct lab {
	struct sample_evidence s;
	char keys[SCRATCH_MAX + 20], out[SCRATCH_MAX + 20];
};

static struct lab lab;

static int set_up(void **state)
{
	struct err err;
	(void)state;
	if (sample_evidence_begin(&lab.s, &err) != 0)
		return -1;
	snprintf(lab.keys, sizeof lab.keys, "%s/keys", lab.s.dir);
	snprintf(lab.out, sizeof lab.out, "%s/evidence", lab.s.dir);
	if (sample_keys(&lab.s, lab.keys, &err) == 0 && evidence_write(lab.out, &lab.s.in, &err) == 0)
		return 0;
	fprintf(stderr, "%s\n", err.msg);
	return -1;
}

static int tear_down(void **state)
{
	(void)state;
	sample_evidence_end(&lab.s);
	return 0;
}

/* A changed copy of the evidence in DIR/copy, checked with the keys that were given. */
#define COPY_BEGIN "rm -rf copy && cp -r evidence copy && cd copy && "

static int judge(const char *dir, const char *keys, struct evidence_result *r)
{
	struct err err;
	return evidence_verify(dir, keys, r, &err);
}

static void make_copy(const char *change)
{
	assert_int_equal(shell(lab.s.dir, COPY_BEGIN "%s", change), 0);
}

static struct evidence_result judge_copy(void)
{
	char path[PATH_MAX];
	struct evidence_result r;
	snprintf(path, sizeof path, "%s/copy", lab.s.dir);
	assert_int_equal(judge(path, lab.keys, &r), 0);
	return r;
}

static int run_script(void)
{
	return shell(lab.s.dir, "cd copy; dash ../keys/VERIFY.txt ../keys");
}

/* Both find it, and say so. */
static void assert_found(const char *change, enum evidence_about about, const char *word)
{
	char said[4000], failed[100];
	make_copy(change);
	struct evidence_result r = judge_copy();
	if (r.sound || r.checks[about].state != EVIDENCE_FAILED)
		fail_msg("'%s' is not found by check '%s': %s", change, r.checks[about].name,
		         r.checks[about].said);
	assert_int_equal(run_script(), 1);
	shell_said(lab.s.dir, said);
	snprintf(failed, sizeof failed, "FAILED  %s: ", word);
	if (!strstr(said, failed))
		fail_msg("VERIFY.txt says of '%s': %s", change, said);
}

/* ---- whole evidence ---- */

static void whole_evidence_passes_every_check(void **state)
{
	static const char *const expected[] = {
		"those that you were given", "signed by the drill's machine", "whole, and no others",
		"VERIFY.txt is the one of this program", "its verdict 'passed' follows", "11 entries",
		"names this report", "number 6", "by m.li@example.com, 2026-03-02 12:00:00Z",
	};
	struct evidence_result r;
	(void)state;
	assert_int_equal(judge(lab.out, lab.keys, &r), 0);
	assert_true(r.sound && r.anchored);
	assert_string_equal(r.verdict, "passed");
	assert_memory_equal(r.drill, "d100", 4);
	for (unsigned i = 0; i < sizeof expected / sizeof *expected; i++) {
		if (!strstr(r.checks[i].said, expected[i]))
			fail_msg("%s: %s", r.checks[i].name, r.checks[i].said);
		assert_int_equal(r.checks[i].state, EVIDENCE_OK);
	}
	/* the authority's signature is openssl's to judge */
	assert_int_equal(r.checks[EVIDENCE_ABOUT_TIMESTAMP].state, EVIDENCE_UNPROVEN);
}

static void debians_tools_say_the_same_through_verify_txt(void **state)
{
	char said[4000];
	(void)state;
	make_copy("true");
	int rc = run_script();
	shell_said(lab.s.dir, said);
	if (rc != 0)
		fail_msg("%d: %s", rc, said);
	static const char *const lines[] = {
		"ok      keys", "ok      list", "ok      files", "ok      report", "ok      checkpoint",
		"ok      entry", "ok      approval: by m.li@", "ok      timestamp", "ALL CHECKS PASSED",
		"verdict: passed",
	};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		assert_non_null(strstr(said, lines[i]));
	/* the copy in the folder does as well */
	assert_int_equal(shell(lab.s.dir, "cd copy; dash VERIFY.txt ../keys"), 0);
}

static void without_keys_it_is_said_that_nothing_is_anchored(void **state)
{
	struct evidence_result r;
	char said[4000];
	(void)state;
	assert_int_equal(judge(lab.out, NULL, &r), 0);
	assert_true(r.sound);
	assert_false(r.anchored);
	assert_int_equal(r.checks[EVIDENCE_ABOUT_KEYS].state, EVIDENCE_UNPROVEN);
	make_copy("true");
	assert_int_equal(shell(lab.s.dir, "cd copy; dash VERIFY.txt"), 0);
	shell_said(lab.s.dir, said);
	assert_non_null(strstr(said, "  drill.pub\n"));
	assert_non_null(strstr(said, "This holds only if the fingerprints above"));
}

static void every_file_may_be_read_by_everybody(void **state)
{
	(void)state;
	assert_int_equal(shell(lab.s.dir, "test \"$(find evidence -type f | wc -l)\" = 16 && "
	                                  "test -z \"$(find evidence -type f ! -perm 644)\" && "
	                                  "test \"$(stat -c %%a evidence)\" = 755"), 0);
}

/* ---- what is changed is found ---- */

static void other_keys_are_found(void **state)
{
	(void)state;
	assert_found("printf 'untrusted comment: x\\n' >drill.pub", EVIDENCE_ABOUT_KEYS, "keys");
	assert_found("openssl genpkey -algorithm ed25519 | openssl pkey -pubout >log.pem",
	             EVIDENCE_ABOUT_KEYS, "keys");
}

static void evidence_of_an_own_key_is_found(void **state)
{
	struct err err;
	char path[PATH_MAX], said[4000];
	uint8_t pk[32], sk[64], seed[32] = { 99 };
	struct evidence_result r;
	(void)state;
	/* everything signed anew by somebody else, and whole in itself */
	sign_keypair(pk, sk, seed);
	struct evidence_inputs in = lab.s.in;
	in.report_sk = sk;
	shell(lab.s.dir, "rm -rf copy");
	snprintf(path, sizeof path, "%s/copy", lab.s.dir);
	assert_int_equal(evidence_write(path, &in, &err), 0);
	assert_int_equal(judge(path, NULL, &r), 0);
	assert_true(r.sound && !r.anchored);
	r = judge_copy();
	assert_false(r.sound || r.anchored);
	assert_int_equal(run_script(), 1);
	assert_non_null(strstr(shell_said(lab.s.dir, said), "not the one that you were given"));
}

static void missing_and_added_files_are_found(void **state)
{
	(void)state;
	assert_found("rm detail.sealed", EVIDENCE_ABOUT_FILES, "files");
	assert_found("printf x >>detail.sealed", EVIDENCE_ABOUT_FILES, "files");
	assert_found("rm approval.sig", EVIDENCE_ABOUT_FILES, "files");
	assert_found("rm checkpoint.tsr", EVIDENCE_ABOUT_FILES, "files");
	assert_found("echo >.hidden", EVIDENCE_ABOUT_FILES, "files");
	assert_found("mkdir more; echo >more/file", EVIDENCE_ABOUT_FILES, "files");
	assert_found("rm SHA256SUMS", EVIDENCE_ABOUT_LIST, "list");
	assert_found("rm SHA256SUMS.minisig", EVIDENCE_ABOUT_LIST, "list");
	/* out of the list as well */
	assert_found("rm approval.sig; sed -i /approval/d SHA256SUMS", EVIDENCE_ABOUT_LIST, "list");
}

/* minisign alone takes all of these. */
static void a_signature_file_has_one_spelling(void **state)
{
	static const char *const changes[] = {
		"sed -i 1s/signature/Signature/ SHA256SUMS.minisig", "echo more >>SHA256SUMS.minisig",
		/* the bits that base64 has to spare at the end of line 4 */
		"sed -i '4{s/A==$/B==/;t;s/Q==$/R==/;t;s/g==$/h==/;t;s/w==$/x==/}' SHA256SUMS.minisig",
	};
	(void)state;
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		make_copy(changes[i]);
		assert_int_equal(shell(lab.s.dir, "cd copy; "
		                 "! cmp -s SHA256SUMS.minisig ../evidence/SHA256SUMS.minisig && "
		                 "minisign -V -p drill.pub -m SHA256SUMS"), 0);
		assert_found(changes[i], EVIDENCE_ABOUT_LIST, "list");
	}
}

static void a_pipe_in_the_folder_keeps_nobody_waiting(void **state)
{
	(void)state;
	make_copy("rm report.json; mkfifo report.json");
	struct evidence_result r = judge_copy();
	assert_false(r.sound);
	make_copy("rm report.json; ln -s ../evidence/report.json report.json");
	r = judge_copy();
	assert_false(r.sound);
}

static void swapped_parts_of_two_drills_are_found(void **state)
{
	(void)state;
	assert_found("cp report.json entry.json", EVIDENCE_ABOUT_ENTRY, "files");
	assert_found("cp report.json.minisig SHA256SUMS.minisig", EVIDENCE_ABOUT_LIST, "list");
}

/* ---- every byte ---- */

static const char *const names[] = {
	"entry.json", "report.tlog-proof", "checkpoint", "checkpoint.tsr", "report.json",
	"report.json.minisig", "detail.sealed", "approval.sig", "allowed_signers", "tsa-ca.pem", "drill.pub",
	"log.pem", "log.vkey", "VERIFY.txt", "SHA256SUMS", "SHA256SUMS.minisig",
};
enum { NAMES = sizeof names / sizeof *names };

static void every_flipped_byte_of_every_file_is_found(void **state)
{
	struct err err;
	struct evidence_result r;
	(void)state;
	AUTO(evidence_folder) f = evidence_folder_read(lab.out, &err);
	AUTO(evidence_folder) keys = evidence_folder_read(lab.keys, &err);
	assert_non_null(f);
	assert_non_null(keys);
	size_t flipped = 0, step = getenv("HOLDFAST_TEST_SHORT") ? 10 : 1;
	for (unsigned i = 0; i < EVIDENCE_FILES; i++)
		for (size_t at = i % step; f->files[i] && at < f->files[i]->len; at += step) {
			f->files[i]->bytes[at] ^= (uint8_t)(1 << at % 8);
			assert_int_equal(evidence_judge(f, keys, &r, &err), 0);
			if (r.sound)
				fail_msg("byte %zu of %s", at, evidence_file_name((enum evidence_file)i));
			f->files[i]->bytes[at] ^= (uint8_t)(1 << at % 8);
			flipped++;
		}
	assert_int_equal(evidence_judge(f, keys, &r, &err), 0);
	assert_true(r.sound);
	print_message("%zu bytes\n", flipped);
	assert_true(flipped > 15000 / step);
}

/* Flip one bit of one byte of a file in the copy, or back. */
static void flip(const char *name, size_t at)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/copy/%s", lab.s.dir, name);
	FILE *f = fopen(path, "r+");
	assert_non_null(f);
	assert_int_equal(fseek(f, (long)at, SEEK_SET), 0);
	int c = fgetc(f);
	assert_int_equal(fseek(f, (long)at, SEEK_SET), 0);
	assert_int_equal(fputc(c ^ 1 << at % 8, f), c ^ 1 << at % 8);
	assert_int_equal(fclose(f), 0);
}

static size_t size_in_copy(const char *name)
{
	char path[PATH_MAX];
	struct stat st;
	snprintf(path, sizeof path, "%s/copy/%s", lab.s.dir, name);
	assert_int_equal(stat(path, &st), 0);
	return (size_t)st.st_size;
}

/* A sample of each file, and most of SHA256SUMS.minisig, which nothing else covers.
 * HOLDFAST_TEST_EVERY=1 (make evidence-bytes): each byte, for an hour. */
static void verify_txt_finds_flipped_bytes_too(void **state)
{
	size_t flipped = 0;
	bool every = getenv("HOLDFAST_TEST_EVERY") != NULL, quick = getenv("HOLDFAST_TEST_SHORT") != NULL;
	(void)state;
	make_copy("true");
	for (size_t i = 0; i < NAMES; i++) {
		size_t size = size_in_copy(names[i]);
		size_t most = i == NAMES - 1 ? 2 : 1;
		size_t step = every ? 1 : size / (quick ? 2 : 10 * most * most * most) + 1;
		for (size_t at = i % step; at < size; at += step) {
			flip(names[i], at);
			if (run_script() != 1)
				fail_msg("byte %zu of %s", at, names[i]);
			flip(names[i], at);
			flipped++;
		}
	}
	assert_int_equal(run_script(), 0);
	print_message("%zu bytes\n", flipped);
}

/* ---- the checks behind the list: as if the machine had signed it so ---- */

/* Sign what is in the folder now, in memory, as its machine would. */
static void sign_again(struct evidence_folder *f, const char *comment)
{
	struct err err;
	struct buf *sums = evidence_folder_add(f, FILE_SUMS, &err);
	assert_int_equal(evidence_folder_sums(f, sums, &err), 0);
	struct buf *signature = evidence_folder_add(f, FILE_SUMS_SIGNATURE, &err);
	assert_int_equal(minisign_sign(sums->bytes, sums->len, comment, lab.s.report_sk, signature, &err),
	                 0);
}

/* `bytes` in place of the file, signed again: only these checks fail, and the script finds it. */
static void assert_found_behind_the_list(enum evidence_file file, const void *bytes, size_t len,
                                         unsigned failing, const char *word)
{
	struct err err;
	struct evidence_result r;
	char comment[MINISIGN_COMMENT_MAX], path[PATH_MAX], said[4000];
	AUTO(evidence_folder) f = evidence_folder_read(lab.out, &err);
	AUTO(evidence_folder) keys = evidence_folder_read(lab.keys, &err);
	assert_int_equal(evidence_list_comment(&lab.s.report, SAMPLE_APPROVED, comment, sizeof comment,
	                                       &err), 0);
	struct buf *b = evidence_folder_add(f, file, &err);
	assert_int_equal(buf_append(b, bytes, len, &err), 0);
	sign_again(f, comment);
	assert_int_equal(evidence_judge(f, keys, &r, &err), 0);
	for (unsigned i = 0; i < EVIDENCE_CHECKS; i++)
		if ((r.checks[i].state == EVIDENCE_FAILED) != !!(failing & 1u << i))
			fail_msg("%s, check %s: %s", evidence_file_name(file), r.checks[i].name,
			         r.checks[i].said);
	shell(lab.s.dir, "rm -rf copy");
	snprintf(path, sizeof path, "%s/copy", lab.s.dir);
	assert_int_equal(evidence_folder_write(f, path, &err), 0);
	int rc = run_script();
	shell_said(lab.s.dir, said);
	if (rc != 1 || !strstr(said, word))
		fail_msg("%s: VERIFY.txt says %s", evidence_file_name(file), said);
}

#define ABOUT(x) (1u << EVIDENCE_ABOUT_##x)

/* The sample's bytes with one piece replaced by another of the same length. */
static struct buf *with(const struct buf *from, const char *old, const char *new)
{
	struct err err;
	struct buf *b = buf_new(from->len, &err);
	assert_non_null(b);
	assert_int_equal(buf_append(b, from->bytes, from->len, &err), 0);
	uint8_t *at = memmem(b->bytes, b->len, old, strlen(old));
	assert_non_null(at);
	memcpy(at, new, strlen(new));
	return b;
}

static void a_report_that_the_log_does_not_hold_is_found(void **state)
{
	struct err err;
	(void)state;
	AUTO(buf) later = with(lab.s.report_json, "\"attempt\":1", "\"attempt\":2");
	assert_found_behind_the_list(FILE_REPORT, later->bytes, later->len,
	                             ABOUT(REPORT) | ABOUT(ENTRY) | ABOUT(APPROVAL), "report");
	/* even when its own signature is whole */
	AUTO(buf) signature = buf_new(MINISIGN_MAX, &err);
	char comment[MINISIGN_COMMENT_MAX];
	evidence_report_comment(&lab.s.report, SAMPLE_ENTRIES + 1, comment, sizeof comment, &err);
	assert_int_equal(minisign_sign(lab.s.report_json->bytes, lab.s.report_json->len, comment,
	                               lab.s.report_sk, signature, &err), 0);
	assert_found_behind_the_list(FILE_REPORT_SIGNATURE, signature->bytes, signature->len,
	                             ABOUT(REPORT), "comment is not that of this report");
}

static void a_detail_of_another_drill_is_found(void **state)
{
	struct err err;
	struct evidence_result r;
	(void)state;
	AUTO(evidence_folder) f = evidence_folder_read(lab.out, &err);
	f->files[FILE_DETAIL]->bytes[40] ^= 1;
	sign_again(f, "drill:d1000000000000000000000000000000\tapproved:1772452800");
	assert_int_equal(evidence_judge(f, NULL, &r, &err), 0);
	assert_int_equal(r.checks[EVIDENCE_ABOUT_FILES].state, EVIDENCE_OK);
	assert_int_equal(r.checks[EVIDENCE_ABOUT_REPORT].state, EVIDENCE_FAILED);
	assert_non_null(strstr(r.checks[EVIDENCE_ABOUT_REPORT].said, "another drill"));
}

static void an_entry_that_the_log_does_not_hold_is_found(void **state)
{
	(void)state;
	AUTO(buf) verdict = with(lab.s.entry, "\"passed\"", "\"failed\"");
	assert_found_behind_the_list(FILE_ENTRY, verdict->bytes, verdict->len,
	                             ABOUT(ENTRY) | ABOUT(PROOF), "another verdict");
	AUTO(buf) later = with(lab.s.entry, "\"time\":17", "\"time\":18");
	assert_found_behind_the_list(FILE_ENTRY, later->bytes, later->len, ABOUT(PROOF),
	                             "not in the log");
}

static void a_proof_of_something_else_is_found(void **state)
{
	(void)state;
	AUTO(buf) index = with(lab.s.proof, "index 6", "index 7");
	assert_found_behind_the_list(FILE_PROOF, index->bytes, index->len, ABOUT(PROOF), "not in the log");
	AUTO(buf) beyond = with(lab.s.proof, "index 6\n", "index 92");
	assert_found_behind_the_list(FILE_PROOF, beyond->bytes, beyond->len, ABOUT(PROOF), "proof");
	AUTO(buf) other = with(lab.s.proof, "\n11\n", "\n12\n");
	assert_found_behind_the_list(FILE_PROOF, other->bytes, other->len, ABOUT(PROOF),
	                             "another checkpoint");
}

static void a_checkpoint_of_another_log_is_found(void **state)
{
	struct err err;
	struct note n;
	(void)state;
	AUTO(buf) cut = with(lab.s.checkpoint, "\n11\n", "\n10\n");
	assert_found_behind_the_list(FILE_CHECKPOINT, cut->bytes, cut->len,
	                             ABOUT(REPORT) | ABOUT(CHECKPOINT) | ABOUT(PROOF) | ABOUT(TIMESTAMP),
	                             "FAILED");
	/* its signature alone */
	AUTO(buf) unsigned_one = with(lab.s.checkpoint, "", "");
	uint8_t *last = unsigned_one->bytes + unsigned_one->len - 20;
	*last = *last == 'A' ? 'B' : 'A';
	assert_found_behind_the_list(FILE_CHECKPOINT, unsigned_one->bytes, unsigned_one->len,
	                             ABOUT(CHECKPOINT) | ABOUT(PROOF) | ABOUT(TIMESTAMP),
	                             "checkpoint: not signed by log.pem");
	/* signed by the right key, for the log of another machine */
	AUTO(buf) foreign = buf_new(NOTE_MAX, &err);
	assert_int_equal(note_decode(&n, lab.s.checkpoint->bytes, lab.s.checkpoint->len, &err), 0);
	n.origin[strlen(n.origin) - 1] = '7';
	assert_int_equal(note_encode(&n, lab.s.log_sk, foreign, &err), 0);
	assert_found_behind_the_list(FILE_CHECKPOINT, foreign->bytes, foreign->len,
	                             ABOUT(CHECKPOINT) | ABOUT(PROOF) | ABOUT(TIMESTAMP),
	                             "of another log");
}

static void an_approval_that_is_none_is_found(void **state)
{
	struct err err;
	(void)state;
	assert_int_equal(shell(lab.s.dir, "ssh-keygen -q -t ed25519 -N '' -f stranger && cp report.json s && "
	                       "ssh-keygen -q -Y sign -n holdfast-drill -f stranger s && cp report.json g && "
	                       "ssh-keygen -q -Y sign -n git -f reviewer g && echo >o && "
	                       "ssh-keygen -q -Y sign -n holdfast-drill -f reviewer o"), 0);
	static const char *const files[] = { "s.sig", "g.sig", "o.sig" };
	for (size_t i = 0; i < 3; i++) {
		AUTO(buf) b = buf_new(SSHSIG_MAX, &err);
		assert_true(shell_get(lab.s.dir, files[i], b));
		assert_found_behind_the_list(FILE_APPROVAL, b->bytes, b->len, ABOUT(APPROVAL), "approval");
	}
}

static void an_approval_without_a_time_is_refused(void **state)
{
	struct err err;
	char path[PATH_MAX], said[4000];
	struct evidence_result r;
	(void)state;
	AUTO(evidence_folder) f = evidence_folder_read(lab.out, &err);
	sign_again(f, "drill:d1000000000000000000000000000000");
	assert_int_equal(evidence_judge(f, NULL, &r, &err), 0);
	assert_int_equal(r.checks[EVIDENCE_ABOUT_LIST].state, EVIDENCE_OK);
	assert_non_null(strstr(r.checks[EVIDENCE_ABOUT_APPROVAL].said, "nobody says when"));
	shell(lab.s.dir, "rm -rf copy");
	snprintf(path, sizeof path, "%s/copy", lab.s.dir);
	assert_int_equal(evidence_folder_write(f, path, &err), 0);
	assert_int_equal(run_script(), 1);
	assert_non_null(strstr(shell_said(lab.s.dir, said), "FAILED  approval: nobody says when"));
}

static void an_approval_outside_its_keys_time_is_refused(void **state)
{
	struct err err;
	char path[PATH_MAX];
	(void)state;
	snprintf(path, sizeof path, "%s/late", lab.s.dir);
	struct evidence_inputs in = lab.s.in;
	in.approved_s = 1780000000;    /* the end of May */
	assert_int_equal(evidence_write(path, &in, &err), ERR_INVALID);
	assert_non_null(strstr(err.msg, "not at that time"));
	assert_int_equal(access(path, F_OK), -1);
}

static void an_approval_that_comes_later_is_listed_and_signed(void **state)
{
	struct err err;
	char path[PATH_MAX];
	struct evidence_result r;
	const struct evidence_approval a = { lab.s.in.approval, lab.s.in.signers, SAMPLE_APPROVED };
	struct evidence_inputs in = lab.s.in;
	(void)state;
	in.approval = in.signers = (struct evidence_bytes){ NULL, 0 };
	in.approved_s = 0;
	snprintf(path, sizeof path, "%s/later", lab.s.dir);
	assert_int_equal(evidence_write(path, &in, &err), 0);
	AUTO(evidence_folder) f = evidence_folder_read(path, &err);
	assert_non_null(f);
	assert_int_equal(evidence_approve(f, &a, lab.s.report_sk, &err), 0);
	assert_int_equal(evidence_judge(f, NULL, &r, &err), 0);
	assert_true(r.sound);
	assert_int_equal(r.checks[EVIDENCE_ABOUT_APPROVAL].state, EVIDENCE_OK);
	/* not by another machine, and not where something was changed */
	AUTO(evidence_folder) other = evidence_folder_read(path, &err);
	assert_int_equal(evidence_approve(other, &a, lab.s.log_sk, &err), ERR_INVALID);
	AUTO(evidence_folder) changed = evidence_folder_read(path, &err);
	changed->files[FILE_ENTRY]->bytes[5] ^= 1;
	assert_int_equal(evidence_approve(changed, &a, lab.s.report_sk, &err), ERR_INVALID);
}

static void a_stamp_that_is_none_is_found(void **state)
{
	struct err err;
	uint8_t hash[32] = { 1 }, query[TIMESTAMP_QUERY_BYTES], nonce[TIMESTAMP_NONCE_BYTES] = { 2 };
	(void)state;
	timestamp_query(query, hash, nonce);
	assert_true(shell_put(lab.s.dir, "x.tsq", query, sizeof query));
	assert_int_equal(tsa_stamp(lab.s.dir, "x.tsq", "x.tsr"), 0);
	AUTO(buf) b = buf_new(TIMESTAMP_MAX, &err);
	assert_true(shell_get(lab.s.dir, "x.tsr", b));
	assert_found_behind_the_list(FILE_TIMESTAMP, b->bytes, b->len, ABOUT(TIMESTAMP), "timestamp");
	assert_found_behind_the_list(FILE_TIMESTAMP, "junk", 4, ABOUT(TIMESTAMP), "timestamp");
}

static void a_stamp_whose_signature_fails_is_openssls_to_find(void **state)
{
	struct err err;
	char said[4000], path[PATH_MAX], comment[MINISIGN_COMMENT_MAX];
	struct evidence_result r;
	(void)state;
	AUTO(evidence_folder) f = evidence_folder_read(lab.out, &err);
	struct buf *stamp = f->files[FILE_TIMESTAMP];
	stamp->bytes[stamp->len - 1] ^= 1;
	evidence_list_comment(&lab.s.report, SAMPLE_APPROVED, comment, sizeof comment, &err);
	sign_again(f, comment);
	assert_int_equal(evidence_judge(f, NULL, &r, &err), 0);
	assert_int_equal(r.checks[EVIDENCE_ABOUT_TIMESTAMP].state, EVIDENCE_UNPROVEN);
	shell(lab.s.dir, "rm -rf copy");
	snprintf(path, sizeof path, "%s/copy", lab.s.dir);
	assert_int_equal(evidence_folder_write(f, path, &err), 0);
	assert_int_equal(run_script(), 1);
	assert_non_null(strstr(shell_said(lab.s.dir, said), "timestamp: does not verify"));
}

/* ---- writing ---- */

static void without_approval_and_stamp_it_is_whole_too(void **state)
{
	struct err err;
	char path[PATH_MAX], said[4000];
	struct evidence_result r;
	(void)state;
	shell(lab.s.dir, "rm -rf copy");
	snprintf(path, sizeof path, "%s/copy", lab.s.dir);
	struct evidence_inputs in = lab.s.in;
	in.approval = in.signers = in.timestamp = in.tsa_ca = (struct evidence_bytes){ NULL, 0 };
	in.approved_s = 0;
	assert_int_equal(evidence_write(path, &in, &err), 0);
	assert_int_equal(judge(path, lab.keys, &r), 0);
	assert_true(r.sound);
	assert_int_equal(r.checks[EVIDENCE_ABOUT_TIMESTAMP].state, EVIDENCE_ABSENT);
	/* the report asks for an approval */
	assert_int_equal(r.checks[EVIDENCE_ABOUT_APPROVAL].state, EVIDENCE_UNPROVEN);
	assert_int_equal(run_script(), 0);
	assert_non_null(strstr(shell_said(lab.s.dir, said), "asked for, and not there"));
}

static void what_would_not_verify_is_not_written(void **state)
{
	struct err err;
	char path[PATH_MAX];
	(void)state;
	snprintf(path, sizeof path, "%s/bad", lab.s.dir);
	struct evidence_inputs in = lab.s.in;
	in.proof = in.report;
	assert_int_equal(evidence_write(path, &in, &err), ERR_INVALID);
	assert_non_null(strstr(err.msg, "proof"));
	in = lab.s.in;
	in.log_pk = lab.s.report_pk;
	assert_int_equal(evidence_write(path, &in, &err), ERR_INVALID);
	in = lab.s.in;
	in.detail.bytes = NULL;
	assert_int_equal(evidence_write(path, &in, &err), ERR_INVALID);
	assert_non_null(strstr(err.msg, "detail.sealed is missing"));
	assert_int_equal(shell(lab.s.dir, "! ls -d bad*"), 0);
}

static void a_folder_is_whole_or_not_there(void **state)
{
	struct err err;
	char path[PATH_MAX];
	(void)state;
	/* what lies beside it is somebody else's */
	assert_int_equal(shell(lab.s.dir, "mkdir again.partial && echo mine >again.partial/report.json"), 0);
	snprintf(path, sizeof path, "%s/again", lab.s.dir);
	assert_int_equal(evidence_write(path, &lab.s.in, &err), 0);
	assert_int_equal(shell(lab.s.dir, "grep mine again.partial/report.json && ! ls -d again.partial-* && "
	                       "diff -r again evidence"), 0);
	/* and what is there stays */
	assert_int_equal(evidence_write(path, &lab.s.in, &err), ERR_EXISTS);
	assert_int_equal(shell(lab.s.dir, "grep mine again.partial/report.json && ! ls -d again.partial-* && "
	                       "diff -r again evidence"), 0);
}

static void an_absent_folder_and_one_without_keys_are_told_apart(void **state)
{
	struct evidence_result r;
	struct err err;
	(void)state;
	assert_int_equal(evidence_verify("/nonexistent", NULL, &r, &err), ERR_ABSENT);
	assert_int_equal(evidence_verify(lab.out, lab.s.dir, &r, &err), ERR_INVALID);
	assert_non_null(strstr(err.hint, "enrolled"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_evidence_passes_every_check),
		cmocka_unit_test(debians_tools_say_the_same_through_verify_txt),
		cmocka_unit_test(without_keys_it_is_said_that_nothing_is_anchored),
		cmocka_unit_test(every_file_may_be_read_by_everybody),
		cmocka_unit_test(other_keys_are_found),
		cmocka_unit_test(evidence_of_an_own_key_is_found),
		cmocka_unit_test(missing_and_added_files_are_found),
		cmocka_unit_test(a_signature_file_has_one_spelling),
		cmocka_unit_test(a_pipe_in_the_folder_keeps_nobody_waiting),
		cmocka_unit_test(swapped_parts_of_two_drills_are_found),
		cmocka_unit_test(every_flipped_byte_of_every_file_is_found),
		cmocka_unit_test(verify_txt_finds_flipped_bytes_too),
		cmocka_unit_test(a_report_that_the_log_does_not_hold_is_found),
		cmocka_unit_test(a_detail_of_another_drill_is_found),
		cmocka_unit_test(an_entry_that_the_log_does_not_hold_is_found),
		cmocka_unit_test(a_proof_of_something_else_is_found),
		cmocka_unit_test(a_checkpoint_of_another_log_is_found),
		cmocka_unit_test(an_approval_that_is_none_is_found),
		cmocka_unit_test(an_approval_without_a_time_is_refused),
		cmocka_unit_test(an_approval_outside_its_keys_time_is_refused),
		cmocka_unit_test(an_approval_that_comes_later_is_listed_and_signed),
		cmocka_unit_test(a_stamp_that_is_none_is_found),
		cmocka_unit_test(a_stamp_whose_signature_fails_is_openssls_to_find),
		cmocka_unit_test(without_approval_and_stamp_it_is_whole_too),
		cmocka_unit_test(what_would_not_verify_is_not_written),
		cmocka_unit_test(a_folder_is_whole_or_not_there),
		cmocka_unit_test(an_absent_folder_and_one_without_keys_are_told_apart),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
