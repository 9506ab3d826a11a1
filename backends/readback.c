#include "readback.h"

#include <stdlib.h>
#include <string.h>

#include "holdfast/err.h"

enum { PIECE = 1 << 20 };

/* 1, 0, or an error. The object is known to be as long. */
static int compare(struct backend *b, const struct backend_put *put, uint8_t *piece, struct err *err)
{
	const uint8_t *data = put->data;
	for (size_t at = 0, got; at < put->len; at += got) {
		size_t want = put->len - at < PIECE ? put->len - at : PIECE;
		if (b->ops->get(b, put->name, at, piece, want, &got, err) != 0)
			return err->code;
		if (got == 0 || got > want || memcmp(piece, data + at, got) != 0)
			return 0;
	}
	return 1;
}

static int matches(struct backend *b, const struct backend_put *put, struct backend_object *there,
                   struct err *err)
{
	if (b->ops->stat(b, put->name, there, err) != 0)
		return err->code;
	if (there->size_bytes != put->len)
		return 0;
	uint8_t *piece = malloc(PIECE);
	int rc = piece ? compare(b, put, piece, err) : err_no_memory(err);
	free(piece);
	return rc;
}

int readback_matches(struct backend *b, const struct backend_put *put, char tag[BACKEND_TAG_MAX],
                     struct err *err)
{
	struct backend_object there;
	int rc = matches(b, put, &there, err);
	if (rc == 1 && tag)
		memcpy(tag, there.tag, BACKEND_TAG_MAX);
	return rc == ERR_ABSENT ? 0 : rc;
}

int readback_taken(struct backend *b, const struct backend_put *put, bool unheard,
                   char tag[BACKEND_TAG_MAX], struct err *err)
{
	int same = unheard ? readback_matches(b, put, tag, err) : 0;
	if (same < 0)
		return same;
	return same ? 0 : readback_exists(err);
}

int readback_exists(struct err *err)
{
	return err_set(err, ERR_EXISTS, "is in the vault already");
}
