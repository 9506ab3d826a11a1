/*
 * s3 - objects in a bucket of S3 or what speaks its protocol: s3://bucket/folder.
 *
 * 1. BACKEND_NEW is `If-None-Match: *` in one request. Servers that do not keep to it (Ceph in
 *    versioned buckets; those that answer 501) are asked for a listing first, and racing writers are
 *    not told apart there: traits.conditional is false. What kind it is the first put's answer tells.
 * 2. A 412 after an attempt whose answer was lost may be our own success: the bytes decide.
 * 3. Removing removes every version, the oldest first, so that a lock on any stops it before the
 *    newest is gone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/buf.h"
#include "base/hex.h"
#include "holdfast/err.h"
#include "readback.h"
#include "s3_auth.h"
#include "s3_call.h"
#include "s3_copies.h"
#include "s3_list.h"
#include "s3_lock.h"
#include "s3_read.h"

#define PUT_MAX ((size_t)5 << 30)   /* of one request, by Amazon's limits */
#define LOCK_MAX_S (UINT64_C(100) * 365 * 24 * 60 * 60)   /* so that sums of times are times */

enum { CONNECTIONS = 4, HEADER_BYTES = 80, STATUS_BYTES = 32, QUERY_MAX = 4 * S3_VERSION_MAX };

static struct s3 *s3_of(struct backend *b)
{
	return (struct s3 *)b;
}

/* ---- what the bucket is like ---- */

static int known(struct s3 *s, const int *what)
{
	pthread_mutex_lock(&s->lock);
	int value = *what;
	pthread_mutex_unlock(&s->lock);
	return value;
}

static void learn(struct s3 *s, int *what, int value)
{
	pthread_mutex_lock(&s->lock);
	*what = value;
	pthread_mutex_unlock(&s->lock);
}

/* One element of a small document about the bucket; "" where it is not there, or not told to us. */
static int ask_bucket(struct s3 *s, const char *action, const char *query, const char *element,
                      char value[STATUS_BYTES], struct err *err)
{
	AUTO(buf) text = buf_new(NET_REASON_MAX, err);
	if (!text)
		return err->code;
	struct s3_request r = { .method = "GET", .action = action, .query = query,
		                .call = { .text = text } };
	const struct s3_field field = { element, value, STATUS_BYTES };
	int rc = s3_do(s, &r, err);
	value[0] = '\0';
	if (rc == 0 && !s3_fields_parse(text->bytes, text->len, &field, 1))
		rc = err_set(err, ERR_IO, "s3://%s: the answer to %s is not S3's", s->place.bucket, query);
	s3_end(&r);
	return rc;
}

/* Leaves it unknown where we may not ask. */
static int find_versioned(struct s3 *s, struct err *err)
{
	char status[STATUS_BYTES];
	if (known(s, &s->versioned) != S3_UNKNOWN)
		return 0;
	int rc = ask_bucket(s, "s3:GetBucketVersioning", "versioning=", "Status", status, err);
	if (rc == 0)
		learn(s, &s->versioned, status[0] ? S3_YES : S3_NO);
	/* what does not know versioning does none */
	if (rc == ERR_INVALID)
		learn(s, &s->versioned, S3_NO);
	return rc == ERR_DENIED || rc == ERR_INVALID ? 0 : rc;
}

/* ---- put ---- */

static int delete_one(struct s3 *s, const char *name, const char *version, struct err *err)
{
	AUTO(buf) query = buf_new(QUERY_MAX, err);
	if (!query ||
	    (version && (buf_printf(query, err, "versionId=") != 0 ||
	                 s3_encode(query, version, false, err) != 0)) ||
	    !buf_text(query, err))
		return err->code;
	struct s3_request r = { .method = "DELETE", .name = name, .query = (const char *)query->bytes,
		                .action = version ? "s3:DeleteObjectVersion" : "s3:DeleteObject" };
	int rc = s3_do(s, &r, err);
	s3_end(&r);
	if (rc == ERR_DENIED && version)
		err_hint(err, "its lock has not ended yet, or these credentials may not remove versions");
	return rc;
}

/* Room for the headers that only some puts have. */
struct put_headers {
	char class[HEADER_BYTES], mode[HEADER_BYTES], until[HEADER_BYTES];
};

