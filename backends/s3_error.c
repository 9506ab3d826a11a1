#include "s3_error.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "holdfast/err.h"
#include "s3_xml.h"

/* In the order of looking: a code first, a status where there is none. */
struct meaning {
	const char *code;       /* NULL: any */
	long status;            /* 0: any */
	enum err_code err;
	const char *text;
	const char *hint;       /* NULL: none */
};

/* https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, and what Ceph, MinIO and
 * Swift say */
static const struct meaning meanings[] = {
	{ "NoSuchKey", 0, ERR_ABSENT, "no such object", NULL },
	{ "NoSuchVersion", 0, ERR_ABSENT, "no such version of the object", NULL },
	{ "NoSuchBucket", 0, ERR_UNREACHABLE, "there is no such bucket",
	  "make the bucket, or mend its name or the endpoint" },
	{ "InvalidBucketName", 0, ERR_INVALID, "the storage does not take this bucket's name", NULL },
	{ "InvalidAccessKeyId", 0, ERR_DENIED, "the storage does not know the access key",
	  "is it the key of another provider or account, or deleted? see credentials, profile, AWS_*" },
	{ "SignatureDoesNotMatch", 0, ERR_DENIED, "the secret key does not belong to the access key",
	  "copy both once more; a trailing blank or a lost character is enough" },
	{ "ExpiredToken", 0, ERR_DENIED, "the session token has expired", "get new credentials" },
	{ "InvalidToken", 0, ERR_DENIED, "the session token is not valid",
	  "a token belongs to its own access key: set all three or only the key's two" },
	{ "AllAccessDisabled", 0, ERR_DENIED, "all access to the bucket is disabled", NULL },
	{ "AccountProblem", 0, ERR_DENIED, "there is a problem with the storage account",
	  "the provider knows which" },
	{ "QuotaExceeded", 0, ERR_SPACE, "the quota of the bucket or user is used up", NULL },
	{ "XMinioStorageFull", 0, ERR_SPACE, "the storage is full", NULL },
	{ "EntityTooLarge", 0, ERR_LIMIT, "the object is larger than the storage takes", NULL },
	{ "InvalidObjectState", 0, ERR_UNREACHABLE, "the object is in an archive class",
	  "restore it in the bucket first (days may pass), then repeat" },
	{ "InvalidStorageClass", 0, ERR_INVALID, "the storage does not know this storage-class", NULL },
	{ "ObjectLockConfigurationNotFoundError", 0, ERR_INVALID, "the bucket has no object lock",
	  "object lock is switched on when a bucket is made; or leave 'lock' out" },
	{ "InvalidRetentionPeriod", 0, ERR_INVALID, "the storage does not take this lock's end", NULL },
	{ "PreconditionFailed", 0, ERR_EXISTS, "is in the vault already", NULL },
	{ "NotImplemented", 0, ERR_INVALID, "the storage cannot do this", NULL },
	{ "ServiceUnavailable", 0, ERR_UNREACHABLE, "the storage is overloaded", "repeat it later" },
	{ "SlowDown", 0, ERR_UNREACHABLE, "the storage is overloaded", "repeat it later" },
	{ NULL, 404, ERR_ABSENT, "no such object", NULL },
	{ NULL, 412, ERR_EXISTS, "is in the vault already", NULL },
	{ NULL, 501, ERR_INVALID, "the storage cannot do this", NULL },
	{ NULL, 507, ERR_SPACE, "the storage is full", NULL },
	{ NULL, 413, ERR_LIMIT, "the object is larger than the storage takes", NULL },
};

void s3_refusal_read(struct s3_refusal *r, const void *xml, size_t len)
{
	const struct s3_field fields[] = {
		{ "Code", r->code, sizeof r->code },
		{ "Message", r->message, sizeof r->message },
		{ "Region", r->region, sizeof r->region },
		{ "Endpoint", r->endpoint, sizeof r->endpoint },
	};
	(void)s3_fields_parse(xml, len, fields, sizeof fields / sizeof *fields);
	/* they go into one line of a message */
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		for (char *c = fields[i].out; *c; c++)
			if (iscntrl((unsigned char)*c))
				*c = ' ';
	if (!s3_region_ok(r->region))
		r->region[0] = '\0';
}

static int denied(const struct s3_refusal *r, struct err *err)
{
	err_set(err, ERR_DENIED, "s3://%s: the credentials may not do this (%s)%s%s", r->bucket,
	        r->action, r->message[0] ? ": " : "", r->message);
	if (strcmp(r->action, "s3:GetObject") == 0)
		return err_hint(err, "allow s3:GetObject; without s3:ListBucket on the bucket, S3 answers "
		                     "so for objects that are not there, too");
	return err_hint(err, "allow %s for this credential, or use another one", r->action);
}

static int skewed(const struct s3_refusal *r, struct err *err)
{
	int64_t ahead = r->clock_ahead_s;
	err_set(err, ERR_DENIED, "this machine's clock is %" PRId64 " s %s the storage's",
	        ahead < 0 ? -ahead : ahead, ahead < 0 ? "ahead of" : "behind");
	return err_hint(err, "set the clock (timedatectl set-ntp true)");
}

static int elsewhere(const struct s3_refusal *r, struct err *err)
{
	err_set(err, ERR_INVALID, "s3://%s: the bucket is in another region%s%s%s", r->bucket,
	        r->region[0] ? " (" : "", r->region, r->region[0] ? ")" : "");
	if (r->region[0])
		return err_hint(err, "set region = %s, and leave endpoint out or make it fit", r->region);
	if (r->endpoint[0])
		return err_hint(err, "set endpoint = https://%.150s", r->endpoint);
	return err_hint(err, "set region to the bucket's");
}

static bool is_elsewhere(const struct s3_refusal *r)
{
	return strcmp(r->code, "PermanentRedirect") == 0 || strcmp(r->code, "TemporaryRedirect") == 0 ||
	       strcmp(r->code, "AuthorizationHeaderMalformed") == 0 ||
	       strcmp(r->code, "IllegalLocationConstraintException") == 0 ||
	       (r->status >= 300 && r->status < 400) || (r->status == 400 && !r->code[0] && r->region[0]);
}

static const struct meaning *meaning_of(const struct s3_refusal *r)
{
	for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
		const struct meaning *m = &meanings[i];
		if (m->code ? strcmp(m->code, r->code) == 0 : m->status == r->status)
			return m;
	}
	return NULL;
}

int s3_refusal_set(const struct s3_refusal *r, struct err *err)
{
	if (strcmp(r->code, "RequestTimeTooSkewed") == 0)
		return skewed(r, err);
	if (is_elsewhere(r))
		return elsewhere(r, err);
	const struct meaning *m = meaning_of(r);
	if (m) {
		err_set(err, m->err, "s3://%s: %s", r->bucket, m->text);
		return m->hint ? err_hint(err, "%s", m->hint) : err->code;
	}
	if (r->status == 401 || r->status == 403)
		return denied(r, err);
	return err_set(err, ERR_IO, "s3://%s: the storage refuses (%s): %ld %s%s%s", r->bucket, r->action,
	               r->status, r->code, r->message[0] ? ": " : "", r->message);
}
