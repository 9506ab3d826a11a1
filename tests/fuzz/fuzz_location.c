/*
 * fuzz_location - what is taken as a location gives a URL that fits, holds no user, and means the same
 * place when it is read again. Other bytes are read as a folder of an SFTP server.
 */
#include <stdlib.h>
#include <string.h>

#include "../../backends/location.h"
#include "../../backends/sftp_list.h"
#include "holdfast/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(const struct location *l)
{
	char url[LOCATION_URL_MAX], name[251];
	struct location again;
	struct err err;
	memset(name, '_', 250);
	name[250] = '\0';
	location_url(l, "x", name, url);
	size_t end = strlen(url);
	if (end < 250 || strcmp(url + end - 250, name) != 0 || strchr(url, '@') || strpbrk(url, "?#\" \n"))
		abort();
	location_url(l, "x", NULL, url);
	if (location_parse(&again, "x", url + strlen("x://"), &err) != 0 ||
	    strcmp(again.path, l->path) != 0 || strcmp(again.host, l->host) != 0 ||
	    again.port != l->port)
		abort();
}

static void list(const char *text, size_t len)
{
	struct sftp_list_entry e;
	const char *at = text, *end = text + len;
	while (sftp_list_next(&at, end, 1795702710, &e))
		if (at > end || strnlen(e.name, sizeof e.name) == sizeof e.name || strchr(e.name, '/') ||
		    (e.kind != SFTP_LIST_OTHER && !e.name[0]))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct location l;
	struct err err = { 0 };
	char *text = malloc(len + 1);
	if (!text)
		return 0;
	if (len > 0)
		memcpy(text, data, len);
	text[len] = '\0';
	int rc = location_parse(&l, "x", text, &err);
	if (rc == 0)
		check(&l);
	else if (rc != ERR_INVALID)
		abort();
	list(text, len);
	free(text);
	return 0;
}