static void add_put_headers(const struct s3 *s, struct s3_request *r, struct put_headers *h,
                            const struct backend_put *put, bool conditional)
{
	char end[S3_LOCK_END_MAX];
	size_t n = 0;
	if (conditional)
		r->headers[n++] = "If-None-Match: *";
	if (s->storage_class[0]) {
		snprintf(h->class, sizeof h->class, "x-amz-storage-class: %s", s->storage_class);
		r->headers[n++] = h->class;
	}
	if (!put->retain || !s->lock_s)
		return;
	s3_lock_end_text(end, s3_lock_end_s(s));
	snprintf(h->mode, sizeof h->mode, "x-amz-object-lock-mode: %s", s3_lock_mode(s));
	snprintf(h->until, sizeof h->until, "x-amz-object-lock-retain-until-date: %s", end);
	r->headers[n++] = h->mode;
	r->headers[n++] = h->until;
	r->checksum = true;   /* Amazon asks for one with a lock */
}

static void learn_from_put(struct s3 *s, const struct s3_request *r)
{
	if (*net_wanted(&r->call, "x-amz-version-id"))
		learn(s, &s->versioned, S3_YES);
	else if (known(s, &s->versioned) == S3_UNKNOWN)
		learn(s, &s->versioned, S3_NO);
}

static int put_once(struct s3 *s, const struct backend_put *put, bool conditional,
                char tag[BACKEND_TAG_MAX], struct err *err)
{
	struct put_headers headers;
	struct s3_request r = { .method = "PUT", .action = "s3:PutObject", .name = put->name,
		                .body = put->len ? put->data : "", .body_len = put->len };
	add_put_headers(s, &r, &headers, put, conditional);
	int rc = s3_do(s, &r, err);
	bool own = rc == ERR_EXISTS && (r.call.unheard || r.call.attempts > 1);
	if (rc == 0) {
		learn_from_put(s, &r);
		s3_copies_drop(s->copies, put->name);
		if (tag)
			s3_tag_copy(tag, net_wanted(&r.call, "ETag"));
	} else if (conditional && (r.call.status == 501 || s3_code_is(&r, "NotImplemented"))) {
		learn(s, &s->conditional, S3_NO);
	} else if (r.checksum && s3_code_is(&r, "InvalidRequest")) {
		rc = s3_lock_refused(s, err);
	}
	s3_end(&r);
	return own ? readback_taken(&s->base, put, true, tag, err) : rc;
}

struct look {
	const struct s3 *s;
	const char *name;
	bool found;
};

static int see(void *arg, struct s3_page *page, struct err *err)
{
	struct look *l = arg;
	(void)err;
	for (size_t i = 0; i < page->n && !l->found; i++) {
		const char *name = s3_name_of(l->s, page->entries[i].key);
		l->found = name && strcmp(name, l->name) == 0;
	}
	return 0;
}

/* By a listing: to credentials that may list only below a prefix, S3 answers 403 to a HEAD of what is
 * not there. */
static int look_first(struct s3 *s, const char *name, struct err *err)
{
	struct look l = { s, name, false };
	if (s3_list_objects(s, name, see, &l, err) != 0)
		return err->code;
	return l.found ? readback_exists(err) : 0;
}

/* The handle's first put found out that the bucket keeps versions: was there one before it, of other
 * bytes than ours? Then ours is taken back, where that is allowed. Whoever may not list versions is not
 * told; the older one stays, and its readers find it. */
static int expect_only(struct s3 *s, const char *name, struct err *err)
{
	struct err ignored;
	AUTO(s3_page) history = s3_history(s, name, err);
	if (!history)
		return err->code == ERR_DENIED ? 0 : err->code;
	for (size_t i = 1; i < history->n; i++) {
		const struct s3_entry *ours = &history->entries[0], *older = &history->entries[i];
		if (older->marker || (older->tag[0] && strcmp(older->tag, ours->tag) == 0))
			continue;
		(void)delete_one(s, name, ours->version, &ignored);
		return readback_exists(err);
	}
	return 0;
}

/* Can the storage's own refusal be relied on? */
static bool refuses(struct s3 *s)
{
	int conditional = known(s, &s->conditional);
	return conditional == S3_YES ||
	       (conditional == S3_UNKNOWN && known(s, &s->versioned) == S3_NO);
}

