/* nearest: the known word that somebody may have meant. The distance is optimal string alignment
 * (Levenshtein and swaps of neighbours: "flie" is one step from "file"), ignoring case. */
#include "config/errors.h"

enum { WORD_BYTES_MAX = 64 }; /* longer ones are nobody's typing mistake */

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}

static size_t distance(struct slice a, struct slice b) {
  size_t rows[3][WORD_BYTES_MAX + 1];
  size_t *before = rows[0], *last = rows[1], *row = rows[2];
  for (size_t j = 0; j <= b.len; j++) last[j] = j;
  for (size_t i = 1; i <= a.len; i++) {
    row[0] = i;
    for (size_t j = 1; j <= b.len; j++) {
      char x = lower(a.data[i - 1]), y = lower(b.data[j - 1]);
      row[j] = least(last[j - 1] + (x != y), least(last[j], row[j - 1]) + 1);
      if (i > 1 && j > 1 && x == lower(b.data[j - 2]) && y == lower(a.data[i - 2]))
        row[j] = least(row[j], before[j - 2] + 1);
    }
    size_t *free_row = before;
    before = last;
    last = row;
    row = free_row;
  }
  return last[b.len];
}

const char *config_nearest(struct slice word, const char *const *candidates, size_t n) {
  if (word.len == 0 || word.len > WORD_BYTES_MAX) return NULL;
  size_t best = word.len / 3 > 1 ? word.len / 3 : 1;
  const char *nearest = NULL;
  for (size_t i = 0; i < n; i++) {
    struct slice candidate = slice_of(candidates[i]);
    if (candidate.len > WORD_BYTES_MAX) continue;
    size_t d = distance(word, candidate);
    /* A word of one or two letters that shares none with the candidate is no near miss. */
    if (d >= word.len && d > 0) continue;
    if (d < best || (d == best && nearest == NULL)) {
      best = d;
      nearest = candidates[i];
    }
  }
  return nearest;
}
