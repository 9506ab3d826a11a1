/* sftp_look - what is there under a name, and whether the vault's top folder is there at all. */
#ifndef SFTP_LOOK_H
#define SFTP_LOOK_H

#include "sftp_call.h"

enum { SFTP_NOT_THERE, SFTP_THERE };

/* These three give SFTP_NOT_THERE, SFTP_THERE, or an error of sftp_run or sftp_refused. */

/* folder: "" for the top, else ends with '/'. */
int sftp_look_for_folder(struct sftp *s, const char *folder, struct err *err);
int sftp_leaf_is_folder(struct sftp *s, const char *folder, const char *leaf, struct err *err);

/* Size and exact time of a file; the rest of *o stays. A folder under that name is not there. */
int sftp_stat_leaf(struct sftp *s, const char *folder, const char *mark, const char *leaf,
                   struct backend_object *o, struct err *err);

/* 0, or ERR_UNREACHABLE if the top folder was there before and is gone; other errors as above. */
int sftp_check_top(struct sftp *s, struct err *err);

/* ERR_ABSENT, unless it is the whole vault that is gone. */
int sftp_absent(struct sftp *s, struct err *err);

#endif
