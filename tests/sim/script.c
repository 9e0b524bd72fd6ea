/* script: see script.h. */
#include "tests/sim/script.h"

#include <stdio.h>

enum { WORDS_MAX = 32 };

void script_file_read(const struct script *script, const char *name, struct buf *text) {
  char *path = mem_printf("%s/%s", script->folder, name);
  FILE *file = fopen(path, "rb");
  if (file == NULL) fail_msg("cannot read %s", path);
  buf_init(text);
  char piece[4096];
  for (size_t n; (n = fread(piece, 1, sizeof piece, file)) > 0;) buf_put(text, piece, n);
  fclose(file);
  free(path);
}

/* "A:B" or "A-B". */
static void pair(const char *value, const char *mark, uint64_t *first, const char **second) {
  char *end;
  *first = strtoull(value, &end, 10);
  if (strncmp(end, mark, 1) != 0) fail_msg("\"%s\" is no pair with %s between", value, mark);
  *second = end + 1;
}

static void life_word(struct script_life *life, const char *word) {
  static const char *const unsynced[] = {"kept", "dropped", "mixed"};
  const char *value = strchr(word, '='), *second;
  if (value == NULL) fail_msg("\"%s\" of a life has no value", word);
  size_t len = (size_t)(value++ - word);
  struct slice key = {word, len};
  if (slice_is(key, "crash")) {
    life->crash = strtoull(value, NULL, 10);
  } else if (slice_is(key, "unsynced")) {
    for (size_t i = 0; i < 3; i++)
      if (strcmp(value, unsynced[i]) == 0) life->unsynced = (enum sim_unsynced)i;
  } else if (slice_is(key, "fail")) {
    life->fail = strtoull(value, NULL, 10);
  } else if (slice_is(key, "short")) {
    life->short_reads = *value == '1';
  } else if (slice_is(key, "full")) {
    pair(value, "-", &life->full_from, &second);
    life->full_to = strtoull(second, NULL, 10);
  } else if (slice_is(key, "dead")) {
    pair(value, "-", &life->dead_from, &second);
    life->dead_to = strtoull(second, NULL, 10);
  } else if (slice_is(key, "jump")) {
    pair(value, ":", &life->jump_turn, &second);
    life->jump_us = strtoll(second, NULL, 10);
  } else if (slice_is(key, "reload")) {
    assert_true(life->n_reloads < SCRIPT_RELOADS_MAX);
    struct script_reload *reload = &life->reloads[life->n_reloads++];
    pair(value, ":", &reload->turn, &second);
    reload->file = mem_strdup(second);
  } else if (slice_is(key, "cut")) {
    life->cut_per_million = (uint32_t)strtoul(value, NULL, 10);
  } else if (slice_is(key, "rot")) {
    life->rot = *value == '1';
  } else {
    fail_msg("a life knows no \"%s\"", word);
  }
}

static void file_add(const struct script *script, struct script_file *files, size_t *n,
                     char **words) {
  assert_true(*n < SCRIPT_FILES_MAX);
  struct script_file *file = &files[(*n)++];
  file->path = mem_strdup(words[1]);
  script_file_read(script, words[2], &file->text);
}

static void line_read(struct script *script, char *line) {
  char *words[WORDS_MAX + 1] = {NULL}, *rest = line;
  size_t n = 0;
  for (char *word; n < WORDS_MAX && (word = strtok_r(rest, " \n", &rest)) != NULL;)
    words[n++] = word;
  if (n == 0) return;
  const char *what = words[0];
  if (n == 3 && strcmp(what, "put") == 0) {
    file_add(script, script->puts, &script->n_puts, words);
  } else if (n == 3 && strcmp(what, "tail") == 0) {
    file_add(script, script->tails, &script->n_tails, words);
  } else if (n == 2 && strcmp(what, "stdin") == 0) {
    script_file_read(script, words[1], &script->standard_input);
    script->has_stdin = true;
  } else if (n == 3 && strcmp(what, "push") == 0) {
    script_file_read(script, words[1], &script->requests);
    script->n_addresses = strtoul(words[2], NULL, 10);
    script->has_push = true;
  } else if (n == 2 && strcmp(what, "seed") == 0) {
    script->seed = strtoull(words[1], NULL, 10);
  } else if (n == 2 && strcmp(what, "refuse") == 0) {
    script->refuse = strtoull(words[1], NULL, 10);
  } else if (n == 2 && strcmp(what, "trouble") == 0) {
    script->trouble = strtoull(words[1], NULL, 10);
  } else if (n == 2 && strcmp(what, "quiet") == 0) {
    script->quiet_us = strtoll(words[1], NULL, 10);
  } else if (strcmp(what, "life") == 0) {
    assert_true(script->n_lives < SCRIPT_LIVES_MAX);
    struct script_life *life = &script->lives[script->n_lives++];
    for (size_t i = 1; i < n; i++) life_word(life, words[i]);
  } else {
    fail_msg("the script's line \"%s\" with %zu words is not known", what, n);
  }
}

void script_read(struct script *script, const char *folder) {
  *script = (struct script){.folder = folder, .quiet_us = 5000000};
  struct buf text;
  script_file_read(script, "script", &text);
  char *rest = (char *)(uintptr_t)buf_cstr(&text);
  for (char *line; (line = strtok_r(rest, "\n", &rest)) != NULL;) line_read(script, line);
  buf_fini(&text);
}

static void files_fini(struct script_file *files, size_t n) {
  for (size_t i = 0; i < n; i++) {
    free(files[i].path);
    buf_fini(&files[i].text);
  }
}

void script_fini(struct script *script) {
  files_fini(script->puts, script->n_puts);
  files_fini(script->tails, script->n_tails);
  for (size_t i = 0; i < script->n_lives; i++)
    for (size_t k = 0; k < script->lives[i].n_reloads; k++) free(script->lives[i].reloads[k].file);
  buf_fini(&script->standard_input);
  buf_fini(&script->requests);
}
