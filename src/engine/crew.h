/* crew - the same work for many numbers, by several threads. */
#ifndef CREW_H
#define CREW_H

#include <stdint.h>

struct err;
struct vault;

/* 0, or an error that ends the work. */
typedef int crew_work(void *arg, uint64_t number, struct err *err);

/* How many threads are of use for small reads from this vault. */
unsigned crew_size(const struct vault *v);

/* Do 0 ... n - 1, in any order. The first error, after all threads have ended. */
int crew_run(unsigned threads, uint64_t n, crew_work *work, void *arg, struct err *err);

#endif