static int put_new(struct s3 *s, const struct backend_put *put, char tag[BACKEND_TAG_MAX],
                   struct err *err)
{
	bool first = known(s, &s->conditional) == S3_UNKNOWN && known(s, &s->versioned) == S3_UNKNOWN;
	if (!first && !refuses(s) && look_first(s, put->name, err) != 0)
		return err->code;
	bool conditional = known(s, &s->conditional) != S3_NO;
	int rc = put_once(s, put, conditional, tag, err);
	if (rc == 0 && first && known(s, &s->versioned) == S3_YES)
		return expect_only(s, put->name, err);
	if (rc != ERR_INVALID || !conditional || known(s, &s->conditional) != S3_NO)
		return rc;
	/* it refuses the condition, as we know now */
	return look_first(s, put->name, err) != 0 ? err->code : put_once(s, put, false, tag, err);
}

static int s3_put(struct backend *b, const struct backend_put *put, char tag[BACKEND_TAG_MAX],
                  struct err *err)
{
	struct s3 *s = s3_of(b);
	if (tag)
		tag[0] = '\0';
	if (s3_refuse_past(s, err) != 0)
		return err->code;
	if (put->len > PUT_MAX)
		return err_set(err, ERR_LIMIT, "%zu bytes are more than one request to S3 takes", put->len);
	return put->mode == BACKEND_NEW ? put_new(s, put, tag, err) : put_once(s, put, false, tag, err);
}

/* ---- remove ---- */

static int remove_versions(struct s3 *s, const char *name, struct err *err)
{
	bool found = false;
	AUTO(s3_page) history = s3_history(s, name, err);
	if (!history)
		return err->code;
	for (size_t i = history->n; i-- > 0;) {
		int rc = delete_one(s, name, history->entries[i].version, err);
		if (rc != 0 && rc != ERR_ABSENT)
			return rc;
		found = found || !history->entries[i].marker;
	}
	return found ? 0 : err_set(err, ERR_ABSENT, "no such object in s3://%s", s->place.bucket);
}

/* DELETE does not say whether there was something. */
static int remove_only(struct s3 *s, const char *name, struct err *err)
{
	struct backend_object there;
	if (s3_stat(&s->base, name, &there, err) != 0)
		return err->code;
	return delete_one(s, name, NULL, err);
}

static int s3_remove(struct backend *b, const char *name, struct err *err)
{
	struct s3 *s = s3_of(b);
	if (s3_refuse_past(s, err) != 0 || find_versioned(s, err) != 0)
		return err->code;
	int rc = known(s, &s->versioned) == S3_NO ? remove_only(s, name, err)
	                                          : remove_versions(s, name, err);
	if (rc == 0)
		s3_copies_drop(s->copies, name);
	return rc;
}

/* ---- traits ---- */

static int probe_twice(struct s3 *s, const struct backend_put *put, struct err *err)
{
	int rc = put_once(s, put, true, NULL, err);
	bool there = rc == 0;
	if (rc == 0)
		rc = put_once(s, put, true, NULL, err);
	bool refused = there && rc == ERR_EXISTS;
	if (refused || (rc == 0 && there))
		learn(s, &s->conditional, refused ? S3_YES : S3_NO);
	if (refused || (rc == ERR_INVALID && known(s, &s->conditional) == S3_NO))
		rc = 0;
	/* a bucket may lock whatever is put: then it goes when the lock ends */
	struct err ignored;
	if (there)
		(void)s3_remove(&s->base, put->name, &ignored);
	return rc;
}

static int probe_conditional(struct s3 *s, struct err *err)
{
	uint8_t random[8];
	char name[40], hex[2 * sizeof random + 1];
	if (getrandom(random, sizeof random, 0) != sizeof random)
		return err_sys(err, "getrandom");
	snprintf(name, sizeof name, "probe/%s", hex_encode(hex, random, sizeof random));
	const struct backend_put put = { name, random, sizeof random, BACKEND_NEW, false };
	return probe_twice(s, &put, err);
}

/* Ceph's gateway does not give its name, but its requests' ids are its own. */
static const char *server_name(const struct net_call *answer)
{
	const char *server = net_wanted(answer, "Server");
	if (*server)
		return server;
	return strncmp(net_wanted(answer, "x-amz-request-id"), "tx0", 3) == 0
	               ? "Ceph (by its request ids)" : "a server that does not tell its name";
}

