/* A restored tree: there is no engine; what can be asked is what is there. */
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/json.h"
#include "holdfast/err.h"
#include "source/trial_none.h"

extern const struct trial_ops trial_files;

enum { OPEN_FOLDERS = 32 };

struct files_trial {
	struct trial base;
	const char *folder;      /* the options' */
};

/* nftw has no argument for its visitor; a sandbox holds one trial. */
static struct tally {
	json_int_t entries, bytes;
} tally;

static struct trial *files_start(const struct trial_options *options, struct err *err)
{
	struct files_trial *t = calloc(1, sizeof *t);
	if (!t) {
		err_no_memory(err);
		return NULL;
	}
	t->base.ops = &trial_files;
	t->folder = options->folder;
	return &t->base;
}

static void files_free(struct trial *t) { free(t); }

static int count(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)path;
	if (type == FTW_NS || type == FTW_DNR)
		return -1;
	if (at->level == 0)
		return 0;
	tally.entries++;
	if (S_ISREG(st->st_mode))
		tally.bytes += (json_int_t)st->st_size;
	return 0;
}

static int files_facts(struct trial *base, struct buf *out, struct err *err)
{
	const struct files_trial *t = (const struct files_trial *)base;
	tally = (struct tally){ 0, 0 };
	if (nftw(t->folder, count, OPEN_FOLDERS, FTW_PHYS) != 0)
		return err_sys(err, "%.200s", t->folder);
	JSON_AUTO facts = json_pack("{s:s, s:I, s:I}", "engine", "files", "entries", tally.entries,
	                            "bytes", tally.bytes);
	return facts ? json_encode(facts, out, err) : err_no_memory(err);
}

const struct trial_ops trial_files = {
	.type = "files",
	.start = files_start,
	.free = files_free,
	.load = trial_none_load,
	.structure = trial_none_structure,
	.facts = files_facts,
	.query = trial_none_query,
	.env = trial_none_env,
	.stop = trial_none_stop,
};
