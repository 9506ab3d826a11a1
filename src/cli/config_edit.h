/* config_edit - add sections to a configuration file, never leaving one that cannot be read. */
#ifndef CONFIG_EDIT_H
#define CONFIG_EDIT_H

struct err;

/* Append a section's text. The result is parsed before it replaces the file; the file's mode stays,
 * a new file gets 0600. ERR_INVALID, ERR_DENIED, ERR_SPACE, ERR_IO. */
int config_edit_append(const char *path, const char *section, struct err *err);

/* May this value stand there? */
int config_edit_check(const char *key, const char *value, struct err *err);

#endif
