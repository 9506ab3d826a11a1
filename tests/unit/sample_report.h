/* sample_report - a drill that passed, with every member of a report in use. */
#ifndef SAMPLE_REPORT_H
#define SAMPLE_REPORT_H

#include <stdlib.h>
#include <string.h>

#include "format/report.h"

static inline void *sample_items(struct record_list *l, size_t n, size_t size)
{
	l->items = calloc(n, size);
	l->n = l->items ? n : 0;
	return l->items;
}

static inline void sample_report_lists(struct report *r)
{
	struct report_phase *phases = sample_items(&r->phases, 2, sizeof *phases);
	phases[0] = (struct report_phase){ "fetch", 550123 };
	phases[1] = (struct report_phase){ "checks", 101000 };
	struct report_check *checks = sample_items(&r->checks, 3, sizeof *checks);
	checks[0] = (struct report_check){ .kind = "sums", .ms = 900, .name = strdup("page sums") };
	checks[1] = (struct report_check){ .kind = "assertion", .ms = 12, .name = strdup("fresh-orders"),
	        .statement = strdup("select count(*) from orders where at > now() - interval '1 day'"),
	        .expected = strdup(">= 1"), .actual = strdup("3117") };
	checks[2] = (struct report_check){ .kind = "facts", .ms = 3 };
	struct report_step *steps = sample_items(&r->teardown, 2, sizeof *steps);
	steps[0] = (struct report_step){ "engine-stopped", true };
	steps[1] = (struct report_step){ "files-removed", true };
	struct report_finding *findings = sample_items(&r->findings, 1, sizeof *findings);
	findings[0] = (struct report_finding){ .id = { 7 }, .severity = "low", .opened_s = 1771000000,
	        .due_s = 1773000000, .closed_s = 1772000000, .ticket = strdup("OPS-311"),
	        .text = strdup("amcheck was not installed") };
	struct report_person *people = sample_items(&r->people, 1, sizeof *people);
	people[0] = (struct report_person){ strdup("B. Chen"), strdup("owner") };
}

/* report_clear frees it. */
static inline void sample_report(struct report *r)
{
	*r = (struct report){
		.drill = { 0xd1 }, .vault = { 0xaa }, .machine = { 0xbb }, .due_s = 1772330000,
		.started_s = 1772330400, .finished_s = 1772331600, .fresh_until_s = 1772936400,
		.operator_kind = OPERATOR_TIMER, .version = "0.1.0", .scenario = "restore",
		.policy = { { 0x01 }, 604800 }, .runbook = { 0x02 },
		.snapshot = { { 0xcc }, { 0xdd }, { 0xee }, 42, 3, 1772300000, SNAPSHOT_INCREMENTAL },
		.source = { PLACE_S3, true },
		.isolation = { .other_machine = true, .own_user = true, .private_socket = true },
		.selection = { RULE_DRAWN, { 36 }, 31, 5, 1 },
		.rto = { 3600000, 1120000, true }, .rpo = { 300, 132, true, BASIS_DATA },
		.complete = { COMPLETE_EQUAL, COMPLETE_EQUAL }, .restored_time_s = 1772299868,
		.approval_needed = true, .salt = { 0x5a },
		.drill_name = strdup("weekly"), .store_name = strdup("crm"), .asset = strdup("CRM-01"),
		.owner = strdup("B. Chen"), .operator = strdup("holdfast-drill.timer"),
		.source_url = strdup("s3://acme-backup/prod"), .position = strdup("0/3A001F8"),
		.counts = { 212, 212, 8114902, 8114902 },
	};
	sample_report_lists(r);
}

#endif
