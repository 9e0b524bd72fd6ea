/* Fuzz target: requests, as bytes of a connection (daemon/http). The first byte says into what
 * pieces they are cut; the rest is what a peer sends. The answers must not depend on the pieces,
 * and nothing may be left of the connection. */
#include "tests/fuzz/fuzz.h"

#include "tests/unit/http_pieces.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  struct slice input = {(const char *)data, len};
  uint8_t how = fuzz_u8(&input);
  char *whole = http_pieces_answers(input, 1, SIZE_MAX);
  char *cut = http_pieces_answers(input, 2u + how, 1 + how % 32);
  if (strcmp(whole, cut) != 0) fuzz_fail("whole:\n%s\nin pieces:\n%s", whole, cut);
  free(whole);
  free(cut);
  return 0;
}
