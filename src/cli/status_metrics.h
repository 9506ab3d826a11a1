/* status_metrics - how things stand, in the text format of Prometheus. */
#ifndef STATUS_METRICS_H
#define STATUS_METRICS_H

struct buf;
struct drill_status;
struct err;
struct status_view;

/* Append all metrics, each with HELP and TYPE, none without a sample. ERR_LIMIT, ERR_NOMEM. */
int status_metrics_text(const struct status_view *v, const struct drill_status *drills, struct buf *out,
                        struct err *err);

/* Replace `path` by them, atomically and readable for all, as node_exporter's textfile collector wants
 * it. ERR_IO, ERR_SPACE, ERR_DENIED. */
int status_metrics_write(const struct status_view *v, const struct drill_status *drills, const char *path,
                         struct err *err);

#endif
