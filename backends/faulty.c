/*
 * faulty - another driver with chosen failures: faulty://<rules>/<inner url>
 *
 *     faulty://put=3:space,get=5+:torn/memory://x         the inner URL starts behind the first '/'
 *     faulty://seed=7,any=2%:unreachable,delay=20/file:///srv/vault
 *     faulty:///memory://x                                no rules: only counts
 *
 *     rules  = [ rule { "," rule } ]
 *     rule   = op "=" when ":" fault  |  "seed=" number
 *            | "delay=" milliseconds of every call, which makes it a remote storage
 *     op     = put | get | stat | list | remove | any
 *     when   = N    the Nth call of that op, from 1 (of any: the Nth call of all)
 *            | N+   that one and every later one
 *            | N%   each with that probability; the same calls for the same seed (0 if not given)
 *     fault  = io | space | denied | unreachable | absent       nothing is done, that error returned
 *            | lost        put, remove: it is done, then ERR_UNREACHABLE
 *            | torn        get: fewer bytes than are there, reported as if the object ended
 *            | flip        get: one bit of what is returned is wrong
 *            | kill        SIGKILL to this process before the call
 *            | killafter   after it
 *
 * The first rule that matches a call decides. A put never reports success for less than the whole:
 * that is a broken driver, not a fault that Holdfast has to survive.
 *
 * The inner driver is opened through storage.h: the one driver that looks upward.
 */
#include "faulty.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/scope.h"
#include "holdfast/backend.h"
#include "holdfast/err.h"
#include "vault/storage.h"

enum { RULES_MAX = 32, RULES_TEXT_MAX = 1000 };

enum op { OP_PUT, OP_GET, OP_STAT, OP_LIST, OP_REMOVE, OP_ANY, OPS };
enum when { WHEN_NTH, WHEN_FROM, WHEN_PERCENT };

/* What to do about one call. */
enum effect { EFFECT_NONE, EFFECT_FAIL, EFFECT_LOST, EFFECT_TORN, EFFECT_FLIP, EFFECT_KILL,
              EFFECT_KILL_AFTER };

struct fault {
	const char *name;
	enum effect effect;
	enum err_code code;
	int sys;
	unsigned ops;   /* bits of enum op: where it makes sense */
};

enum { EVERYWHERE = (1 << OPS) - 1, ON_GET = 1 << OP_GET, ON_CHANGE = 1 << OP_PUT | 1 << OP_REMOVE };

static const struct fault faults[] = {
	{ "io", EFFECT_FAIL, ERR_IO, EIO, EVERYWHERE },
	{ "space", EFFECT_FAIL, ERR_SPACE, ENOSPC, EVERYWHERE },
	{ "denied", EFFECT_FAIL, ERR_DENIED, EACCES, EVERYWHERE },
	{ "unreachable", EFFECT_FAIL, ERR_UNREACHABLE, 0, EVERYWHERE },
	{ "absent", EFFECT_FAIL, ERR_ABSENT, 0, EVERYWHERE },
	{ "lost", EFFECT_LOST, ERR_UNREACHABLE, 0, ON_CHANGE },
	{ "torn", EFFECT_TORN, ERR_NONE, 0, ON_GET },
	{ "flip", EFFECT_FLIP, ERR_NONE, 0, ON_GET },
	{ "kill", EFFECT_KILL, ERR_NONE, 0, EVERYWHERE },
	{ "killafter", EFFECT_KILL_AFTER, ERR_NONE, 0, EVERYWHERE },
};

static const char *const op_names[OPS] = { "put", "get", "stat", "list", "remove", "any" };

struct rule {
	enum op op;
	enum when when;
	unsigned long n;
	const struct fault *fault;
};

/* All handles of one location share it; it is never freed. */
struct tally {
	struct tally *next;
	char *location;
	unsigned long calls[OPS];   /* calls[OP_ANY]: of all */
	bool fired;
};

