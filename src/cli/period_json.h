/* period_json - members of the documents that reports are made of: "" and 0 where there is none. Pure. */
#ifndef PERIOD_JSON_H
#define PERIOD_JSON_H

#include <jansson.h>
#include <stdint.h>

const char *period_text(const json_t *j, const char *key);
int64_t period_number(const json_t *j, const char *key);

#endif
