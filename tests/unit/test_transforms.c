/* The stateless transforms: filter, map, route, merge; each in every way of the harness. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/contract/transform_harness.h"
#include "transforms/transforms.h"

static void filter_takes_what_is_true(void **state) {
  (void)state;
  transform_check(&(struct transform_case){.plugin = &transform_filter,
                                           .options = "where: a > 1\n",
                                           .input = "{\"t\":1,\"a\":1}\n"
                                                    "{\"t\":2,  \"a\":2}\n"
                                                    "{\"t\":3}\n"
                                                    "{\"t\":4,\"a\":null}\n"
                                                    "{\"t\":5,\"a\":3.5, \"b\":[1, 2]}\n",
                                           .expected = "== \n"
                                                       "{\"t\":2,  \"a\":2}\n"
                                                       "{\"t\":5,\"a\":3.5, \"b\":[1, 2]}\n"});
  transform_check(&(struct transform_case){.plugin = &transform_filter,
                                           .options = "where: 10 / a > 1\n",
                                           .input = "{\"t\":1,\"a\":0}\n"
                                                    "{\"t\":2,\"a\":2}\n",
                                           .expected =
                                               "== \n"
                                               "{\"t\":2,\"a\":2}\n"
                                               "== errors\n"
                                               "expr.division_by_zero {\"t\":1,\"a\":0}\n"});
}

static void merge_is_the_identity(void **state) {
  (void)state;
  transform_check(&(struct transform_case){.plugin = &transform_merge,
                                           .options = "{}\n",
                                           .input = "{\"t\":1}\n{\"t\":2}\n",
                                           .expected = "== \n{\"t\":1}\n{\"t\":2}\n"});
}

static void map_selects(void **state) {
  (void)state;
  transform_check(&(struct transform_case){
      .plugin = &transform_map,
      .options = "select: {who: user, sum: a + b, t: t}\n",
      .input = "{\"t\":1,\"user\":\"x\",\"a\":1,\"b\":2}\n"
               "{\"t\":2,\"a\":9223372036854775807,\"b\":1}\n"
               "{\"t\":3,\"a\":1}\n",
      .expected = "== \n"
                  "{\"who\":\"x\",\"sum\":3,\"t\":1}\n"
                  "{\"who\":null,\"sum\":null,\"t\":3}\n"
                  "== errors\n"
                  "expr.range {\"t\":2,\"a\":9223372036854775807,\"b\":1}\n"});
  transform_check(
      &(struct transform_case){.plugin = &transform_map,
                               .options = "select: [client.plan, a + 1]\n",
                               .input = "{\"t\":1,\"client\":{\"plan\":\"p\"},\"a\":1}\n",
                               .expected = "== \n{\"plan\":\"p\",\"a + 1\":2}\n"});
}

/* Everything means the record as it came in. */
static void map_rewrites(void **state) {
  (void)state;
  transform_check(&(struct transform_case){
      .plugin = &transform_map,
      .options = "set: {a: a + 1, c: a * 10}\ndrop: [x, nothing]\nrename: {b: bb}\n",
      .input = "{\"t\":1, \"a\": 1, \"x\":0, \"b\": [ 1 ], \"z\":1.50}\n",
      .expected = "== \n{\"t\":1,\"a\":2,\"z\":1.50,\"bb\":[ 1 ],\"c\":10}\n"});
  transform_check(&(struct transform_case){.plugin = &transform_map,
                                           .options = "rename: {a: b, b: a}\n",
                                           .input = "{\"t\":1,\"a\":1,\"b\":2}\n",
                                           .expected = "== \n{\"t\":1,\"a\":2,\"b\":1}\n"});
}

static void map_refuses(void **state) {
  (void)state;
  transform_check_errors(&transform_map, "select: {a: b}\ndrop: a\n", NULL,
                         "test.yaml:1:9: select says all the fields there are; it cannot stand "
                         "with set, drop or rename\n"
                         "    select: {a: b}\n"
                         "            ^\n");
  transform_check_errors(&transform_map, "drop: usr\n", "user total",
                         "test.yaml:1:7: unknown field usr; did you mean user?\n"
                         "    drop: usr\n"
                         "          ^~~\n");
  transform_check_errors(&transform_map, "rename: {user: total}\nset: {total: 1}\n", "user total",
                         "test.yaml:1:16: there are two fields named total\n"
                         "    rename: {user: total}\n"
                         "                   ^~~~~\n");
  transform_check_errors(&transform_map, "rename: {user: who}\ndrop: total\n", "user total", "");
}

static void route_splits(void **state) {
  (void)state;
  static const char input[] = "{\"t\":1,\"a\":1}\n"
                              "{\"t\":2,\"a\":20}\n"
                              "{\"t\":3,\"a\":300}\n"
                              "{\"t\":4}\n"
                              "{\"t\":5,\"a\":0}\n";
  transform_check(
      &(struct transform_case){.plugin = &transform_route,
                               .options = "routes: {big: a > 100, some: 30 / a < 30}\n",
                               .input = input,
                               .expected = "== big\n{\"t\":3,\"a\":300}\n"
                                           "== some\n{\"t\":2,\"a\":20}\n"
                                           "== rest\n{\"t\":1,\"a\":1}\n{\"t\":4}\n"
                                           "== errors\nexpr.division_by_zero {\"t\":5,\"a\":0}\n"});
  transform_check(
      &(struct transform_case){.plugin = &transform_route,
                               .options = "routes: {big: a > 100, some: 30 / a < 30}\nmode: all\n",
                               .input = input,
                               .expected = "== big\n{\"t\":3,\"a\":300}\n"
                                           "== some\n{\"t\":2,\"a\":20}\n{\"t\":3,\"a\":300}\n"
                                           "== rest\n{\"t\":1,\"a\":1}\n{\"t\":4}\n"
                                           "== errors\nexpr.division_by_zero {\"t\":5,\"a\":0}\n"});
  /* The first route takes what would fail in the second. */
  transform_check(&(struct transform_case){.plugin = &transform_route,
                                           .options = "routes: {none: a = 0, some: 1 / a > 5}\n",
                                           .input = "{\"t\":5,\"a\":0}\n",
                                           .expected = "== none\n{\"t\":5,\"a\":0}\n"});
  transform_check_errors(&transform_route, "routes: {rest: a > 1}\n", NULL,
                         "test.yaml:1:10: the port rest has the records that no route takes; it "
                         "cannot be a route\n"
                         "    routes: {rest: a > 1}\n"
                         "             ^~~~\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(filter_takes_what_is_true),
      cmocka_unit_test(merge_is_the_identity),
      cmocka_unit_test(map_selects),
      cmocka_unit_test(map_rewrites),
      cmocka_unit_test(map_refuses),
      cmocka_unit_test(route_splits),
  };
  return cmocka_run_group_tests_name("transforms", tests, NULL, NULL);
}
