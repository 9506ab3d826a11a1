/* readback - did an attempt whose answer was lost succeed? */
#ifndef READBACK_H
#define READBACK_H

struct backend;
struct backend_put;
struct err;

/* 1 if the object is there and holds exactly these bytes, 0 if it holds others or is absent, or what
 * the driver's get gives. */
int readback_matches(struct backend *b, const struct backend_put *put, struct err *err);

#endif
