/* sqlite_stamp - a text that stays equal only while a database surely has not changed. */
#ifndef SQLITE_STAMP_H
#define SQLITE_STAMP_H

#include "holdfast/source.h"

/* Nothing is opened. Empty if something changed less than two seconds ago. path is the resolved
 * one, label its name in messages. ERR_ABSENT, ERR_DENIED, ERR_IO. */
int sqlite_stamp_take(const char *path, const char *label, char stamp[SOURCE_STAMP_MAX],
                      struct err *err);

#endif
