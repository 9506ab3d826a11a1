/* evidence_folder - the files of a drill's evidence: which there are, in memory and on disk. */
#ifndef EVIDENCE_FOLDER_H
#define EVIDENCE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"

struct buf;
struct err;
struct report;

enum evidence_file {
	FILE_ENTRY, FILE_PROOF, FILE_CHECKPOINT, FILE_TIMESTAMP,
	FILE_REPORT, FILE_REPORT_SIGNATURE, FILE_DETAIL,
	FILE_APPROVAL, FILE_SIGNERS, FILE_TSA_CA,
	FILE_REPORT_KEY, FILE_LOG_KEY, FILE_LOG_VKEY,
	FILE_SCRIPT, FILE_SUMS, FILE_SUMS_SIGNATURE,
	EVIDENCE_FILES
};

struct evidence_folder {
	struct buf *files[EVIDENCE_FILES];   /* NULL: not there */
	char stranger[64];                   /* the name of something else that lies there, or "" */
};

const char *evidence_file_name(enum evidence_file f);
/* Must be in every folder of evidence. */
bool evidence_file_needed(enum evidence_file f);

struct evidence_folder *evidence_folder_new(struct err *err);
void evidence_folder_free(struct evidence_folder *f);
AUTO_FREE(evidence_folder);

/* An empty file to be filled; it never grows beyond what such a file may have. NULL: ERR_NOMEM. */
struct buf *evidence_folder_add(struct evidence_folder *f, enum evidence_file file, struct err *err);

/* All files that are there. A known name that is no plain file, or too long, is a stranger. ERR_ABSENT,
 * ERR_DENIED, ERR_IO, ERR_NOMEM. */
struct evidence_folder *evidence_folder_read(const char *dir, struct err *err);

/* Make the folder, which must not exist or be empty, with all files, mode 0644, synced: whole or not at
 * all. What a killed attempt leaves lies beside it (tree_partial). ERR_EXISTS, ERR_IO, ERR_SPACE,
 * ERR_DENIED. */
int evidence_folder_write(const struct evidence_folder *f, const char *dir, struct err *err);

/* The line of SHA256SUMS for a file; false if it is not there, or not listed. */
enum { EVIDENCE_LINE_MAX = 64 + 2 + 32 };
bool evidence_folder_line(const struct evidence_folder *f, enum evidence_file file,
                          char out[EVIDENCE_LINE_MAX]);

/* Append what SHA256SUMS must say of the files that are there: all but itself and its signature. */
int evidence_folder_sums(const struct evidence_folder *f, struct buf *out, struct err *err);

/* Append VERIFY.txt for this drill; NULL: for a folder of keys. */
int evidence_script(const struct report *r, struct buf *out, struct err *err);

#endif
