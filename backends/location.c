#include "location.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "holdfast/err.h"

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_control(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

bool location_decode(char *out, size_t out_size, const char *text, size_t len)
{
	size_t n = 0;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == '%') {
			int high = len - i > 2 ? hex_value(text[i + 1]) : -1;
			int low = len - i > 2 ? hex_value(text[i + 2]) : -1;
			if (high < 0 || low < 0)
				return false;
			c = (unsigned char)(high * 16 + low);
			i += 2;
		}
		if (is_control(c) || n + 1 >= out_size)
			return false;
		out[n++] = (char)c;
	}
	if (out_size > 0)
		out[n] = '\0';
	return out_size > 0;
}

/* ---- the parts ---- */

static int wrong(const char *scheme, const char *what, struct err *err)
{
	err_set(err, ERR_INVALID, "the location after %s:// %s", scheme, what);
	return err_hint(err, "it is written %s://user@host/folder", scheme);
}

static int parse_user(struct location *l, const char *scheme, const char *text, size_t len,
                      struct err *err)
{
	if (memchr(text, ':', len)) {
		wrong(scheme, "holds a password", err);
		return err_hint(err, "put the password into a file that only you can read, and name it with "
		                     "password-file");
	}
	if (len == 0 || !location_decode(l->user, sizeof l->user, text, len))
		return wrong(scheme, "has a malformed user name", err);
	return 0;
}

static bool is_host(const char *text, size_t len)
{
	bool bracket = len > 2 && text[0] == '[' && text[len - 1] == ']';
	if (len == 0 || len >= LOCATION_HOST_MAX || text[0] == '-')
		return false;
	for (size_t i = bracket; i < len - bracket; i++) {
		char c = text[i];
		if (bracket ? !isxdigit((unsigned char)c) && c != ':' && c != '.'
		            : !isalnum((unsigned char)c) && !strchr("-._", c))
			return false;
	}
	return true;
}

/* Returns false unless it is 1 to 65535 in at most five digits. */
static bool parse_port(unsigned *port, const char *text, size_t len)
{
	unsigned value = 0;
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)text[i]) || i >= 5)
			return false;
		value = value * 10 + (unsigned)(text[i] - '0');
	}
	*port = value;
	return value > 0 && value <= 65535;
}

static int parse_host(struct location *l, const char *scheme, const char *text, size_t len,
                      struct err *err)
{
	const char *bracket = memchr(text, ']', len);
	const char *from = bracket ? bracket : text;
	const char *colon = memchr(from, ':', len - (size_t)(from - text));
	size_t host = colon ? (size_t)(colon - text) : len;
	if (!is_host(text, host))
		return wrong(scheme, "has no valid host name", err);
	memcpy(l->host, text, host);
	l->host[host] = '\0';
	if (colon && !parse_port(&l->port, colon + 1, len - host - 1))
		return wrong(scheme, "has a port that is not a number from 1 to 65535", err);
	return 0;
}

static bool is_part(const char *part, size_t len)
{
	return len > 0 && !(len == 1 && part[0] == '.') &&
	       !(len == 2 && part[0] == '.' && part[1] == '.');
}

/* Part by part, so that an encoded '/' does not make two of one. */
static bool parse_path(struct location *l, const char *text)
{
	size_t at = 0;
	while (*text == '/' && text[1] != '\0') {
		size_t len = strcspn(++text, "/");
		l->path[at++] = '/';
		char *part = l->path + at;
		if (!location_decode(part, sizeof l->path - at, text, len) || strchr(part, '/') ||
		    !is_part(part, strlen(part)) || sizeof l->path - at - strlen(part) < 3)
			return false;
		at += strlen(part);
		text += len;
	}
	l->path[at] = '\0';
	return true;
}

int location_parse(struct location *l, const char *scheme, const char *text, struct err *err)
{
	*l = (struct location){ 0 };
	size_t authority = strcspn(text, "/?#");
	const char *path = text + authority;
	const char *at = memrchr(text, '@', authority);
	if (path[strcspn(path, "?#")] != '\0') {
		wrong(scheme, "holds a '?' or '#'", err);
		return err_hint(err, "in the name of a folder write %%3F and %%23");
	}
	if (at && parse_user(l, scheme, text, (size_t)(at - text), err) != 0)
		return err->code;
	const char *host = at ? at + 1 : text;
	if (parse_host(l, scheme, host, (size_t)(path - host), err) != 0)
		return err->code;
	if (!parse_path(l, path)) {
		wrong(scheme, "has a malformed path", err);
		return err_hint(err, "its folders are names between single slashes, without '.' and '..'; a "
		                     "'%%' is written %%25");
	}
	return 0;
}

/* ---- back to a URL ---- */

static char *encode(char *to, const char *end, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		bool plain = c < 0x80 && (isalnum(c) || strchr("-._~/", (char)c));
		int n = snprintf(to, (size_t)(end - to), plain ? "%c" : "%%%02X", c);
		if (n < 0 || n >= end - to)
			break;
		to += n;
	}
	return to;
}

void location_url(const struct location *l, const char *scheme, const char *name,
                  char out[LOCATION_URL_MAX])
{
	char port[16] = "";
	if (l->port)
		snprintf(port, sizeof port, ":%u", l->port);
	int n = snprintf(out, LOCATION_URL_MAX, "%s://%s%s", scheme, l->host, port);
	char *to = encode(out + n, out + LOCATION_URL_MAX, l->path);
	if (!name)
		return;
	to = encode(to, out + LOCATION_URL_MAX, "/");
	encode(to, out + LOCATION_URL_MAX, name);
}

bool location_is_loopback(const char *host)
{
	return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
	       (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == strlen(host));
}
