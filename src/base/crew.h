/* crew - the same work for many numbers, by several threads. */
#ifndef CREW_H
#define CREW_H

#include <stdbool.h>
#include <stdint.h>

struct err;

/* 0, or an error that ends the work. */
typedef int crew_work(void *arg, uint64_t number, struct err *err);

/* How many threads are of use for what reads a little and computes a little, and for what does nothing
 * but wait for a network: one where there is none. */
unsigned crew_size(bool remote);
unsigned crew_waiting(bool remote);

/* Do 0 ... n - 1: numbers are begun in order. What one thread would have returned, after all threads have
 * ended: the error of the lowest number that failed, and all below that are done. */
int crew_run(unsigned threads, uint64_t n, crew_work *work, void *arg, struct err *err);

#endif
