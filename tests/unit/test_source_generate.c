/* Tests of the source `generate`: contract, placeholders, the data of the quickstart, rate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/io/io_sim.h"
#include "daemon/record/json_text.h"
#include "daemon/record/time.h"
#include "sources/generate.h"
#include "sources/sources.h"
#include "tests/contract/source_harness.h"

static void contract(void **state) {
  (void)state;
  source_contract(&(struct source_case){
      .plugin = &source_generate,
      .options = "template: '{\"n\":{{seq 5}},\"t\":{{time}},\"m\":\"{{time ms}}\"}'\ncount: 3\n"
                 "interval: 1s\nstart_time: 2026-02-28T23:59:59Z\n",
      .story = "generate: {\"n\":5,\"t\":\"2026-02-28T23:59:59Z\",\"m\":\"1772323199000\"}\n"
               "generate: {\"n\":6,\"t\":\"2026-03-01T00:00:00Z\",\"m\":\"1772323200000\"}\n"
               "generate: {\"n\":7,\"t\":\"2026-03-01T00:00:01Z\",\"m\":\"1772323201000\"}\n"
               "generate: end\nend\n"});
  source_contract(&(struct source_case){.plugin = &source_generate,
                                        .options = "preset: billing\ncount: 5000\nseed: 3\n"});
}

/* `now` is the time of the first start, in all lives. */
static void start_time_now_stays(void **state) {
  (void)state;
  struct source_world world;
  source_world_open(&world, true);
  const char *options = "template: '{{time us}}'\ninterval: 1us\nstart_time: now\ncount: 3\n";
  source_run(&world, &source_generate, options, 1, 1);
  assert_string_equal(buf_cstr(&world.story),
                      "generate: 1767225600000000\ngenerate: 1767225600000001\n"
                      "generate: 1767225600000002\ngenerate: end\nend\n");
  source_world_close(&world);
}

static struct slice text_of(struct slice record, const char *name) {
  size_t at = 0;
  struct slice found, member;
  while (json_text_next(record, &at, &found, &member) == 1)
    if (slice_is(found, name)) return member;
  return (struct slice){NULL, 0};
}

static void every_placeholder_gives_json(void **state) {
  (void)state;
  struct generate_options options = {
      .template = "{\"i\":{{int -3 3}},\n\"f\":{{float 1 2 4}},\"b\":{{bool 10}},"
                  "\"c\":{{choice 1 true 'a \"b\"' c}},\"d\":\"<{{choice 1 true 'a \"b\"' c}}>\","
                  "\"u\":{{uuid}},\"x\":\"{{hex 8}}\",\"t\":{{text 2 5}},\"who\":{{user 10 skew}},"
                  "\"ts\":{{time iso 4s}},\"o\":{{{choice}}}}",
      .seed = 1};
  struct err err;
  assert_null(generator_new(&options, &err));
  assert_non_null(strstr(err.text, "{{choice}} is meant like this: {{choice a b ...}}"));
  options.template =
      "{\"i\":{{int -3 3}},\n\"f\":{{float 1 2 4}},\"b\":{{bool 10}},"
      "\"c\":{{choice 1 true 'a \"b\"' c}},\"d\":\"<{{choice 1 true 'a \"b\"' c}}>\","
      "\"u\":{{uuid}},\"x\":\"{{hex 8}}\",\"t\":{{text 2 5}},\"who\":{{user 10 skew}},"
      "\"ts\":{{time iso 4s}},\"o\":{\"n\":{{seq}}}}";
  struct generator *generator = generator_new(&options, &err);
  assert_non_null(generator);
  struct buf line;
  buf_init(&line);
  int seen[7] = {0}, quoted = 0;
  for (uint64_t i = 0; i < 2000; i++) {
    buf_clear(&line);
    generator_put(generator, i, &line);
    assert_ptr_equal(memchr(line.data, '\n', line.len), line.data + line.len - 1);
    struct slice record = {line.data, line.len - 1};
    assert_true(json_text_valid(record));
    struct slice number = text_of(record, "i");
    seen[3 + atoi(number.data)]++;
    struct slice choice = text_of(record, "c");
    assert_true(slice_is(choice, "1") || slice_is(choice, "true") || slice_is(choice, "\"c\"") ||
                slice_is(choice, "\"a \\\"b\\\"\""));
    if (slice_is(text_of(record, "d"), "\"<a \\\"b\\\">\"")) quoted++;
    assert_int_equal(text_of(record, "u").len, 38);
    assert_int_equal(text_of(record, "x").len, 10);
    size_t letters = text_of(record, "t").len - 2;
    assert_true(letters >= 2 && letters <= 5);
  }
  for (int i = 0; i < 7; i++) assert_true(seen[i] > 200 && seen[i] < 380);
  assert_true(quoted > 400 && quoted < 600);
  generator_free(generator);
  buf_fini(&line);
}

