/* Tests of the source `stdin`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sources/sources.h"
#include "tests/contract/source_harness.h"

static void lines_in_any_pieces(void **state) {
  (void)state;
  source_contract(&(struct source_case){.plugin = &source_stdin,
                                        .options = "{}\n",
                                        .input = "one\ntwo\r\n\nfour has no end",
                                        .story = "stdin: one\nstdin: two\r\nstdin: \n"
                                                 "stdin: four has no end\nstdin: end\nend\n"});
  source_contract(&(struct source_case){
      .plugin = &source_stdin, .options = "{}\n", .input = "", .story = "stdin: end\nend\n"});
}

static void many_and_long_lines(void **state) {
  (void)state;
  struct buf input;
  buf_init(&input);
  for (int i = 0; i < 20000; i++)
    buf_printf(&input, "line %d %.*s\n", i, i % 40, "........................................");
  for (int i = 0; i < 300000; i++) buf_put_char(&input, 'L');
  buf_put_text(&input, "\nshort\n");
  for (int i = 0; i < 200000; i++) buf_put_char(&input, 'M');
  source_contract(&(struct source_case){.plugin = &source_stdin,
                                        .options = "{}\n",
                                        .input = buf_cstr(&input),
                                        .line_max_bytes = 250000});
  struct source_world world;
  source_world_open(&world, false);
  world.input = buf_cstr(&input);
  world.common.line_max_bytes = 250000;
  source_run(&world, &source_stdin, "{}\n", 1 << 20, 0);
  assert_memory_equal(world.bytes.data, input.data, input.len);
  int too_long = 0;
  for (size_t i = 0; i < world.n_given; i++)
    if ((world.given[i].flags & TAKE_TOO_LONG) != 0) too_long++;
  assert_int_equal(too_long, 1);
  source_world_close(&world);
  buf_fini(&input);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lines_in_any_pieces),
      cmocka_unit_test(many_and_long_lines),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
