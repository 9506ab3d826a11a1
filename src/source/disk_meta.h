/* disk_meta - give a file on disk its recorded owner, mode, ACLs, extended attributes and time. */
#ifndef DISK_META_H
#define DISK_META_H

#include <stdbool.h>
#include <stdint.h>

struct archive_entry;
struct err;

/* The last names looked up; a tree rarely has more than two. Zeroed before the first use. */
struct disk_meta {
	struct disk_meta_name {
		char name[64];
		uint32_t id;
		bool found;
	} user, group;
};

/*
 * Apply to the file `name` in the open folder; fd is the same file if it can be opened, else -1.
 * Links are not followed. Everything is tried; the first failure is returned: ERR_DENIED, ERR_SPACE,
 * ERR_IO. Without root the owner is left, and set-id bits that would then mean another owner.
 */
int disk_meta_apply(struct disk_meta *m, int folder, const char *name, int fd,
                    struct archive_entry *e, struct err *err);

#endif
