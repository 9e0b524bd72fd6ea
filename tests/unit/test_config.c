/* Unit tests of config/: what golden files cannot show (values, order, limits, bytes). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/reference.h"
#include "config/value.h"
#include "daemon/base/limits.h"
#include "daemon/base/mem.h"
#include "daemon/base/nearest.h"
#include "tests/unit/config_support.h"

static struct config *load(struct world *world, const char *text, size_t len) {
  world_put(world, "t.yaml", text, len);
  return config_load("t.yaml", &fake_catalog, &world->source);
}

/* All errors of a text as one string; free(). */
static char *errors_of_bytes(const char *data, size_t len) {
  struct world world;
  world_init(&world);
  world_put(&world, "/run/secrets/password", "hunter2\r\n", 9);
  struct config *config = load(&world, data, len);
  struct buf text = {0};
  config_errors_put(&config->errors, &text);
  buf_cstr(&text);
  config_free(config);
  world_fini(&world);
  return text.data;
}

static void expect_errors(const char *yaml, const char *expected) {
  char *text = errors_of_bytes(yaml, strlen(yaml));
  assert_string_equal(text, expected);
  free(text);
}

static void expect_error_within(const char *data, size_t len, const char *expected) {
  char *text = errors_of_bytes(data, len);
  if (strstr(text, expected) == NULL) fail_msg("no \"%s\" in:\n%s", expected, text);
  free(text);
}

/* ------------------------------------------------------------------ values */

static void integers(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int result;
    int64_t value;
  } cases[] = {
      {"0", 0, 0},
      {"010", 0, 10},
      {"+7", 0, 7},
      {"-7", 0, -7},
      {"9223372036854775807", 0, INT64_MAX},
      {"-9223372036854775808", 0, INT64_MIN},
      {"9223372036854775808", 1, 0},
      {"-9223372036854775809", 1, 0},
      {"", -1, 0},
      {"-", -1, 0},
      {"1_000", -1, 0},
      {"0x10", -1, 0},
      {"1e3", -1, 0},
      {" 1", -1, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int64_t value = 0;
    assert_int_equal(value_parse_int(slice_of(cases[i].text), &value), cases[i].result);
    assert_int_equal(value, cases[i].value);
  }
}

static void doubles(void **state) {
  (void)state;
  static const struct {
    const char *text;
    double value;
  } good[] = {{"1", 1}, {"-0.5", -0.5}, {".5", .5}, {"5.", 5}, {"1e3", 1000}, {"+2.5E-1", 0.25}};
  static const char *const bad[] = {"",    ".",     "e1",    "1e",    "1e+", "inf",
                                    "NaN", "0x1p2", "1.2.3", "1e999", "1,5"};
  double value;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    assert_int_equal(value_parse_double(slice_of(good[i].text), &value), 0);
    assert_true(value == good[i].value);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_int_equal(value_parse_double(slice_of(bad[i]), &value), -1);
}

static void sizes(void **state) {
  (void)state;
  static const struct {
    const char *text, *shown; /* shown NULL: as text */
    uint64_t bytes;
  } good[] = {
      {"0", NULL, 0},
      {"4095", NULL, 4095},
      {"4096", "4KiB", 4096},
      {"100B", "100", 100},
      {"1KB", "1000", 1000},
      {"1kB", "1000", 1000},
      {"2MB", "2000000", 2000000},
      {"3GB", "3000000000", 3000000000u},
      {"4KiB", NULL, 4096},
      {"4K", "4KiB", 4096},
      {"64MiB", NULL, 67108864},
      {"64M", "64MiB", 67108864},
      {"1GiB", NULL, 1073741824},
      {"1 G", "1GiB", 1073741824},
      {"1TiB", "1024GiB", 1099511627776},
      {"1.5KiB", "1536", 1536},
      {"18446744073709551615", NULL, UINT64_MAX},
  };
  static const char *const bad[] = {"",
                                    "-1",
                                    "1 ",
                                    "MiB",
                                    "1Kib",
                                    "1.1KiB",
                                    "1.KB",
                                    "1KBx",
                                    "1  K",
                                    "0x1",
                                    "1e3",
                                    "18446744073709551616",
                                    "99999999999GiB"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    uint64_t bytes = 1;
    struct buf shown = {0};
    assert_int_equal(option_parse_size(slice_of(good[i].text), &bytes), 0);
    assert_true(bytes == good[i].bytes);
    option_put_size(&shown, bytes);
    assert_string_equal(buf_cstr(&shown), good[i].shown != NULL ? good[i].shown : good[i].text);
    buf_fini(&shown);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    uint64_t bytes;
    assert_int_equal(option_parse_size(slice_of(bad[i]), &bytes), -1);
  }
}

