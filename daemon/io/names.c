/* names: see names.h. The packed list is the array of pointers followed by the text. */
#include "daemon/io/names.h"

#include "daemon/base/mem.h"

#include <stdlib.h>
#include <string.h>

void names_add(struct names *names, const char *name) {
  array_grow((void **)&names->items, &names->cap, names->n, sizeof *names->items);
  names->items[names->n++] = mem_strdup(name);
}

void names_fini(struct names *names) {
  for (size_t i = 0; i < names->n; i++) free(names->items[i]);
  free(names->items);
  *names = (struct names){0};
}

static int compare(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

void names_pack(struct names *names, char ***list, size_t *n) {
  if (names->n > 0) qsort(names->items, names->n, sizeof *names->items, compare);
  size_t bytes = (names->n + 1) * sizeof(char *);
  for (size_t i = 0; i < names->n; i++) bytes += strlen(names->items[i]) + 1;
  char **packed = mem_alloc(bytes);
  char *text = (char *)(packed + names->n + 1);
  for (size_t i = 0; i < names->n; i++) {
    size_t len = strlen(names->items[i]) + 1;
    memcpy(text, names->items[i], len);
    packed[i] = text;
    text += len;
  }
  packed[names->n] = NULL;
  *list = packed;
  *n = names->n;
  names_fini(names);
}
