/* nearest: see nearest.h. */
#include "daemon/base/nearest.h"

#include <stdint.h>

enum { WORD_BYTES_MAX = 64 }; /* longer ones are nobody's typing mistake */

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}

size_t nearest_distance(struct slice a, struct slice b) {
  if (a.len > WORD_BYTES_MAX || b.len > WORD_BYTES_MAX) return SIZE_MAX;
  size_t rows[3][WORD_BYTES_MAX + 1];
  size_t *before = rows[0], *last = rows[1], *row = rows[2];
  for (size_t j = 0; j <= b.len; j++) last[j] = j;
  for (size_t i = 1; i <= a.len; i++) {
    row[0] = i;
    for (size_t j = 1; j <= b.len; j++) {
      char x = lower(a.data[i - 1]), y = lower(b.data[j - 1]);
      row[j] = least(last[j - 1] + (x != y), least(last[j], row[j - 1]) + 1);
      if (i > 1 && j > 1 && x == lower(b.data[j - 2]) && y == lower(a.data[i - 2])) {
        row[j] = least(row[j], before[j - 2] + 1);
      }
    }
    size_t *oldest = before;
    before = last;
    last = row;
    row = oldest;
  }
  return last[b.len];
}

const char *nearest_word(struct slice wrong, const char *const *known, size_t n_known) {
  size_t limit = wrong.len / 3 > 1 ? wrong.len / 3 : 1;
  const char *nearest = NULL;
  for (size_t i = 0; i < n_known; i++) {
    size_t distance = nearest_distance(wrong, slice_of(known[i]));
    /* A word of one or two letters that shares none with the known one is no near miss. */
    if (distance > limit || (distance >= wrong.len && distance > 0)) continue;
    if (nearest != NULL && distance == limit) continue;
    limit = distance;
    nearest = known[i];
  }
  return nearest;
}

const char *nearest_of(struct slice wrong, const char *const *known) {
  size_t n = 0;
  while (known[n] != NULL) n++;
  return nearest_word(wrong, known, n);
}
