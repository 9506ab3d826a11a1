/* memory - the storage driver of tests: memory://name, objects kept until the process ends. */
#ifndef MEMORY_H
#define MEMORY_H

/* Drop every object under memory://name; open handles go on and find nothing. */
void memory_forget(const char *name);

#endif