struct faulty {
	struct backend base;
	struct backend *inner;
	struct tally *tally;
	struct rule rules[RULES_MAX];
	size_t n_rules;
	unsigned long seed, delay_ms;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;   /* over tallies and what is in them */
static struct tally *tallies;

/* ---- rules ---- */

static int bad_rule(const char *text, struct err *err)
{
	return err_set(err, ERR_INVALID, "'%s' is not a rule of the faulty driver", text);
}

/* The number that the text begins with; *end is behind it, NULL if there is none. */
static unsigned long number(const char *text, const char **end)
{
	char *stop;
	errno = 0;
	unsigned long n = strtoul(text, &stop, 10);
	*end = *text < '0' || *text > '9' || errno != 0 ? NULL : stop;
	return n;
}

static bool parse_op(const char *text, size_t len, enum op *op)
{
	for (enum op i = 0; i < OPS; i++)
		if (strlen(op_names[i]) == len && memcmp(op_names[i], text, len) == 0) {
			*op = i;
			return true;
		}
	return false;
}

static const struct fault *parse_fault(const char *text, enum op op)
{
	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
		if (strcmp(faults[i].name, text) == 0)
			return faults[i].ops & 1u << op ? &faults[i] : NULL;
	return NULL;
}

static bool parse_when(const char **text, struct rule *r)
{
	const char *end;
	r->n = number(*text, &end);
	if (!end)
		return false;
	r->when = *end == '+' ? WHEN_FROM : *end == '%' ? WHEN_PERCENT : WHEN_NTH;
	*text = end + (r->when != WHEN_NTH);
	return r->when == WHEN_PERCENT ? r->n <= 100 : r->n > 0;
}

static int parse_setting(const char *text, const char *value, unsigned long *out, struct err *err)
{
	const char *end;
	unsigned long n = number(value, &end);
	if (!end || *end)
		return bad_rule(text, err);
	*out = n;
	return 0;
}

static int parse_rule(struct faulty *f, const char *text, struct err *err)
{
	if (strncmp(text, "seed=", 5) == 0)
		return parse_setting(text, text + 5, &f->seed, err);
	if (strncmp(text, "delay=", 6) == 0)
		return parse_setting(text, text + 6, &f->delay_ms, err);

	struct rule r = { .op = OP_ANY };
	size_t len = strcspn(text, "=");
	const char *at = text + len + (text[len] == '=');
	if (!parse_op(text, len, &r.op) || !parse_when(&at, &r) || *at != ':')
		return bad_rule(text, err);
	r.fault = parse_fault(at + 1, r.op);
	if (!r.fault || f->n_rules == RULES_MAX)
		return bad_rule(text, err);
	f->rules[f->n_rules++] = r;
	return 0;
}

static int parse_rules(struct faulty *f, const char *text, size_t len, struct err *err)
{
	char copy[RULES_TEXT_MAX];
	if (len >= sizeof copy)
		return err_set(err, ERR_INVALID, "the faulty driver's rules are too long");
	memcpy(copy, text, len);
	copy[len] = '\0';
	char *rest = copy;
	for (char *rule; (rule = strsep(&rest, ",")) != NULL;)
		if (len > 0 && parse_rule(f, rule, err) != 0)
			return err->code;
	return 0;
}

/* ---- counting ---- */

static struct tally *find_tally(const char *location)
{
	struct tally *t = tallies;
	while (t && strcmp(t->location, location) != 0)
		t = t->next;
	return t;
}

static struct tally *add_tally(const char *location)
{
	struct tally *t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	t->location = strdup(location);
	if (!t->location) {
		free(t);
		return NULL;
	}
	t->next = tallies;
	tallies = t;
	return t;
}

static struct tally *get_tally(const char *location)
{
	pthread_mutex_lock(&lock);
	struct tally *t = find_tally(location);
	if (!t)
		t = add_tally(location);
	pthread_mutex_unlock(&lock);
	return t;
}

static const char *location_of(const char *url)
{
	static const char scheme[] = "faulty://";
	return strncmp(url, scheme, strlen(scheme)) == 0 ? url + strlen(scheme) : url;
}

unsigned long faulty_calls(const char *url)
{
	pthread_mutex_lock(&lock);
	const struct tally *t = find_tally(location_of(url));
	unsigned long calls = t ? t->calls[OP_ANY] : 0;
	pthread_mutex_unlock(&lock);
	return calls;
}

bool faulty_fired(const char *url)
{
	pthread_mutex_lock(&lock);
	const struct tally *t = find_tally(location_of(url));
	bool fired = t && t->fired;
	pthread_mutex_unlock(&lock);
	return fired;
}

void faulty_reset(const char *url)
{
	pthread_mutex_lock(&lock);
	struct tally *t = find_tally(location_of(url));
	if (t) {
		memset(t->calls, 0, sizeof t->calls);
		t->fired = false;
	}
	pthread_mutex_unlock(&lock);
}

static void note_fired(struct faulty *f)
{
	pthread_mutex_lock(&lock);
	f->tally->fired = true;
	pthread_mutex_unlock(&lock);
}

/* ---- deciding ---- */

/* splitmix64: what is drawn for a call depends on its number alone, not on which thread came first */
static uint64_t draw(const struct faulty *f, unsigned long call)
{
	uint64_t z = f->seed + (call + 1) * UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

struct call {
	enum op op;
	const struct fault *fault;   /* NULL: none */
	uint64_t random;
};

static bool matches(const struct rule *r, enum op op, const unsigned long calls[OPS],
                    uint64_t random)
{
	if (r->op != op && r->op != OP_ANY)
		return false;
	switch (r->when) {
	case WHEN_NTH: return calls[r->op] == r->n;
	case WHEN_FROM: return calls[r->op] >= r->n;
	case WHEN_PERCENT: return random % 100 < r->n;
	}
	return false;
}

static void wait_ms(unsigned long ms)
{
	struct timespec left = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };
	while (ms && nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

/* Count the call and see what is to become of it. */
static struct call begin(struct faulty *f, enum op op)
{
	unsigned long calls[OPS];
	pthread_mutex_lock(&lock);
	f->tally->calls[op]++;
	f->tally->calls[OP_ANY]++;
	memcpy(calls, f->tally->calls, sizeof calls);
	pthread_mutex_unlock(&lock);

	wait_ms(f->delay_ms);
	struct call c = { op, NULL, draw(f, calls[OP_ANY]) };
	for (size_t i = 0; i < f->n_rules && !c.fault; i++)
		if (matches(&f->rules[i], op, calls, c.random))
			c.fault = f->rules[i].fault;
	return c;
}

static bool is(const struct call *c, enum effect effect)
{
	return c->fault && c->fault->effect == effect;
}

static int inject(struct faulty *f, const struct call *c, struct err *err)
{
	note_fired(f);
	err_set(err, c->fault->code, "injected fault: %s=%s", op_names[c->op], c->fault->name);
	err->sys = c->fault->sys;
	return err->code;
}

/* What happens instead of the call: an error, or 0 to let it through. */
static int before(struct faulty *f, const struct call *c, struct err *err)
{
	if (is(c, EFFECT_KILL))
		raise(SIGKILL);
	return is(c, EFFECT_FAIL) ? inject(f, c, err) : 0;
}

/* What happens to the answer. */
static int after(struct faulty *f, const struct call *c, int rc, struct err *err)
{
	if (is(c, EFFECT_KILL_AFTER))
		raise(SIGKILL);
	return rc == 0 && is(c, EFFECT_LOST) ? inject(f, c, err) : rc;
}

/* ---- the driver ---- */

static struct faulty *faulty_of(struct backend *b)
{
	return (struct faulty *)b;
}

static int faulty_put(struct backend *b, const struct backend_put *put, char tag[BACKEND_TAG_MAX],
                      struct err *err)
{
	struct faulty *f = faulty_of(b);
	struct call c = begin(f, OP_PUT);
	if (before(f, &c, err) != 0)
		return err->code;
	return after(f, &c, f->inner->ops->put(f->inner, put, tag, err), err);
}

static void spoil(struct faulty *f, const struct call *c, uint8_t *bytes, size_t *len)
{
	if (*len == 0 || (!is(c, EFFECT_TORN) && !is(c, EFFECT_FLIP)))
		return;
	note_fired(f);
	size_t at = (size_t)(c->random >> 8) % *len;
	if (is(c, EFFECT_TORN))
		*len = at;
	else
		bytes[at] ^= (uint8_t)(1u << (c->random & 7));
}

static int faulty_get(struct backend *b, const char *name, uint64_t offset, void *out, size_t cap,
                      size_t *len, struct err *err)
{
	struct faulty *f = faulty_of(b);
	struct call c = begin(f, OP_GET);
	if (before(f, &c, err) != 0)
		return err->code;
	int rc = after(f, &c, f->inner->ops->get(f->inner, name, offset, out, cap, len, err), err);
	if (rc == 0)
		spoil(f, &c, out, len);
	return rc;
}

static int faulty_stat(struct backend *b, const char *name, struct backend_object *object,
                       struct err *err)
{
	struct faulty *f = faulty_of(b);
	struct call c = begin(f, OP_STAT);
	if (before(f, &c, err) != 0)
		return err->code;
	return after(f, &c, f->inner->ops->stat(f->inner, name, object, err), err);
}

static int faulty_list(struct backend *b, const char *prefix, backend_visit *visit, void *arg,
                       struct err *err)
{
	struct faulty *f = faulty_of(b);
	struct call c = begin(f, OP_LIST);
	if (before(f, &c, err) != 0)
		return err->code;
	return after(f, &c, f->inner->ops->list(f->inner, prefix, visit, arg, err), err);
}

static int faulty_remove(struct backend *b, const char *name, struct err *err)
{
	struct faulty *f = faulty_of(b);
	struct call c = begin(f, OP_REMOVE);
	if (before(f, &c, err) != 0)
		return err->code;
	return after(f, &c, f->inner->ops->remove(f->inner, name, err), err);
}

/* What follows is let through: no fault is injected, and it is not counted. */

static int faulty_next_copy(struct backend *b, const char *name, struct err *err)
{
	return faulty_of(b)->inner->ops->next_copy(faulty_of(b)->inner, name, err);
}

static int faulty_retain(struct backend *b, const char *name, struct err *err)
{
	return faulty_of(b)->inner->ops->retain(faulty_of(b)->inner, name, err);
}

static int faulty_traits(struct backend *b, struct backend_traits *traits, struct err *err)
{
	return faulty_of(b)->inner->ops->traits(faulty_of(b)->inner, traits, err);
}

static void faulty_free(struct backend *b)
{
	struct faulty *f = faulty_of(b);
	storage_free(f->inner);
	free(f);
}

static int set_up(struct faulty *f, const struct backend_options *options, struct err *err)
{
	const char *location = options->location, *slash = strchr(location, '/');
	if (!slash)
		return err_set(err, ERR_INVALID, "faulty:// needs the URL of an inner driver");
	if (parse_rules(f, location, (size_t)(slash - location), err) != 0)
		return err->code;
	f->inner = storage_open(slash + 1, options, err);
	if (!f->inner)
		return err->code;
	f->base.remote = f->inner->remote || f->delay_ms > 0;
	f->base.connections = f->inner->connections;
	f->tally = get_tally(location);
	return f->tally ? 0 : err_no_memory(err);
}

extern const struct backend_ops backend_faulty;

static struct backend *faulty_open(const struct backend_options *options, struct err *err)
{
	struct faulty *f = calloc(1, sizeof *f);
	if (!f) {
		err_no_memory(err);
		return NULL;
	}
	f->base.ops = &backend_faulty;
	if (set_up(f, options, err) != 0) {
		faulty_free(&f->base);
		return NULL;
	}
	return &f->base;
}

const struct backend_ops backend_faulty = {
	.scheme = "faulty",
	.open = faulty_open,
	.free = faulty_free,
	.put = faulty_put,
	.get = faulty_get,
	.stat = faulty_stat,
	.list = faulty_list,
	.remove = faulty_remove,
	.next_copy = faulty_next_copy,
	.retain = faulty_retain,
	.traits = faulty_traits,
};
