#include "source/trial_dump.h"

#include <stdio.h>
#include <sys/stat.h>

#include "holdfast/err.h"

int trial_dump_path(const struct trial_options *o, char path[PATH_MAX], struct err *err)
{
	if (o->file && snprintf(path, PATH_MAX, "%s/%s", o->folder, o->file) < PATH_MAX)
		return 0;
	return err_set(err, ERR_INVALID, "there is no one file that is the dump");
}

int trial_dump_bytes(const char *path, long long *bytes, struct err *err)
{
	struct stat st;
	if (stat(path, &st) != 0)
		return err_sys(err, "%.200s", path);
	*bytes = st.st_size;
	return 0;
}

int trial_dump_told(int rc, trial_found *found, void *arg, struct err *err)
{
	static const char check[] = "load", expected[] = "every statement succeeds";
	char why[sizeof err->msg];
	if (rc == 0)
		return found(arg, check, TRIAL_PASSED, expected, "all succeeded", err);
	if (rc != ERR_SOURCE)
		return err_wrap(err, check);
	snprintf(why, sizeof why, "%s", err->msg);
	return found(arg, check, TRIAL_FAILED, expected, why, err);
}
