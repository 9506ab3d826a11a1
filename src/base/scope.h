/* scope - free a local when it leaves scope. The only cleanup macros in the tree. */
#ifndef SCOPE_H
#define SCOPE_H

/* AUTO(buf) b = buf_new(...): buf_free(b) runs on scope exit. Never mixed with goto. */
#define AUTO(type) __attribute__((cleanup(type##_scope_end))) struct type *
#define AUTO_FREE(type)                                                                            \
	static inline void type##_scope_end(struct type **p) { type##_free(*p); }                  \
	struct type /* swallows the semicolon */
/* Move ownership out of a local: the local becomes NULL. */
#define TAKE(p) __extension__({ __typeof__(p) taken_ = (p); (p) = 0; taken_; })

#endif
