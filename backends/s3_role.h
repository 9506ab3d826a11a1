/* s3_role - keys of a role, which the machine or container that we run in hands out over HTTP. */
#ifndef S3_ROLE_H
#define S3_ROLE_H

#include <stdbool.h>
#include <stddef.h>

struct backend_options;
struct err;
struct s3_keys;

/* Does the environment name a container's source of keys? */
bool s3_role_in_container(void);
/* May this be an EC2 machine? `amazon` as in s3_auth_new. */
bool s3_role_in_machine(bool amazon);

/* options: those of the connection. ERR_UNREACHABLE, ERR_DENIED, ERR_INVALID, ERR_IO, ERR_STOPPED. */
int s3_role_of_container(struct s3_keys *keys, const struct backend_options *options,
                         struct err *err);
int s3_role_of_machine(struct s3_keys *keys, const struct backend_options *options,
                       struct err *err);

/* The JSON that both answer with. ERR_IO if there are no keys in it. */
int s3_role_parse(struct s3_keys *keys, const char *json, size_t len, struct err *err);

#endif
