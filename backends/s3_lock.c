#include "s3_lock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "holdfast/err.h"
#include "s3_call.h"
#include "s3_xml.h"

const char *s3_lock_mode(const struct s3 *s)
{
	return s->lock_compliance ? "COMPLIANCE" : "GOVERNANCE";
}

int64_t s3_lock_end_s(const struct s3 *s)
{
	return (int64_t)time(NULL) + net_clock_ahead_s(s->net) + (int64_t)s->lock_s;
}

void s3_lock_end_text(char out[S3_LOCK_END_MAX], int64_t end_s)
{
	struct tm tm;
	time_t end = (time_t)end_s;
	strftime(out, S3_LOCK_END_MAX, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&end, &tm));
}

int s3_lock_refused(const struct s3 *s, struct err *err)
{
	err_set(err, ERR_INVALID, "s3://%s: the bucket has no object lock", s->place.bucket);
	return err_hint(err, "object lock is switched on when a bucket is made; or leave 'lock' out");
}

struct retention {
	char mode[32];
	int64_t end_s;   /* -1: none */
};

static int get_retention(struct s3 *s, const char *name, struct retention *out, struct err *err)
{
	struct s3_request r = { .method = "HEAD", .action = "s3:GetObject", .name = name,
		                .wanted = { "x-amz-object-lock-mode",
		                            "x-amz-object-lock-retain-until-date" } };
	int rc = s3_do(s, &r, err);
	if (rc == 0) {
		snprintf(out->mode, sizeof out->mode, "%.20s", net_wanted(&r.call, "x-amz-object-lock-mode"));
		out->end_s = s3_time_parse(net_wanted(&r.call, "x-amz-object-lock-retain-until-date"));
	}
	s3_end(&r);
	return rc;
}

static int put_retention(struct s3 *s, const char *name, const char *mode, int64_t end_s,
                         struct err *err)
{
	char end[S3_LOCK_END_MAX], xml[400];
	s3_lock_end_text(end, end_s);
	int n = snprintf(xml, sizeof xml,
	                 "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>%s</Mode>"
	                 "<RetainUntilDate>%s</RetainUntilDate></Retention>", mode, end);
	struct s3_request r = { .method = "PUT", .action = "s3:PutObjectRetention", .name = name,
		                .query = "retention=", .body = xml, .body_len = (size_t)n,
		                .checksum = true };
	int rc = s3_do(s, &r, err);
	s3_end(&r);
	return rc;
}

/* Compliance stays compliance: what it is locked by must not become weaker. */
int s3_retain(struct backend *b, const char *name, struct err *err)
{
	struct s3 *s = (struct s3 *)b;
	struct retention now;
	if (!s->lock_s)
		return err_set(err, ERR_INVALID, "no lock is configured for s3://%s", s->place.bucket);
	if (s3_refuse_past(s, err) != 0 || get_retention(s, name, &now, err) != 0)
		return err->code;
	int64_t end_s = s3_lock_end_s(s);
	if (now.end_s >= end_s)
		return 0;
	bool compliance = strcmp(now.mode, "COMPLIANCE") == 0;
	return put_retention(s, name, compliance ? now.mode : s3_lock_mode(s), end_s, err);
}
