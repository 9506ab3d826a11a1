/* html - text from anywhere, made harmless inside a page. Pure. */
#ifndef HTML_H
#define HTML_H

struct buf;
struct err;

/*
 * Append text so that it stands for itself as content of an element and inside a quoted attribute:
 * & < > " ' become references, what is no printable UTF-8 becomes U+FFFD. ERR_LIMIT, ERR_NOMEM.
 */
int html_text(struct buf *out, const char *text, struct err *err);

#endif
