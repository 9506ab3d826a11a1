/* sink_fd - every file's bytes, one after the other, to a descriptor. */
#include <stdlib.h>

#include "base/io.h"
#include "holdfast/err.h"
#include "holdfast/source.h"

struct fd_sink {
	struct sink sink;
	int fd;
};

static int fd_entry(struct sink *k, const struct source_entry *entry, struct err *err)
{
	(void)k, (void)entry, (void)err;
	return 0;
}

static int fd_data(struct sink *k, const void *data, size_t len, struct err *err)
{
	if (io_write(((struct fd_sink *)k)->fd, data, len, err) != 0)
		return err_wrap(err, "output");
	return 0;
}

static int fd_close(struct sink *k, struct err *err)
{
	(void)k, (void)err;
	return 0;
}

static void fd_free(struct sink *k) { free(k); }

static const struct sink_ops fd_ops = {
	.entry = fd_entry,
	.data = fd_data,
	.close = fd_close,
	.free = fd_free,
};

struct sink *sink_to_fd(int fd, struct err *err)
{
	struct fd_sink *k = malloc(sizeof *k);
	if (!k) {
		err_no_memory(err);
		return NULL;
	}
	*k = (struct fd_sink){ { &fd_ops }, fd };
	return &k->sink;
}
