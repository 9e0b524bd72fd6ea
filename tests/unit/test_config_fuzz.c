/* Mutated configurations: whatever the bytes, config_load() ends with a verdict, every error has a
 * place within its file, a secret is not shown, and nothing crashes (run it with the sanitizers).
 *
 *     test_config_fuzz [ROUNDS [SEED]]
 *
 * The seed is fixed unless given, so that a failure can be had again. */
#include "tests/unit/config_support.h"

#include "config/place.h"
#include "daemon/base/mem.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const seeds[] = {
    "pipeline: billing\ndelivery: exactly_once\nstate: {dir: /srv}\nlog: {sync: always}\n"
    "sources:\n  in: &in\n    type: file\n    path: \"${V:-x}\"\n    tags: [a, 'b', \"c\\n\"]\n"
    "    password: ${file:/s}\n    headers: {a: b}\n  im: {<<: *in, path: y}\n"
    "transforms:\n  f: {type: filter, input: in, where: x > 1}\n  w:\n    type: window\n"
    "    input: [f, im]\n    window: {tumbling: 1m}\n    group_by: [a, b]\n"
    "    aggregate: {n: count(*)}\n    emit: {on_close: on, every: 10s}\n"
    "  r: {type: route, input: w.late, where: xyz}\n"
    "sinks:\n  out: {type: file, input: [w, r.x, r.y, in.errors], path: p, rotate: 1MiB}\n",
    "a: &a [x, &b [y, *a]]\nb: [*b, *b, *b]\nc: {<<: [*b], ? k : v}\n--- \n...\n",
    "sources:\n  \xc3\xa9: |\n    text ${V}\n\n      more $${V}\n  b: >-\n    folded\n    ${W}\n"
    "tests: [{a: [b: c]}, !!str d, ~]\nworkers: ${file:/s}\n# end\n",
    "sinks: {a: {type: flie, input: [b.c, d, a], level: 99, share: 1e9, mode: raed}}\r\n"
    "transforms: {b: {type: join, input: c}, c: {type: join, input: [b, b]}}\r\n",
};

/* What makes YAML and substitution take another turn. */
static const char *const tokens[] = {"${",
                                     "}",
                                     "$${",
                                     "${V}",
                                     "${V:-",
                                     "${file:/s}",
                                     "&a ",
                                     "*a",
                                     "<<: *in",
                                     "- ",
                                     ": ",
                                     "? ",
                                     "{",
                                     "[",
                                     "]",
                                     ", ",
                                     "\"",
                                     "'",
                                     "|\n",
                                     ">-\n",
                                     "\n",
                                     "\r\n",
                                     "\t",
                                     "#",
                                     "!",
                                     "!!",
                                     "---\n",
                                     "...\n",
                                     "%",
                                     "\\",
                                     "\xff",
                                     "\xc2\x85",
                                     "\xe2\x80\xa8",
                                     "\xef\xbb\xbf",
                                     "type: ",
                                     "input: ",
                                     "null",
                                     "99999999999999999999",
                                     "-1",
                                     "in",
                                     "\n  ",
                                     "\n      "};

static uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

static void splice(struct buf *text, size_t at, size_t cut, const char *with, size_t len) {
  buf_reserve(text, len);
  memmove(text->data + at + len, text->data + at + cut, text->len - at - cut);
  memcpy(text->data + at, with, len);
  text->len += len - cut;
}

static void mutate(struct buf *text, uint64_t *random) {
  for (uint64_t n = 1 + next_random(random) % 4; n > 0; n--) {
    size_t at = next_random(random) % (text->len + 1);
    size_t left = text->len - at, some = left > 0 ? 1 + next_random(random) % left : 0;
    const char *token = tokens[next_random(random) % (sizeof tokens / sizeof *tokens)];
    char byte = (char)next_random(random);
    switch (next_random(random) % 5) {
    case 0: splice(text, at, 0, token, strlen(token)); break;
    case 1: splice(text, at, left > 0 ? 1 : 0, &byte, 1); break;
    case 2: splice(text, at, some < 12 ? some : some % 12, "", 0); break;
    case 3: splice(text, at, some < 4 ? some : some % 4, token, strlen(token)); break;
    default: { /* a piece of the text once more, somewhere else */
      size_t len = some < 60 ? some : some % 60;
      char *piece = mem_strndup(text->data + at, len);
      splice(text, next_random(random) % (text->len + 1), 0, piece, len);
      free(piece);
    }
    }
  }
}