static void template_errors_say_where(void **state) {
  (void)state;
  static const struct {
    const char *template, *text;
  } cases[] = {
      {"{\"a\":{{in 1 2}}}", "template, byte 5: there is no {{in}}; there are seq, int,"},
      {"{{int 2 1}}", "byte 0: {{int}} is meant like this: {{int low high}}"},
      {"x {{seq", "byte 2: {{ without its }}"},
      {"{{ }}", "nothing between {{ and }}"},
      {"{{choice 'a}}", "a ' without its other one"},
      {"{{text 99999999}}", "{{text}} is meant like this"},
      {"{{time 4q}}", "{{time}} is meant like this"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct err err;
    struct generate_options options = {.template = cases[i].template};
    assert_null(generator_new(&options, &err));
    if (strstr(err.text, cases[i].text) == NULL) assert_string_equal(err.text, cases[i].text);
  }
}

static int collect(void *arg, struct slice lines, struct err *err) {
  (void)err;
  buf_put_slice(arg, lines);
  return 0;
}

/* 1 % repeats within 1,000 records, disorder up to 4 s, 0.1 % late by 10 to 120 s. */
static void billing_is_as_described(void **state) {
  (void)state;
  enum { N = 50000 };
  struct generate_options options = {.preset = GENERATE_BILLING, .seed = 42, .interval_us = 500};
  struct buf all;
  buf_init(&all);
  struct err err;
  assert_int_equal(generate_write(&options, 0, N, collect, &all, &err), 0);
  struct slice *ids = calloc(N, sizeof *ids);
  int repeats = 0, late = 0, n = 0;
  for (char *at = all.data, *end = all.data + all.len; at < end; n++) {
    char *newline = memchr(at, '\n', (size_t)(end - at));
    struct slice record = {at, (size_t)(newline - at)};
    assert_true(json_text_valid(record));
    ids[n] = text_of(record, "request_id");
    bool repeat = false;
    for (int j = n - 1; j >= 0 && j >= n - 1000 && !repeat; j--)
      repeat = slice_equal(ids[j], ids[n]);
    repeats += repeat;
    struct slice ts = text_of(record, "ts");
    int64_t us;
    assert_int_equal(time_parse((struct slice){ts.data + 1, ts.len - 2}, &us), 0);
    int64_t behind = (int64_t)n * 500 - us;
    if (!repeat) {
      assert_true(behind >= 0 && behind <= 120 * TIME_SECOND_US + 1000);
      late += behind > 5 * TIME_SECOND_US;
      assert_true(behind <= 4 * TIME_SECOND_US + 1000 || behind >= 10 * TIME_SECOND_US);
    }
    at = newline + 1;
  }
  assert_int_equal(n, N);
  assert_true(repeats > 400 && repeats < 600);
  assert_true(late > 25 && late < 80);
  free(ids);
  buf_fini(&all);
}

static void rate_follows_the_clock(void **state) {
  (void)state;
  struct source_world world;
  struct err err;
  source_world_open(&world, true);
  const char *options = "template: '{{seq}}'\nrate: 100\ncount: 250\n";
  assert_int_equal(source_start(&world, &source_generate, options, &err), 0);
  int64_t start_us = clock_mono_us(world.io.clock);
  while (!world.ended) {
    assert_int_equal(source_take_once(&world, 1 << 20, &err), 0);
    double passed = (double)(clock_mono_us(world.io.clock) - start_us) / 1e6;
    double expected = passed * 100 + 1;
    double got = (double)world.partitions[0].position;
    assert_true(got <= expected + 0.01 && got >= (expected < 250 ? expected - 1.01 : 249));
  }
  int64_t took_us = clock_mono_us(world.io.clock) - start_us;
  assert_true(took_us >= 2490000 && took_us < 2600000);
  source_world_close(&world);
}

static void options_are_checked(void **state) {
  (void)state;
  static const struct {
    const char *options, *text;
  } cases[] = {
      {"{}\n", "test.yaml:1:1: give either a template or a preset\n"},
      {"{template: x, preset: billing}\n", "test.yaml:1:12: give either a template or a preset\n"},
      {"{preset: billing, start_time: soon}\n",
       "test.yaml:1:31: start_time is neither a time nor now\n"},
  };
  struct source_world world;
  source_world_open(&world, true);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct err err;
    assert_int_equal(source_start(&world, &source_generate, cases[i].options, &err), -1);
    if (strncmp(err.text, cases[i].text, strlen(cases[i].text)) != 0)
      assert_string_equal(err.text, cases[i].text);
  }
  source_world_close(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(contract),
      cmocka_unit_test(start_time_now_stays),
      cmocka_unit_test(every_placeholder_gives_json),
      cmocka_unit_test(template_errors_say_where),
      cmocka_unit_test(billing_is_as_described),
      cmocka_unit_test(rate_follows_the_clock),
      cmocka_unit_test(options_are_checked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
