/* Taps: what is shown is what passes, and nothing changes for it. */
#include "engine_world.h"

#define PIPELINE                                                                                   \
  WORLD_HEAD(WORLD_CALM)                                                                           \
  "sources:\n  in: {type: file, path: /in/a.ndjson}\n"                                             \
  "transforms:\n"                                                                                  \
  "  odd: {type: filter, input: in, where: id % 2 = 1}\n"                                          \
  "  once: {type: dedup, input: odd, key: id, ttl: 1h}\n"                                          \
  "sinks:\n"                                                                                       \
  "  out: {type: file, input: once, path: /out/out.ndjson}\n"                                      \
  "  bad: {type: file, input: in.errors, path: /out/bad.ndjson}\n"

struct look {
  const char *name;
  uint64_t every;
  size_t bytes_max;
  struct engine_tap *tap;
  struct buf lines;
  uint64_t shown;
  bool ended;
};

static void seen(void *arg, struct slice lines, uint64_t n_shown, bool ended) {
  struct look *look = arg;
  buf_put_slice(&look->lines, lines);
  look->shown += n_shown;
  look->ended = ended;
  if (!ended) return;
  engine_tap_close(look->tap);
  look->tap = NULL;
}

static struct look looks[] = {{.name = "once", .every = 1, .bytes_max = 1 << 20},
                              {.name = "odd", .every = 1, .bytes_max = 1 << 20},
                              {.name = "out", .every = 10, .bytes_max = 1 << 20},
                              {.name = "in.errors", .every = 1, .bytes_max = 1 << 20},
                              {.name = "once.duplicates", .every = 1, .bytes_max = 1 << 20},
                              {.name = "in", .every = 1, .bytes_max = 100}};
enum { LOOKS = sizeof looks / sizeof *looks };

static bool open_at_first(struct world *world) {
  struct err err;
  if (world->turns > 0) return true;
  for (int i = 0; i < LOOKS; i++) {
    struct look *look = &looks[i];
    if (engine_tap_open(world->engine, slice_of(look->name), look->every, look->bytes_max, seen,
                        look, &look->tap, &err) != 0) {
      fail_msg("%s: %s", look->name, err.text);
    }
  }
  struct engine_tap *none;
  assert_int_equal(engine_tap_open(world->engine, slice_of("no"), 1, 1, seen, NULL, &none, &err),
                   -1);
  world_expect_error(&err, ERR_USAGE, "has no component \"no\"");
  assert_int_equal(
      engine_tap_open(world->engine, slice_of("once.late"), 1, 1, seen, NULL, &none, &err), -1);
  world_expect_error(&err, ERR_USAGE, "has no output \"late\"");
  assert_int_equal(
      engine_tap_open(world->engine, slice_of("odd.errors"), 1, 1, seen, NULL, &none, &err), -1);
  world_expect_error(&err, ERR_USAGE, "nobody reads odd.errors");
  return true;
}

static void shows_what_passes(void **state) {
  (void)state;
  struct world world, wanted;
  for (int i = 0; i < 2; i++) {
    struct world *w = i == 0 ? &wanted : &world;
    world_init(w, PIPELINE);
    world_put_lines(w, "/in/a.ndjson", 900, -1, "");
    struct buf text;
    world_get(w->disk, "/in/a.ndjson", &text);
    buf_put_text(&text, "{\"id\":100001,\"again\":1}\n{\"broken\n");
    world_put(w->disk, "/in/a.ndjson", buf_slice(&text));
    buf_fini(&text);
  }
  world_live(&wanted, "nobody looks");
  world.turn = open_at_first;
  world_live(&world, "looked at");
  world_same(&world, &wanted, world_out, "looked at");
  struct buf out, bad;
  world_get(world.disk, "/out/out.ndjson", &out);
  world_get(world.disk, "/out/bad.ndjson", &bad);
  assert_true(slice_equal(buf_slice(&looks[0].lines), buf_slice(&out)));
  assert_int_equal(looks[0].shown, 450);
  assert_int_equal(looks[1].shown, 451); /* with the repeated one */
  assert_true(looks[2].shown > 30 && looks[2].shown < 60);
  assert_true(slice_equal(buf_slice(&looks[3].lines), buf_slice(&bad)));
  assert_true(slice_is(buf_slice(&looks[4].lines), "{\"id\":100001,\"again\":1}\n"));
  assert_true(looks[5].shown > 10 && looks[5].shown < 200); /* a few of each epoch */
  for (int i = 0; i < LOOKS; i++) {
    assert_true(looks[i].ended);
    buf_fini(&looks[i].lines);
  }
  buf_fini(&out);
  buf_fini(&bad);
  world_fini(&world);
  world_fini(&wanted);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(shows_what_passes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
