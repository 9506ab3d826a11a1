#include "readback.h"

#include <stdlib.h>
#include <string.h>

#include "holdfast/backend.h"
#include "holdfast/err.h"

int readback_matches(struct backend *b, const struct backend_put *put, struct err *err)
{
	/* one more, to see that it does not go on */
	size_t cap = put->len + 1, got = 0;
	void *bytes = malloc(cap);
	if (!bytes)
		return err_set(err, ERR_NOMEM, "out of memory");
	int rc = b->ops->get(b, put->name, 0, bytes, cap, &got, err);
	if (rc == 0)
		rc = got == put->len && (got == 0 || memcmp(bytes, put->data, got) == 0);
	else if (rc == ERR_ABSENT)
		rc = 0;
	free(bytes);
	return rc;
}
