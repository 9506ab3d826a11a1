/* config_value - the kinds of values that keys of the configuration take. */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include <stdint.h>

struct err;

enum config_value {
	VALUE_TEXT,
	VALUE_PATH,       /* absolute */
	VALUE_URL,        /* scheme://..., or an absolute path */
	VALUE_TYPE,       /* of a store */
	VALUE_BOOL,       /* yes, no */
	VALUE_DURATION,   /* 90d, 12h 30m; number: seconds */
	VALUE_COUNT,      /* 0 to a million */
	VALUE_LEVEL,      /* 1 to 19 */
	VALUE_UNIT,       /* auto (number: 0) or a power of two of bytes from 256 to 64 KiB */
};

/* ERR_INVALID saying what is expected. */
int config_value_check(enum config_value kind, const char *text, struct err *err);

/* Of a value that was checked. */
uint64_t config_value_number(enum config_value kind, const char *text);

/* The names of the store types, NULL-terminated. */
extern const char *const config_value_types[];

#endif
