/*
 * report - what a drill (a measured restore) found: report.json and what is sealed beside it. Pure.
 *
 * One struct, two documents of canonical JSON. report.json is for everybody: ids, digests, verdicts and
 * times. The detail has what says something about people or data: names, statements, values, places
 * (format/detail seals it); report.json holds its SHA-256, and a random salt in the detail keeps
 * guesses from being confirmed. Members marked "sealed" are in the detail only.
 *
 * A verdict is not set: it follows from the facts (report_judge), and a report whose verdict does not
 * is neither encoded nor decoded. Nobody can sign "passed" above a failed check.
 */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/record.h"

struct buf;
struct err;

enum {
	REPORT_VERSION = 1,
	REPORT_MAX = 1 << 20,            /* bytes of either document */
	REPORT_WORD_MAX = 32,            /* with the NUL */
	REPORT_TEXT_MAX = 4096,          /* bytes of a sealed text */
	REPORT_PHASES_MAX = 64,
	REPORT_CHECKS_MAX = 1000,
	REPORT_STEPS_MAX = 64,
	REPORT_FINDINGS_MAX = 256,
	REPORT_PEOPLE_MAX = 64,
};

/* The same words as in ledger entries: "passed", "failed", "could-not-verify". */
enum report_verdict { REPORT_PASSED, REPORT_FAILED, REPORT_UNVERIFIED };
const char *report_verdict_word(enum report_verdict v);

enum report_result { RESULT_PASSED, RESULT_FAILED, RESULT_SKIPPED };

/* Were all that the snapshot recorded found again? */
enum report_complete {
	COMPLETE_EQUAL,
	COMPLETE_DIFFERS,
	COMPLETE_SKIPPED,                /* they should have been counted, and were not */
	COMPLETE_NONE,                   /* this kind of store has none, a folder of files for instance */
};

enum report_rule {
	RULE_DRAWN,                      /* by `seed`, as report_draw does */
	RULE_NEWEST,
	RULE_NAMED,                      /* somebody asked for this snapshot */
};

enum report_place { PLACE_LOCAL, PLACE_S3, PLACE_SFTP, PLACE_WEBDAV, PLACE_OTHER };
enum report_snapshot_kind { SNAPSHOT_FULL, SNAPSHOT_INCREMENTAL, SNAPSHOT_UNCHANGED };
enum report_operator { OPERATOR_TIMER, OPERATOR_PERSON };

/* Since when is data lost that was lost? */
enum report_basis {
	BASIS_NONE,                      /* not measured */
	BASIS_DATA,                      /* the last change inside the restored data */
	BASIS_SNAPSHOT,                  /* the snapshot's own time: nobody asked the data */
};

struct report_phase {
	char name[REPORT_WORD_MAX];      /* "keys", "fetch", "start", "checks" */
	uint64_t ms;
};

struct report_check {
	char kind[REPORT_WORD_MAX];      /* "sums", "integrity", "facts", "assertion", "rpo" */
	unsigned result;                 /* enum report_result */
	uint64_t ms;
	char why[REPORT_WORD_MAX];       /* of a failed or skipped one: "no-engine"; may be "" */
	char *name, *statement, *expected, *actual, *message;   /* sealed */
};

struct report_step {
	char name[REPORT_WORD_MAX];      /* "engine-stopped", "files-removed" */
	bool done;                       /* looked at afterwards, not assumed */
};

struct report_finding {
	uint8_t id[16];
	char severity[REPORT_WORD_MAX];
	uint64_t opened_s, due_s, closed_s;   /* 0: none yet */
	char *ticket, *text;             /* sealed */
};

struct report_person { char *name, *part; };   /* sealed */

struct report {
	uint64_t v;                      /* version and kind: set by report_encode */
	unsigned kind;
	uint8_t drill[16], vault[16];
	uint8_t machine[16];             /* key id of who ran it and signs */
	uint64_t due_s, started_s, finished_s;
	uint64_t fresh_until_s;          /* later than this a new drill is overdue */
	unsigned operator_kind;
	char version[REPORT_WORD_MAX];   /* of the program that ran it */
	char scenario[REPORT_WORD_MAX];  /* "restore", "one-table", "bare-machine" */
	struct { uint8_t sha256[32]; uint64_t every_s; } policy;   /* of the drill's configuration */
	uint8_t runbook[32];             /* SHA-256; zeros: none */
	struct {
		uint8_t writer[16], store[16], head[32];
		uint64_t seq, epoch, time_s;
		unsigned kind;
	} snapshot;
	struct {
		unsigned kind;           /* enum report_place */
		bool offsite;
	} source;                        /* where the bytes came from */
	struct {
		bool other_machine;      /* not the one that writes the store */
		bool own_user, private_network, private_socket;
	} isolation;
	struct {
		unsigned rule;
		uint8_t seed[32];
		uint64_t population, chosen;   /* an index into the sorted candidates */
		uint64_t attempt;        /* for the same due date; more than 1 is a retry */
	} selection;
	struct record_list phases;       /* struct report_phase */
	/* target 0: none was set; the value counts if measured */
	struct { uint64_t target_ms, value_ms; bool measured; } rto;
	struct { uint64_t target_s, value_s; bool measured; unsigned basis; } rpo;   /* enum report_basis */
	struct record_list checks;       /* struct report_check */
	struct { unsigned tables, rows; } complete;
	uint64_t restored_time_s;        /* last commit inside the restored data; 0: unknown */
	struct record_list teardown;     /* struct report_step */
	bool approval_needed;
	struct record_list findings;     /* struct report_finding: open ones, and closed since the last */
	struct { char phase[REPORT_WORD_MAX]; uint64_t code; } stopped;   /* by an error; else empty */
	unsigned verdict;                /* set by report_encode */
	uint8_t detail[32];              /* SHA-256 of the detail; set by report_encode */

	/* sealed */
	uint8_t salt[32];
	char *drill_name, *store_name, *asset, *owner, *operator, *source_url, *position;
	struct { uint64_t tables_expected, tables_actual, rows_expected, rows_actual; } counts;
	struct record_list people;       /* struct report_person: participants */
};

/* What the facts allow:
 *   failed            a check failed; tables or rows differ; a measured value is above its target; a
 *                     step of the teardown was not done (plain data may be lying about)
 *   could-not-verify  otherwise, if the drill was stopped; a check was skipped, or there was none;
 *                     tables or rows were not counted; a target's value was not measured; there was no
 *                     teardown
 *   passed            otherwise */
enum report_verdict report_judge(const struct report *r);

/* Which of the sorted candidates a seed draws: its first 8 bytes, LE64, modulo the population. */
uint64_t report_draw(const uint8_t seed[32], uint64_t population);

/* Append report.json and the detail. Sets v, kind, verdict and detail; the salt, random, is the
 * caller's. ERR_INVALID (what cannot be: it ends before it starts, is not what the seed draws, ...),
 * ERR_LIMIT, ERR_NOMEM. */
int report_encode(struct report *r, struct buf *report, struct buf *detail, struct err *err);

/* report.json; the sealed members stay empty. Afterwards report_clear, also after a failure.
 * ERR_CORRUPT, ERR_NEWER, ERR_NOMEM. */
int report_decode(struct report *r, const uint8_t *bytes, size_t len, struct err *err);
/* Add the detail to its report. ERR_CORRUPT: malformed, or of another report. */
int report_add_detail(struct report *r, const uint8_t *bytes, size_t len, struct err *err);
void report_clear(struct report *r);

#endif
