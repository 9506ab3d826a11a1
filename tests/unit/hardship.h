/*
 * hardship - what every driver of a server must come through, whatever its server: a disk that is full,
 * an answer that is lost. For tests that served.h runs.
 */
#ifndef HARDSHIP_H
#define HARDSHIP_H

#include "served.h"

#include "holdfast/err.h"
#include "vault/storage.h"

enum { HARDSHIP_OBJECT = 300000, HARDSHIP_DISK = 1 << 20 };

static inline int hardship_sum(void *arg, const struct backend_object *o, struct err *err)
{
	(void)err;
	*(uint64_t *)arg += o->size_bytes;
	return 0;
}

static inline void hardship_put(struct backend *b, unsigned i, const char *data, int code)
{
	struct err err;
	char name[20];
	snprintf(name, sizeof name, "packs/%u", i);
	int rc = storage_put(b, name, data, HARDSHIP_OBJECT, BACKEND_NEW, &err);
	if (rc != code)
		fail_msg("%s: %d instead of %d: %s", name, rc, code, rc ? err.msg : "");
	if (code == ERR_SPACE && !strstr(err.msg, "full") && !strstr(err.msg, "space"))
		fail_msg("%s: unclear: %s", name, err.msg);
}

static inline void hardship_old_content_stays(struct backend *b, const char *large)
{
	struct err err;
	char got[10];
	size_t len;
	assert_int_equal(storage_put(b, "log/checkpoint", large, HARDSHIP_OBJECT, BACKEND_REPLACE, &err),
	                 ERR_SPACE);
	assert_int_equal(storage_get(b, "log/checkpoint", 0, got, sizeof got, &len, &err), 0);
	assert_int_equal(len, 3);
	assert_memory_equal(got, "old", 3);
}

/* b lies on a disk of HARDSHIP_DISK bytes of its own: three objects fit on it. */
static inline void hardship_full_disk(struct backend *b)
{
	struct err err;
	struct backend_object o;
	uint64_t sum = 0;
	char *data = calloc(1, HARDSHIP_OBJECT);
	assert_non_null(data);
	assert_int_equal(storage_put(b, "log/checkpoint", "old", 3, BACKEND_REPLACE, &err), 0);
	for (unsigned i = 0; i < 3; i++)
		hardship_put(b, i, data, 0);
	hardship_put(b, 3, data, ERR_SPACE);
	hardship_put(b, 3, data, ERR_SPACE);
	hardship_old_content_stays(b, data);
	assert_int_equal(storage_stat(b, "packs/3", &o, &err), ERR_ABSENT);
	assert_int_equal(storage_list(b, "", hardship_sum, &sum, &err), 0);
	assert_int_equal(sum, 3 * HARDSHIP_OBJECT + 3);
	assert_int_equal(storage_remove(b, "packs/1", &err), 0);
	hardship_put(b, 3, data, 0);
	sum = 0;
	assert_int_equal(storage_list(b, "", hardship_sum, &sum, &err), 0);
	assert_int_equal(sum, 3 * HARDSHIP_OBJECT + 3);
	free(data);
}

/* ---- lost answers ---- */

/* Where a driver's test opens its place through the proxy in folder. */
struct hardship_place {
	const char *folder;
	struct backend *(*open)(void *arg);
	void *arg;
};

enum hardship_verb { HARDSHIP_PUT, HARDSHIP_REMOVE };

static inline void hardship_expect(struct backend *b, enum hardship_verb verb, const char *name)
{
	struct err err;
	char got[20];
	size_t len;
	int rc = storage_get(b, name, 0, got, sizeof got, &len, &err);
	if (verb == HARDSHIP_REMOVE) {
		assert_int_equal(rc, ERR_ABSENT);
		return;
	}
	assert_int_equal(rc, 0);
	assert_int_equal(len, 4);
	assert_memory_equal(got, "once", 4);
}

/* On a fresh handle, whose first connection has this fault. */
static inline void hardship_do(const struct hardship_place *p, enum hardship_verb verb, const char *name,
                               const char *fault)
{
	struct err err;
	AUTO(backend) b = p->open(p->arg);
	served_fault(p->folder, fault);
	int rc = verb == HARDSHIP_PUT ? storage_put(b, name, "once", 4, BACKEND_NEW, &err)
	                              : storage_remove(b, name, &err);
	if (rc != 0)
		fail_msg("%s %s: %d: %s", verb == HARDSHIP_PUT ? "put" : "remove", fault, rc, err.msg);
	if (*fault) {
		served_fault(p->folder, "");
		hardship_expect(b, verb, name);
	}
}

/* What the server sends over a connection that does only this. */
static inline unsigned hardship_measure(const struct hardship_place *p, enum hardship_verb verb,
                                        const char *name)
{
	served_forget(p->folder);
	hardship_do(p, verb, name, "");
	return served_received(p->folder);
}

/*
 * A new object is put and removed again and again, each time over a connection that breaks a little
 * earlier, so that for some the server did it and could not say so. No put may end in ERR_EXISTS, and no
 * removal in ERR_ABSENT. Within `window` bytes of the connection's end, in steps that are shorter than
 * any answer.
 */
static inline void hardship_lost_answers(const struct hardship_place *p, unsigned window, unsigned step)
{
	(void)hardship_measure(p, HARDSHIP_PUT, "packs/first");   /* makes the folder */
	unsigned put = hardship_measure(p, HARDSHIP_PUT, "packs/o");
	unsigned removed = hardship_measure(p, HARDSHIP_REMOVE, "packs/o");
	assert_true(put > window && removed > window);
	for (unsigned back = 1; back < window; back += step) {
		char fault[80];
		snprintf(fault, sizeof fault, "cut_after=%u dir=down count=1", put - back);
		hardship_do(p, HARDSHIP_PUT, "packs/o", fault);
		snprintf(fault, sizeof fault, "cut_after=%u dir=down count=1", removed - back);
		hardship_do(p, HARDSHIP_REMOVE, "packs/o", fault);
	}
}

#endif
