#include "cli/config_value.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/expect.h"
#include "base/rate.h"
#include "cli/due.h"
#include "cli/nearest.h"
#include "cli/when.h"
#include "holdfast/err.h"

const char *const config_value_types[] = { "sqlite", "files", "command", "mariadb-dump",
	                                   "postgres-dump", NULL };

/* Decimal digits and nothing else. */
static bool digits(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;
	if (!*text || strlen(text) > 9)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		n = n * 10 + (uint64_t)(*text - '0');
	}
	*out = n;
	return n <= max;
}

static bool boolean(const char *text, uint64_t *out)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on" };
	for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
		if (strcasecmp(text, words[i]) == 0) {
			*out = i & 1;
			return true;
		}
	return false;
}

static bool unit(const char *text, uint64_t *out)
{
	char number[12];
	size_t len = strspn(text, "0123456789");
	uint64_t scale = text[len] == '\0' ? 1 : strcasecmp(text + len, "k") == 0 ||
	                 strcasecmp(text + len, "kib") == 0 ? 1024 : 0;
	*out = 0;
	if (strcmp(text, "auto") == 0)
		return true;
	snprintf(number, sizeof number, "%.*s", (int)(len < 11 ? len : 11), text);
	if (scale == 0 || !digits(number, 65536, out))
		return false;
	*out *= scale;
	return *out >= 256 && *out <= 65536 && (*out & (*out - 1)) == 0;
}

static bool connections(const char *text, uint64_t *out)
{
	*out = 0;
	return strcmp(text, "auto") == 0 || (digits(text, 32, out) && *out >= 1);
}

/* One of two words; the number is 1 for the second. */
static bool one_of(const char *text, const char *first, const char *second, uint64_t *out)
{
	*out = strcmp(text, second) == 0;
	return *out || strcmp(text, first) == 0;
}

/* The BASE64 of a SHA-256 has 43 characters and one '=' at its end. */
static bool pin(const char *text)
{
	static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	static const char prefix[] = "sha256//";
	const char *hash = text + sizeof prefix - 1;
	return strncmp(text, prefix, sizeof prefix - 1) == 0 && strspn(hash, base64) == 43 &&
	       strcmp(hash + 43, "=") == 0;
}

static const char lock_compliance[] = "compliance", lock_governance[] = "governance";

bool config_value_is_compliance(const char *text)
{
	return strncmp(text, lock_compliance, sizeof lock_compliance - 1) == 0;
}

static bool lock(const char *text, uint64_t *out)
{
	size_t len = config_value_is_compliance(text) ? sizeof lock_compliance - 1
	             : strncmp(text, lock_governance, sizeof lock_governance - 1) == 0
	                 ? sizeof lock_governance - 1 : 0;
	*out = 0;
	return len > 0 && (text[len] == ' ' || text[len] == '\t') &&
	       when_duration(text + len, out) && *out > 0;
}

static bool rate(const char *text)
{
	struct rate ignored_rate;
	struct err ignored;
	return *text && rate_parse(&ignored_rate, text, &ignored) == 0;
}

static bool every(const char *text, uint64_t *out)
{
	return when_duration(text, out) && due_every_ok(*out);
}

static bool at(const char *text)
{
	struct due_at ignored;
	return due_parse_at(text, &ignored);
}

/* The value may be a secret: what is wrong with it must be plain without its being repeated. */
static bool web(const char *text)
{
	size_t len = strncmp(text, "https://", 8) == 0 ? 8 : strncmp(text, "http://", 7) == 0 ? 7 : 0;
	return len > 0 && text[len] && text[len] != '/' && strcspn(text, " \t\"<>\\") == strlen(text);
}

static bool known_type(const char *text)
{
	for (const char *const *t = config_value_types; *t; t++)
		if (strcmp(*t, text) == 0)
			return true;
	return false;
}

static bool bytes(const char *text, uint64_t *out)
{
	static const char units[] = "KMGT";
	char number[12];
	size_t len = strspn(text, "0123456789");
	*out = 0;
	if (strcmp(text, "unlimited") == 0)
		return true;
	const char *unit = len > 0 && text[len] ? strchr(units, text[len]) : NULL;
	snprintf(number, sizeof number, "%.*s", (int)(len < 11 ? len : 11), text);
	if (!unit || (text[len + 1] && strcmp(text + len + 1, "iB") != 0) ||
	    !digits(number, 1000000, out) || *out == 0)
		return false;
	*out <<= 10 * (unit - units + 1);
	return true;
}

static const char *const selects[] = { "latest", "oldest", "random", "longest", "each-epoch", NULL };

