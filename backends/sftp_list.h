/*
 * sftp_list - lines of a folder as SFTP servers give them: for humans, most like `ls -l`.
 *
 * No standard says what a line looks like (draft-ietf-secsh-filexfer-02, 7), so a line that is not
 * understood is no error: its last word is a name to ask for.
 */
#ifndef SFTP_LIST_H
#define SFTP_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum { SFTP_LIST_NAME_MAX = 256 };

enum sftp_list_kind {
	SFTP_LIST_FILE,      /* size and time hold */
	SFTP_LIST_FOLDER,
	SFTP_LIST_OTHER,     /* a link, a device, ".", a name that is not ours: of no interest */
	SFTP_LIST_UNCLEAR,   /* only the name holds */
};

struct sftp_list_entry {
	enum sftp_list_kind kind;
	char name[SFTP_LIST_NAME_MAX];
	uint64_t size_bytes;
	int64_t time_s;      /* as if the server's local time were UTC; to the minute, or the day */
	bool minutes;        /* to the minute */
};

/* Read the line at *at, of a text that ends at end, and move *at behind it. now_s tells the year of
 * lines that have none. False when there is no more. */
bool sftp_list_next(const char **at, const char *end, int64_t now_s, struct sftp_list_entry *e);

#endif
