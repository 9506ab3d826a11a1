/* config_value - the kinds of values that keys of the configuration take. */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include <stdbool.h>
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
	VALUE_RATE,       /* 20M, 20M 08:00-18:00, ... (base/rate.h) */
	VALUE_CONNECTIONS,   /* auto (number: 0) or 1 to 32 */
	VALUE_PIN,        /* sha256//BASE64 */
	VALUE_HOST_KEYS,  /* strict (number: 0), accept-new (1) */
	VALUE_STYLE,      /* path (number: 0), virtual-host (1) */
	VALUE_LOCK,       /* compliance 30d, governance 30d; number: seconds */
	VALUE_COPY,       /* never (number: 0), after-backup (1) */
	VALUE_AT,         /* 02:15, mon-fri 02:15 (due.h) */
	VALUE_EVERY,      /* as VALUE_DURATION, of whole minutes below a day, or of whole days */
	VALUE_LOG,        /* journal, or an absolute path */
	VALUE_WEB,        /* http://..., https://... */
	VALUE_WHEN,       /* trouble (number: 0), always (1) */
	VALUE_BYTES,      /* 500M, 4G; K, M, G, T are powers of 1024; unlimited (number: 0) */
	VALUE_SELECT,     /* of a drill: latest, ... (number: enum drill_select) */
	VALUE_EXPECT,     /* >= 1, = paid, ... (base/expect.h) */
	VALUE_ISOLATION,  /* namespaces (number: 0), any (1) */
};

/* ERR_INVALID saying what is expected. */
int config_value_check(enum config_value kind, const char *text, struct err *err);

/* Of a value that was checked. */
uint64_t config_value_number(enum config_value kind, const char *text);

/* Of a VALUE_LOCK that was checked: is it compliance? */
bool config_value_is_compliance(const char *text);

/* The names of the store types, NULL-terminated. */
extern const char *const config_value_types[];

#endif
