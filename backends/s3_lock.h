/* s3_lock - object lock: until when, and how it is made longer. */
#ifndef S3_LOCK_H
#define S3_LOCK_H

#include <stdint.h>

#include "holdfast/backend.h"

struct s3;

enum { S3_LOCK_END_MAX = 40 };

/* What is locked from now on. By the storage's clock, whose lock it is. */
const char *s3_lock_mode(const struct s3 *s);
int64_t s3_lock_end_s(const struct s3 *s);
void s3_lock_end_text(char out[S3_LOCK_END_MAX], int64_t end_s);

/* ERR_INVALID: this bucket does not lock. */
int s3_lock_refused(const struct s3 *s, struct err *err);

/* As in backend.h. */
int s3_retain(struct backend *b, const char *name, struct err *err);

#endif