/* The place of each byte of each value: in the file, and where the same character stands unless it
 * was folded, escaped or put in. */
static const char *check_places(const struct node *node, struct slice yaml) {
  const char *reason = NULL;
  for (size_t i = 0; node->kind == NODE_SCALAR && i < node->text.len && reason == NULL; i++) {
    if (((unsigned char)node->text.data[i] & 0xc0) == 0x80) continue;
    struct place place = node_place_at(node, i, 1);
    struct place_cursor cursor;
    place_cursor_init(&cursor, yaml);
    size_t at = place_cursor_go(&cursor, place.line, place.column);
    if (cursor.line != place.line || cursor.column != place.column) reason = "a place outside";
    if (node->exact && (at >= yaml.len || yaml.data[at] != node->text.data[i]))
      reason = "a place that is not exact";
  }
  for (size_t i = 0; i < node->n_items && reason == NULL; i++)
    reason = check_places(node->items[i], yaml);
  return reason;
}

/* A reason to fail, or NULL. */
static const char *check(struct slice yaml) {
  struct world world;
  world_init(&world);
  world_set(&world, "V", "value");
  world_put(&world, "/s", "hunter2\n", 8);
  world_put(&world, "t.yaml", yaml.data, yaml.len);
  struct config *config = config_load("t.yaml", &fake_catalog, &world.source);
  const char *reason = NULL;
  size_t n_lines = 1;
  for (size_t i = 0; i < yaml.len; i++)
    n_lines += yaml.data[i] == '\n' || yaml.data[i] == '\r' || yaml.data[i] == '\x85' ||
               yaml.data[i] == '\xa8' || yaml.data[i] == '\xa9';
  for (size_t i = 0; i < config->errors.n; i++) {
    const struct place *place = &config->errors.list[i].place;
    if (place->file == NULL) reason = "an error without a file";
    if (place->line > n_lines || place->column > yaml.len + 1) reason = "a place outside the file";
  }
  for (size_t p = 0; p < config->n_pipelines && reason == NULL; p++)
    reason = check_places(config->pipelines[p]->node, yaml);
  for (size_t p = 0; p < config->n_pipelines; p++)
    for (size_t i = 0; i < config->pipelines[p]->n_components; i++) {
      const struct component *component = &config->pipelines[p]->components[i];
      if (component->instance == NULL || component->type == NULL) reason = "half a component";
      if (component->kind != COMPONENT_SOURCE && component->n_inputs == 0) reason = "no input";
      for (size_t k = 0; k < component->n_inputs; k++)
        if (component->inputs[k].index >= i) reason = "components out of order";
    }
  struct buf text = {0};
  config_errors_put(&config->errors, &text);
  if (strstr(buf_cstr(&text), "hunter2") != NULL) reason = "a secret is shown";
  buf_fini(&text);
  config_free(config);
  world_fini(&world);
  return reason;
}

int main(int argc, char **argv) {
  unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 4000;
  uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 20261121;
  uint64_t random = seed * 2 + 1;
  size_t n_seeds = sizeof seeds / sizeof *seeds;
  for (unsigned long round = 0; round < rounds; round++) {
    struct buf text = {0};
    buf_put_text(&text, seeds[round % n_seeds]);
    if (round >= n_seeds) mutate(&text, &random);
    const char *reason = check(buf_slice(&text));
    if (reason != NULL) {
      fprintf(stderr, "seed %llu, round %lu: %s:\n", (unsigned long long)seed, round, reason);
      fwrite(text.data, 1, text.len, stderr);
    }
    buf_fini(&text);
    if (reason != NULL) return 1;
  }
  return 0;
}
