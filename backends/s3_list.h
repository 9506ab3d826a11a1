/* s3_list - a bucket's objects and their versions, page by page. */
#ifndef S3_LIST_H
#define S3_LIST_H

#include "s3_xml.h"

struct err;
struct s3;

/* Return 0 to go on; anything else ends the listing and is returned by it. Strings may be taken out of
 * the page. */
typedef int s3_page_visit(void *arg, struct s3_page *page, struct err *err);

/* Whose names begin with name_prefix, in the order of their keys. ERR_* of s3_do, ERR_IO. */
int s3_list_objects(struct s3 *s, const char *name_prefix, s3_page_visit *visit, void *arg,
                    struct err *err);
/* The same of all versions, newest first for each key. */
int s3_list_versions(struct s3 *s, const char *name_prefix, s3_page_visit *visit, void *arg,
                     struct err *err);

/* Every version of one object, newest first: empty when there never was one. NULL with an error. */
struct s3_page *s3_history(struct s3 *s, const char *name, struct err *err);

/* What a key is called in the vault. NULL for keys outside it. */
const char *s3_name_of(const struct s3 *s, const char *key);

#endif