static void nearest_words(void **state) {
  (void)state;
  static const char *const words[] = {"file", "filter", "window", "group_by", "input"};
  static const struct {
    const char *word, *nearest;
  } cases[] = {
      {"flie", "file"},     {"File", "file"},   {"WINDOW", "window"},
      {"inputs", "input"},  {"imput", "input"}, {"grup_y", "group_by"},
      {"fliter", "filter"}, {"f", NULL},        {"quantum", NULL},
      {"", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *nearest = nearest_word(slice_of(cases[i].word), words, 5);
    if (cases[i].nearest == NULL) {
      assert_null(nearest);
    } else {
      assert_string_equal(nearest, cases[i].nearest);
    }
  }
}

/* ------------------------------------------------------------------ what is read */

static const char billing[] = "pipeline: billing.v2\n"
                              "workers: 010\n"
                              "epoch: {bytes: 1K, age: 0}\n"
                              "sources:\n"
                              "  in:\n"
                              "    type: file\n"
                              "    path: no\n"
                              "    password: ${file:/run/secrets/password}\n"
                              "    tags: [yes, 007, 1.50, ~x, 'null']\n"
                              "    headers: {a: 1, b: on}\n"
                              "    event_time: ts\n"
                              "sinks:\n"
                              "  out: {type: file, input: [a, w.late], path: '~', level: 5}\n"
                              "transforms:\n"
                              "  a: {type: filter, input: w, where: 1}\n"
                              "  w:\n"
                              "    type: window\n"
                              "    input: in\n"
                              "    window: {tumbling: 1h30m}\n"
                              "    group_by: user\n"
                              "    aggregate: {n: count(*), Total: sum(x)}\n";

static const struct component *component_get(const struct pipeline *pipeline, const char *name) {
  for (size_t i = 0; i < pipeline->n_components; i++)
    if (strcmp(pipeline->components[i].name, name) == 0) return &pipeline->components[i];
  fail_msg("no component %s", name);
  return NULL;
}

static void values_and_defaults(void **state) {
  (void)state;
  struct world world;
  world_init(&world);
  world_set(&world, "STATE_DIRECTORY", "/srv/one:/srv/two");
  world_put(&world, "/run/secrets/password", "hunter2\r\n", 9);
  struct config *config = load(&world, billing, sizeof billing - 1);
  assert_int_equal(config->errors.n, 0);
  assert_int_equal(config->n_pipelines, 1);
  const struct pipeline *pipeline = config->pipelines[0];
  const struct pipeline_settings *settings = &pipeline->settings;
  assert_string_equal(settings->name, "billing.v2");
  assert_string_equal(settings->state_dir, "/srv/one/billing.v2");
  assert_int_equal(settings->delivery, DELIVERY_EXACTLY_ONCE);
  assert_int_equal(settings->log_sync, 0);
  assert_int_equal(settings->log_sync_interval_us, 5000);
  assert_int_equal(settings->log_segment_bytes, 16 << 20);
  assert_int_equal(settings->checkpoint_interval_us, 10000000);
  assert_int_equal(settings->epoch_bytes, 1024);
  assert_int_equal(settings->epoch_records, 0);
  assert_int_equal(settings->epoch_age_us, 0);
  assert_int_equal(settings->workers, 10);
  assert_int_equal(settings->shards, 64);
  assert_int_equal(settings->memory_max_bytes, 1 << 30);
  assert_int_equal(settings->queue_bytes, 64 << 20);
  assert_int_equal(settings->drain_timeout_us, 60000000);

  const struct fake_file *in = component_get(pipeline, "in")->instance;
  assert_string_equal(in->path, "no");
  assert_string_equal(in->password, "hunter2");
  assert_int_equal(in->mode, 1);
  assert_int_equal(in->rotate_bytes, 64 << 20);
  assert_int_equal(in->level, -1);
  assert_true(in->share == 0.5);
  assert_int_equal(in->tags.n, 5);
  static const char *const tags[] = {"yes", "007", "1.50", "~x", "null"};
  for (size_t i = 0; i < 5; i++) assert_string_equal(in->tags.items[i], tags[i]);
  assert_int_equal(in->headers.n, 2);
  assert_string_equal(in->headers.names[1], "b");
  assert_string_equal(in->headers.items[1], "on");
  assert_null(in->extra);
  const struct fake_common *common = component_get(pipeline, "in")->common;
  assert_string_equal(common->codec, "json");
  assert_true(slice_is(common->event_time.text, "ts"));
  assert_int_equal(common->max_lateness_us, 0);

  const struct fake_window *w = component_get(pipeline, "w")->instance;
  assert_int_equal(w->tumbling_us, INT64_C(5400000000));
  assert_int_equal(w->every_us, -1); /* absent without a default */
  assert_true(w->on_close);
  assert_int_equal(w->group_by.n, 1);
  assert_int_equal(w->aggregate.n, 2);
  assert_true(slice_is(w->aggregate.items[1].name, "Total"));
  assert_int_equal(w->aggregate.items[1].name_place.line, 21);
  assert_int_equal(w->aggregate.items[1].name_place.column, 30);
  const struct fake_filter *a = component_get(pipeline, "a")->instance;
  assert_true(slice_is(a->where.text, "1"));
  assert_string_equal(((const struct fake_file *)component_get(pipeline, "out")->instance)->path,
                      "~");
  config_free(config);
  world_fini(&world);
}

static void inputs_come_before_their_readers(void **state) {
  (void)state;
  struct world world;
  world_init(&world);
  world_put(&world, "/run/secrets/password", "x", 1);
  struct config *config = load(&world, billing, sizeof billing - 1);
  const struct pipeline *pipeline = config->pipelines[0];
  static const char *const order[] = {"in", "w", "a", "out"};
  assert_int_equal(pipeline->n_components, 4);
  for (size_t i = 0; i < 4; i++) assert_string_equal(pipeline->components[i].name, order[i]);
  const struct component *out = &pipeline->components[3];
  assert_int_equal(out->n_inputs, 2);
  assert_int_equal(out->inputs[0].index, 2);
  assert_int_equal(out->inputs[0].port.len, 0);
  assert_int_equal(out->inputs[1].index, 1);
  assert_true(slice_is(out->inputs[1].port, "late"));
  assert_int_equal(pipeline->components[1].inputs[0].index, 0);
  config_free(config);
  world_fini(&world);
}

static void only_whole_components_are_left(void **state) {
  (void)state;
  static const char yaml[] = "sources: {in: {type: stdin}, bad: {type: file, level: x}}\n"
                             "transforms:\n"
                             "  a: {type: filter, input: b, where: x}\n"
                             "  b: {type: filter, input: a, where: x}\n"
                             "  c: {type: filter, input: bad, where: x}\n"
                             "  d: {type: join, input: in}\n"
                             "  e: {type: filter, input: in.late, where: x}\n"
                             "  f: {type: filter, input: g, where: x}\n"
                             "  g: {type: filter, input: in, where: x}\n"
                             "  h: {type: nothing, input: g}\n"
                             "  i: {type: filter, where: x}\n"
                             "sinks:\n"
                             "  out: {type: file, input: [f, g], path: p}\n"
                             "  lost: {type: file, input: [f, c], path: p}\n";
  struct world world;
  world_init(&world);
  struct config *config = load(&world, yaml, sizeof yaml - 1);
  const struct pipeline *pipeline = config->pipelines[0];
  static const char *const order[] = {"in", "g", "f", "out"};
  assert_true(config_errors_any(&config->errors));
  assert_int_equal(pipeline->n_components, 4);
  for (size_t i = 0; i < 4; i++) assert_string_equal(pipeline->components[i].name, order[i]);
  assert_int_equal(pipeline->components[3].inputs[0].index, 2);
  assert_int_equal(pipeline->components[3].inputs[1].index, 1);
  config_free(config);
  world_fini(&world);
}

static void default_state_folder_and_name(void **state) {
  (void)state;
  static const char yaml[] = "sources: {in: {type: stdin}}\n"
                             "sinks: {out: {type: file, input: in, path: p}}\n";
  struct world world;
  world_init(&world);
  world_put(&world, "/etc/a-b.yml", yaml, sizeof yaml - 1);
  struct config *config = config_load("/etc/a-b.yml", &fake_catalog, &world.source);
  assert_int_equal(config->errors.n, 0);
  assert_string_equal(config->pipelines[0]->settings.name, "a-b");
  assert_string_equal(config->pipelines[0]->settings.state_dir, "/var/lib/tidemark/a-b");
  config_free(config);
  world_fini(&world);
}

static uint64_t id_of(const char *yaml, const char *variable, const char *secret) {
  struct world world;
  world_init(&world);
  world_set(&world, "V", variable);
  world_put(&world, "/run/secrets/password", secret, strlen(secret));
  struct config *config = load(&world, yaml, strlen(yaml));
  assert_false(config_errors_any(&config->errors));
  uint64_t id = config->pipelines[0]->id;
  config_free(config);
  world_fini(&world);
  return id;
}

static void id_of_what_was_read(void **state) {
  (void)state;
  static const char yaml[] =
      "sources: {in: {type: file, path: \"${V}\", password: \"${file:/run/secrets/password}\"}}\n"
      "sinks: {out: {type: file, input: in, path: p}}\n";
  uint64_t id = id_of(yaml, "a", "one");
  assert_true(id == id_of(yaml, "a", "one"));
  assert_true(id == id_of(yaml, "a", "two"));
  assert_true(id != id_of(yaml, "b", "one"));
}

/* ------------------------------------------------------------------ nodes */

struct parsed {
  struct world world;
  struct arena arena;
  struct config_errors errors;
  struct config_file file;
  struct node *root;
};

static void parse(struct parsed *p, const char *yaml) {
  *p = (struct parsed){.file = {.path = "t.yaml", .text = slice_of(yaml)}};
  world_init(&p->world);
  world_set(&p->world, "NULL", "~");
  world_set(&p->world, "EMPTY", "");
  world_set(&p->world, "STRUCTURE", "{a: [b]}\nc: d");
  arena_init(&p->arena, 4096);
  p->root = node_parse(&p->arena, &p->file, &p->world.source, &p->errors);
}

static void parsed_fini(struct parsed *p) {
  config_errors_fini(&p->errors);
  arena_fini(&p->arena);
  world_fini(&p->world);
}

static void expect_place(const struct node *node, const char *word, uint32_t line,
                         uint32_t column) {
  const char *at = memmem(node->text.data, node->text.len, word, strlen(word));
  assert_non_null(at);
  struct place place = node_place_at(node, (size_t)(at - node->text.data), strlen(word));
  assert_int_equal(place.line, line);
  assert_int_equal(place.column, column);
}

static void places_within_scalars(void **state) {
  (void)state;
  struct parsed p;
  parse(&p, "plain: ab cde f\n"
            "lines: ab\n"
            "  cde\n"
            "  f\n"
            "single: 'it''s ab cde'\n"
            "double: \"\\\"ab\\\" \\\\ cde\"\n"
            "accents: é ab ü cde\n"
            "literal: |\n"
            "  ab\n"
            "    cde\n"
            "\n"
            "  f\n"
            "folded: >-\n"
            "\n"
            "    ab\n"
            "    cde\n"
            "anchored: &x  ab cde\n"
            "tagged: !!str 'ab cde'\n"
            "replaced: ab ${NULL} cde\n");
  assert_int_equal(p.errors.n, 0);
  expect_place(node_get(p.root, "plain"), "cde", 1, 11);
  expect_place(node_get(p.root, "lines"), "cde", 3, 3);
  expect_place(node_get(p.root, "lines"), "f", 4, 3);
  expect_place(node_get(p.root, "single"), "cde", 5, 19);
  expect_place(node_get(p.root, "double"), "cde", 6, 20);
  expect_place(node_get(p.root, "accents"), "cde", 7, 17);
  expect_place(node_get(p.root, "literal"), "ab", 9, 3);
  expect_place(node_get(p.root, "literal"), "cde", 10, 5);
  expect_place(node_get(p.root, "literal"), "f", 12, 3);
  expect_place(node_get(p.root, "folded"), "ab", 15, 5);
  expect_place(node_get(p.root, "folded"), "cde", 16, 5);
  expect_place(node_get(p.root, "anchored"), "cde", 17, 18);
  expect_place(node_get(p.root, "tagged"), "cde", 18, 19);
  expect_place(node_get(p.root, "replaced"), "cde", 19, 11); /* the whole */
  assert_int_equal(node_place_at(node_get(p.root, "plain"), 100, 5).column, 16);
  parsed_fini(&p);
}

static void what_is_null(void **state) {
  (void)state;
  struct parsed p;
  parse(&p, "a: ~\nb: null\nc:\nd: '~'\ne: \"\"\nf: ${NULL}\ng: ${EMPTY}\nh: nul\ni: |\n  null\n");
  assert_int_equal(p.errors.n, 0);
  for (const char *key = "abc"; *key != '\0'; key++)
    assert_true(node_is_null(node_get(p.root, (char[]){*key, '\0'})));
  for (const char *key = "defghi"; *key != '\0'; key++)
    assert_false(node_is_null(node_get(p.root, (char[]){*key, '\0'})));
  assert_null(node_get(p.root, "z"));
  assert_null(node_get(node_get(p.root, "a"), "z"));
  parsed_fini(&p);
}

static void substitution_makes_no_structure(void **state) {
  (void)state;
  struct parsed p;
  parse(&p, "a: ${STRUCTURE}\nb: x-${STRUCTURE}-$${STRUCTURE}-$STRUCTURE\nc: $$\n");
  assert_int_equal(p.errors.n, 0);
  assert_int_equal(p.root->n_items, 3);
  assert_true(slice_is(node_get(p.root, "a")->text, "{a: [b]}\nc: d"));
  assert_true(slice_is(node_get(p.root, "b")->text, "x-{a: [b]}\nc: d-${STRUCTURE}-$STRUCTURE"));
  assert_true(slice_is(node_get(p.root, "c")->text, "$$"));
  parsed_fini(&p);
}

static void merge_keys(void **state) {
  (void)state;
  struct parsed p;
  parse(&p, "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {y: 0, <<: [*a, *b]}\nd: {'<<': 5}\n");
  assert_int_equal(p.errors.n, 0);
  const struct node *c = node_get(p.root, "c");
  assert_int_equal(c->n_items, 3);
  assert_true(slice_is(node_get(c, "x")->text, "1"));
  assert_true(slice_is(node_get(c, "y")->text, "0"));
  assert_true(slice_is(node_get(c, "z")->text, "4"));
  assert_true(slice_is(node_get(node_get(p.root, "d"), "<<")->text, "5"));
  parsed_fini(&p);
}

/* ------------------------------------------------------------------ bytes */

static void line_ends_and_byte_order_mark(void **state) {
  (void)state;
  expect_errors("\xef\xbb\xbf"
                "pipline: x\r\n\r\nworkrs: 1\r\n"
                "sources: {in: {type: stdin}}\r\n"
                "sinks: {out: {type: file, input: in, path: p}}\r\n",
                "t.yaml:1:1: unknown option \"pipline\"; did you mean pipeline?\n"
                "    pipline: x\n"
                "    ^~~~~~~\n"
                "t.yaml:3:1: unknown option \"workrs\"; did you mean workers?\n"
                "    workrs: 1\n"
                "    ^~~~~~\n");
}

static void bytes_that_are_no_text(void **state) {
  (void)state;
  expect_error_within("a: 1\nb: \0\n", 10, "t.yaml:2:4: a control character (0x00)");
  expect_error_within("a: 1\nb: \x1b[31m\n", 13, "t.yaml:2:4: a control character (0x1b)");
  expect_error_within("a: \xc2\x9b\n", 6, "t.yaml:1:4: a control character (0x9b)");
  expect_error_within("a: \xc3\xa9\xff\n", 7, "t.yaml:1:5: the byte 0xff is not UTF-8");
  expect_error_within("a: \xed\xa0\x80\n", 7, "t.yaml:1:4: the byte 0xed is not UTF-8");
  expect_error_within("a: \xf0\x9f\x98", 6, "t.yaml:1:4: the byte 0xf0 is not UTF-8");
  expect_error_within("\xff\xfe"
                      "a\0:\0",
                      6, "t.yaml: the file is UTF-16");
  static const char escaped[] = "sources: {in: {type: \"\\0\"}}\n";
  expect_error_within(escaped, sizeof escaped - 1, "t.yaml:1:22: a text cannot hold a NUL byte");
}

static void control_characters_are_not_printed(void **state) {
  (void)state;
  char *text = errors_of_bytes("\"\\e[31m\\u009b\": 1\n", 18);
  assert_null(strchr(text, '\x1b'));
  assert_null(strstr(text, "\xc2\x9b"));
  assert_non_null(strstr(text, "unknown option \"?[31m?\""));
  free(text);
}

static void long_lines_are_cut(void **state) {
  (void)state;
  struct buf yaml = {0};
  buf_put_text(&yaml,
               "sources: {in: {type: stdin}}\nsinks: {out: {type: file, input: in, path: \"");
  for (int i = 0; i < 5000; i++) buf_put_text(&yaml, "é");
  buf_put_text(&yaml, "\", lvel: 3, x: \"");
  for (int i = 0; i < 5000; i++) buf_put_text(&yaml, "é");
  buf_put_text(&yaml, "\"}}\n");
  char *text = errors_of_bytes(yaml.data, yaml.len);
  assert_non_null(strstr(text, "did you mean level?\n    ...éé"));
  assert_non_null(strstr(text, "éé...\n"));
  assert_true(strlen(text) < 2000);
  free(text);
  buf_fini(&yaml);
}

/* ------------------------------------------------------------------ limits */

static void alias_bombs(void **state) {
  (void)state;
  struct buf yaml = {0};
  buf_put_text(&yaml, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
  for (int i = 1; i < 9; i++) {
    buf_printf(&yaml, "a%d: &a%d [", i, i);
    for (int k = 0; k < 10; k++) buf_printf(&yaml, "%s*a%d", k > 0 ? ", " : "", i - 1);
    buf_put_text(&yaml, "]\n");
  }
  /* a4 has 111,111 nodes: the second *a4 (in a5, line 6) is too many. */
  expect_error_within(yaml.data, yaml.len, "t.yaml:6:");
  expect_error_within(yaml.data, yaml.len, "more than 200000 nodes, counting what each alias");
  buf_fini(&yaml);
}

static void depth_through_aliases(void **state) {
  (void)state;
  struct buf yaml = {0};
  buf_put_text(&yaml, "a0: &a0 {}\n");
  for (int i = 1; i < 80; i++) buf_printf(&yaml, "a%d: &a%d [*a%d]\n", i, i, i - 1);
  /* a0 stands at level 2 and has height 1: *a62, of height 63, in level 2 would reach 65. */
  expect_error_within(yaml.data, yaml.len, "t.yaml:64:12: nested more than 64 levels deep");
  buf_fini(&yaml);
}

static void depth(void **state) {
  (void)state;
  char yaml[1000] = "x: ";
  memset(yaml + 3, '[', 63);
  memset(yaml + 66, ']', 63);
  expect_error_within(yaml, 129, "unknown option \"x\""); /* 64 levels are read */
  memset(yaml + 3, '[', 500);
  expect_error_within(yaml, 503, "t.yaml:1:67: nested more than 64 levels deep");
}

static void large_scalars_and_files(void **state) {
  (void)state;
  size_t len = (size_t)LIMIT_YAML_FILE_BYTES + 1;
  char *yaml = mem_alloc(len);
  memset(yaml, 'x', len);
  memcpy(yaml, "a: ", 3);
  expect_error_within(yaml, LIMIT_YAML_SCALAR_BYTES + 3, "unknown option \"a\"");
  expect_error_within(yaml, LIMIT_YAML_SCALAR_BYTES + 4,
                      "t.yaml:1:4: this value has 1048577 bytes; 1048576 are allowed");
  expect_error_within(yaml, len, "t.yaml: the file is larger than 16 MiB");
  free(yaml);
}

static void values_put_in_many_times(void **state) {
  (void)state;
  struct buf yaml = {0};
  buf_put_text(&yaml, "a: &a ");
  char *room = buf_reserve(&yaml, 1000000);
  memset(room, 'x', 1000000);
  yaml.len += 1000000;
  buf_put_text(&yaml, "\nb:\n");
  for (int i = 0; i < 20; i++) buf_put_text(&yaml, "- *a\n");
  /* 16 MiB hold sixteen of a million: the first and 15 aliases, from line 3 on. */
  expect_error_within(yaml.data, yaml.len, "t.yaml:18:3: the values have more than 16 MiB in all");
  buf_fini(&yaml);
}

static void many_components(void **state) {
  (void)state;
  struct buf yaml = {0};
  buf_put_text(&yaml, "sinks: {out: {type: file, path: p, input: s0}}\nsources:\n");
  for (int i = 0; i < LIMIT_COMPONENTS; i++) buf_printf(&yaml, "  s%d: {type: stdin}\n", i);
  expect_error_within(yaml.data, yaml.len, "t.yaml:1:9: more than 1000 components");
  buf_fini(&yaml);
}

/* ------------------------------------------------------------------ secrets */

static void secrets_are_not_shown(void **state) {
  (void)state;
  static const char *const cases[] = {
      "workers: \"${file:/run/secrets/password}\"\n",
      "delivery: x${file:/run/secrets/password}\n",
      "pipeline: ${file:/run/secrets/password}\n",
      "pipeline: ${file:/run/secrets/password}!\n",
      "state: {dir: \"${file:/run/secrets/password}\", di: 1}\n",
      "drain_timeout: ${file:/run/secrets/password}\n",
      "memory: \"${file:/run/secrets/password}\"\n",
      "${file:/run/secrets/password}: 1\n",
      "sources: \"${file:/run/secrets/password}\"\n",
      "sources: {a: \"${file:/run/secrets/password}\"}\n",
      "sources: {a: {type: \"${file:/run/secrets/password}\"}}\n",
      "sources: {a: {type: file, path: x, level: \"${file:/run/secrets/password}\"}}\n",
      "sources: {a: {type: file, path: \"${file:/run/${file:/run/secrets/password}}\"}}\n",
      "sinks: {a: {type: file, path: x, input: \"${file:/run/secrets/password}\"}}\n",
      "sinks: {a: {type: file, path: x, input: [\"${file:/run/secrets/password}.late\"]}}\n",
      "sinks: {a: {type: file, path: x, mode: \"${file:/run/secrets/password}\"}}\n",
      "sources: {a: {type: file, password: hunter2, level: x}}\n",
      "sources: {a: {type: file, password: {a: hunter2}}}\n",
      "sources: {a: {type: file, password: [[hunter2]]}}\n",
      "sources: {a: {type: file, x: y, headers: {a: 'hunter2'}}}\n",
      "sources: {a: {type: file, x: y, headers: \"hunter2\"}}\n",
      "sources: {a: &a {type: file, x: y, password: hunter2}, b: *a}\n",
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *text = errors_of_bytes(cases[i], strlen(cases[i]));
    if (text[0] == '\0' || strstr(text, "hunter2") != NULL)
      fail_msg("case %zu shows it, or nothing:\n%s", i, text);
    free(text);
  }
}

/* ------------------------------------------------------------------ files */

static void files_that_are_not_there(void **state) {
  (void)state;
  struct world world;
  world_init(&world);
  world_put(&world, "/etc/x/readme", "", 0);
  static const char *const paths[] = {"/none.yaml", "/etc/x"};
  static const char *const texts[] = {"/none.yaml does not exist\n",
                                      "no *.yaml or *.yml in the folder /etc/x\n"};
  for (size_t i = 0; i < 2; i++) {
    struct config *config = config_load(paths[i], &fake_catalog, &world.source);
    struct buf text = {0};
    config_errors_put(&config->errors, &text);
    assert_string_equal(buf_cstr(&text), texts[i]);
    buf_fini(&text);
    config_free(config);
  }
  config_free(NULL);
  world_fini(&world);
}

/* ------------------------------------------------------------------ the reference */

static void reference_of_a_component(void **state) {
  (void)state;
  struct buf text = {0};
  reference_put_component(&text, COMPONENT_SINK, fake_catalog.types[COMPONENT_SINK][0],
                          fake_catalog.common[COMPONENT_SINK]);
  assert_string_equal(
      buf_cstr(&text),
      "### file (sink)\n\na file.\n\n"
      "| option | type | default | range | |\n|---|---|---|---|---|\n"
      "| `type` | text | *required* |  | what kind of component it is |\n"
      "| `input` | list of texts | *required* |  | what it reads: a component or "
      "component.port, or a list of them |\n"
      "| `path` | text | *required* |  | where it is |\n"
      "| `password` | text |  |  | what opens it (secret: never shown) |\n"
      "| `mode` | `read`, `tail`, `follow` | `tail` |  | once or for ever |\n"
      "| `rotate` | size | `64MiB` | 4KiB to 1GiB | a new file at this size |\n"
      "| `level` | integer | `-1` | -1 to 9 | how hard to squeeze \\| -1: as it comes |\n"
      "| `share` | number | `0.5` | 0 to 1 | how much of it |\n"
      "| `tags` | list of texts |  |  | words to add |\n"
      "| `headers` | map of texts |  |  | what to send along (secret: never shown) |\n"
      "| `extra` | structure |  |  | read by itself |\n"
      "| `strict` | bool |  |  | refuse what is not quite right |\n\n");
  buf_clear(&text);
  reference_put_component_text(&text, COMPONENT_TRANSFORM,
                               fake_catalog.types[COMPONENT_TRANSFORM][1], NULL);
  assert_non_null(strstr(buf_cstr(&text), "\n  window.tumbling: duration; required; 1ms or more\n"
                                          "      size of a window\n"
                                          "  window.offset: duration; default 0\n"));
  buf_clear(&text);
  reference_put_pipeline(&text);
  assert_non_null(
      strstr(buf_cstr(&text), "| `log.sync` | `interval`, `always`, `never` | `interval` |"));
  buf_clear(&text);
  reference_put_schema(&text, &fake_catalog);
  assert_non_null(strstr(buf_cstr(&text), "\"const\":\"stdin\""));
  buf_fini(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(integers),
      cmocka_unit_test(doubles),
      cmocka_unit_test(sizes),
      cmocka_unit_test(nearest_words),
      cmocka_unit_test(values_and_defaults),
      cmocka_unit_test(inputs_come_before_their_readers),
      cmocka_unit_test(only_whole_components_are_left),
      cmocka_unit_test(default_state_folder_and_name),
      cmocka_unit_test(id_of_what_was_read),
      cmocka_unit_test(places_within_scalars),
      cmocka_unit_test(what_is_null),
      cmocka_unit_test(substitution_makes_no_structure),
      cmocka_unit_test(merge_keys),
      cmocka_unit_test(line_ends_and_byte_order_mark),
      cmocka_unit_test(bytes_that_are_no_text),
      cmocka_unit_test(control_characters_are_not_printed),
      cmocka_unit_test(long_lines_are_cut),
      cmocka_unit_test(alias_bombs),
      cmocka_unit_test(depth_through_aliases),
      cmocka_unit_test(depth),
      cmocka_unit_test(large_scalars_and_files),
      cmocka_unit_test(values_put_in_many_times),
      cmocka_unit_test(many_components),
      cmocka_unit_test(secrets_are_not_shown),
      cmocka_unit_test(files_that_are_not_there),
      cmocka_unit_test(reference_of_a_component),
  };
  return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
