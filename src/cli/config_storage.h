/* config_storage - what a [vault] section says of the way to its storage. */
#ifndef CONFIG_STORAGE_H
#define CONFIG_STORAGE_H

struct backend_options;
struct config;
struct config_section;

/* Sets all but location, stop and as_of_s, which the section does not say; s NULL: all absent.
 * Strings stay the section's. */
void config_backend_options(const struct config *c, const struct config_section *s,
                            struct backend_options *out);

#endif
