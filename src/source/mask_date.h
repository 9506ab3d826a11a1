/* mask_date - a written date some days later: YYYY-MM-DD, perhaps with a time behind it. Pure. */
#ifndef MASK_DATE_H
#define MASK_DATE_H

#include <stdbool.h>
#include <stddef.h>

/* Move the date in place; what stands behind it stays. False, and nothing done, if it is no date of the
 * calendar, or would leave the years 1 to 9999. */
bool mask_date_move(char *text, size_t len, int days);

#endif
