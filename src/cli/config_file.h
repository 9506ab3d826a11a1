/* config_file - load the configuration from where it lies. */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

struct config;
struct err;

/*
 * Read `path`, and conf.d/ *.conf beside it if it is called holdfast.conf. Nobody but its owner and
 * group may be able to write a file. ERR_INVALID with file:line, ERR_ABSENT, ERR_DENIED, ERR_IO.
 */
struct config *config_file_load(const char *path, struct err *err);

#endif
