/* names: collects file names for disk_list() and disk_glob(). */
#ifndef TIDEMARK_IO_NAMES_H
#define TIDEMARK_IO_NAMES_H

#include <stddef.h>

struct names {
  char **items; /* each owned */
  size_t n, cap;
};

void names_add(struct names *names, const char *name); /* copied */
void names_fini(struct names *names);

/* Sorts bytewise, gives all as one allocation for free(), and ends the life of names. */
void names_pack(struct names *names, char ***list, size_t *n);

#endif