static bool select_of(const char *text, uint64_t *out)
{
	for (*out = 0; selects[*out]; ++*out)
		if (strcmp(selects[*out], text) == 0)
			return true;
	return false;
}

static bool expectation(const char *text)
{
	struct expect ignored_expect;
	struct err ignored;
	return expect_parse(&ignored_expect, text, &ignored) == 0;
}

static bool parse(enum config_value kind, const char *text, uint64_t *out)
{
	*out = 0;
	switch (kind) {
	case VALUE_TEXT: return *text != '\0';
	case VALUE_PATH: return *text == '/';
	case VALUE_URL: return *text == '/' || strstr(text, "://");
	case VALUE_TYPE: return known_type(text);
	case VALUE_BOOL: return boolean(text, out);
	case VALUE_DURATION: return when_duration(text, out);
	case VALUE_COUNT: return digits(text, 1000000, out);
	case VALUE_LEVEL: return digits(text, 19, out) && *out >= 1;
	case VALUE_UNIT: return unit(text, out);
	case VALUE_RATE: return rate(text);
	case VALUE_CONNECTIONS: return connections(text, out);
	case VALUE_PIN: return pin(text);
	case VALUE_HOST_KEYS: return one_of(text, "strict", "accept-new", out);
	case VALUE_STYLE: return one_of(text, "path", "virtual-host", out);
	case VALUE_LOCK: return lock(text, out);
	case VALUE_COPY: return one_of(text, "never", "after-backup", out);
	case VALUE_AT: return at(text);
	case VALUE_EVERY: return every(text, out);
	case VALUE_LOG: return *text == '/' || strcmp(text, "journal") == 0;
	case VALUE_WEB: return web(text);
	case VALUE_WHEN: return one_of(text, "trouble", "always", out);
	case VALUE_BYTES: return bytes(text, out);
	case VALUE_SELECT: return select_of(text, out);
	case VALUE_EXPECT: return expectation(text);
	case VALUE_ISOLATION: return one_of(text, "namespaces", "any", out);
	}
	return false;
}

static const char *expected(enum config_value kind)
{
	switch (kind) {
	case VALUE_TEXT: return "some text";
	case VALUE_PATH: return "an absolute path";
	case VALUE_URL: return "an address such as file:///srv/vault, or an absolute path";
	case VALUE_TYPE: return "sqlite, files, command, mariadb-dump or postgres-dump";
	case VALUE_BOOL: return "yes or no";
	case VALUE_DURATION: return "a duration such as 90d, 12h 30m or never";
	case VALUE_COUNT: return "a number";
	case VALUE_LEVEL: return "a number from 1 to 19";
	case VALUE_UNIT: return "auto, or a power of two from 256 to 64k";
	case VALUE_RATE: return "a limit such as 20M, 20M 08:00-18:00 or 500K 08:00-18:00, 50M";
	case VALUE_CONNECTIONS: return "auto, or a number from 1 to 32";
	case VALUE_PIN: return "sha256// and the base64 of a public key's SHA-256";
	case VALUE_HOST_KEYS: return "strict or accept-new";
	case VALUE_STYLE: return "path or virtual-host";
	case VALUE_LOCK: return "compliance or governance and a duration, such as governance 30d";
	case VALUE_COPY: return "never or after-backup";
	case VALUE_AT: return "a time such as 02:15, sun 03:00 or mon-fri 22:30";
	case VALUE_EVERY: return "a duration of whole days, or of whole minutes below a day: 1d, 6h, 30m";
	case VALUE_LOG: return "journal, or an absolute path";
	case VALUE_WEB: return "an address that begins with https:// or http://";
	case VALUE_WHEN: return "trouble or always";
	case VALUE_BYTES: return "a size such as 500M or 4G, or unlimited";
	case VALUE_SELECT: return "latest, oldest, random, longest or each-epoch";
	case VALUE_EXPECT: return "an expectation such as >= 1, = paid or != null";
	case VALUE_ISOLATION: return "namespaces or any";
	}
	return "";
}

int config_value_check(enum config_value kind, const char *text, struct err *err)
{
	uint64_t number;
	if (parse(kind, text, &number))
		return 0;
	if (kind == VALUE_WEB)
		return err_set(err, ERR_INVALID, "is not %s", expected(kind));
	err_set(err, ERR_INVALID, "'%s' is not %s", text, expected(kind));
	const char *near = kind == VALUE_TYPE ? nearest_of(text, config_value_types)
	                   : kind == VALUE_SELECT ? nearest_of(text, selects) : NULL;
	return near ? err_hint(err, "did you mean '%s'?", near) : err->code;
}

uint64_t config_value_number(enum config_value kind, const char *text)
{
	uint64_t number;
	parse(kind, text, &number);
	return number;
}
