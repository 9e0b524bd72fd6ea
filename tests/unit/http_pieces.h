/* http_pieces: what an HTTP server says to some bytes, cut into pieces: that it is the same however
 * they are cut is what test_http_fuzz and tests/fuzz/http.c are about. */
#ifndef TIDEMARK_TESTS_HTTP_PIECES_H
#define TIDEMARK_TESTS_HTTP_PIECES_H

#include "daemon/base/slice.h"

#include <stddef.h>
#include <stdint.h>

/* A connection to http_echo on a simulated network, with small limits; who asks for "/late" is
 * answered a turn later. The answers, as http_client_got(); free(). Aborts, or fails the test, when
 * anything is left of the connection. */
char *http_pieces_answers(struct slice bytes, uint64_t seed, size_t piece_max);

#endif