static int find_server(struct s3 *s, char *out, size_t cap, struct err *err)
{
	struct s3_request r = { .method = "GET", .action = "s3:ListBucket",
		                .query = "list-type=2&max-keys=1",
		                .wanted = { "Server", "x-amz-request-id" } };
	int rc = s3_do(s, &r, err);
	if (rc == 0)
		snprintf(out, cap, "%.90s", server_name(&r.call));
	s3_end(&r);
	return rc;
}

static bool has_locks(struct s3 *s)
{
	struct err ignored;
	char enabled[STATUS_BYTES];
	return ask_bucket(s, "s3:GetBucketObjectLockConfiguration", "object-lock=", "ObjectLockEnabled",
	                  enabled, &ignored) == 0 &&
	       strcmp(enabled, "Enabled") == 0;
}

static int s3_traits(struct backend *b, struct backend_traits *traits, struct err *err)
{
	struct s3 *s = s3_of(b);
	if (find_server(s, traits->server, sizeof traits->server, err) != 0 ||
	    find_versioned(s, err) != 0)
		return err->code;
	if (!s->as_of_s && probe_conditional(s, err) != 0)
		return err->code;
	traits->conditional = known(s, &s->conditional) == S3_YES;
	traits->versions = known(s, &s->versioned) == S3_YES;
	traits->locks = has_locks(s);
	traits->clock_ahead_s = net_clock_ahead_s(s->net);
	return 0;
}

/* ---- open and free ---- */

extern const struct backend_ops backend_s3;

static void s3_free(struct backend *b)
{
	struct s3 *s = s3_of(b);
	net_free(s->net);
	s3_auth_free(s->auth);
	s3_copies_free(s->copies);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static int set_class(struct s3 *s, const char *class, struct err *err)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	size_t len = class ? strlen(class) : 0;
	if (len >= sizeof s->storage_class || (class && strspn(class, allowed) != len)) {
		err_set(err, ERR_INVALID, "'%.60s' is not the name of a storage class", class);
		return err_hint(err, "storage-class = STANDARD_IA, say");
	}
	memcpy(s->storage_class, class ? class : "", len + 1);
	return 0;
}

static int set_up(struct s3 *s, const struct backend_options *o, struct err *err)
{
	char host[S3_HOST_MAX + 1];
	if (s3_place_parse(&s->place, o, err) != 0 || set_class(s, o->storage_class, err) != 0)
		return err->code;
	memcpy(s->region, s->place.region, sizeof s->region);
	/* everywhere there, since 2024; elsewhere it depends */
	s->conditional = s->place.amazon ? S3_YES : S3_UNKNOWN;
	if (o->lock_s > LOCK_MAX_S)
		return err_set(err, ERR_INVALID, "lock: longer than a hundred years");
	s->lock_s = o->lock_s;
	s->lock_compliance = o->lock_compliance;
	s->as_of_s = o->as_of_s;
	s->copies = s3_copies_new();
	if (!s->copies)
		return err_no_memory(err);
	s->auth = s3_auth_new(o, s->place.amazon, err);
	if (!s->auth)
		return err->code;
	snprintf(host, sizeof host, "%.250s", s->place.host[0] ? s->place.host : "s3.amazonaws.com");
	s->net = net_new(o, "http,https", host, err);
	return s->net ? 0 : err->code;
}

static struct backend *s3_open(const struct backend_options *options, struct err *err)
{
	struct s3 *s = calloc(1, sizeof *s);
	if (!s) {
		err_no_memory(err);
		return NULL;
	}
	s->base = (struct backend){ .ops = &backend_s3, .remote = true };
	s->base.connections = options->connections ? options->connections : CONNECTIONS;
	pthread_mutex_init(&s->lock, NULL);
	if (set_up(s, options, err) == 0)
		return &s->base;
	s3_free(&s->base);
	return NULL;
}

const struct backend_ops backend_s3 = {
	.scheme = "s3",
	.open = s3_open,
	.free = s3_free,
	.put = s3_put,
	.get = s3_get,
	.stat = s3_stat,
	.list = s3_list,
	.remove = s3_remove,
	.next_copy = s3_next_copy,
	.retain = s3_retain,
	.traits = s3_traits,
};
