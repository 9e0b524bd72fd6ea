/* Messages: the forms of a line, what is held back and told later, and nothing lost among threads.
 */
#include "daemon/base/diag.h"
#include "daemon/base/mem.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct said {
  struct diag diag;
  char *text;
  size_t len, seen;
  int64_t now_us;
};

static int64_t now(void *arg) {
  return ((struct said *)arg)->now_us;
}

static void begin(struct said *said) {
  *said = (struct said){.now_us = 1000};
  said->diag = (struct diag){.stream = open_memstream(&said->text, &said->len),
                             .level = DIAG_INFO,
                             .clock = {now, now, said}};
}

/* What was said since the last time. */
static void expect(struct said *said, const char *wanted) {
  fflush(said->diag.stream);
  assert_string_equal(said->text + said->seen, wanted);
  said->seen = said->len;
}

static void end(struct said *said) {
  diag_limit_end(&said->diag);
  fclose(said->diag.stream);
  free(said->text);
}

static const struct diag_where bills = {"billing", "sink", "bills"};

static void test_text(void **state) {
  (void)state;
  struct said said;
  begin(&said);
  diag_say(&said.diag, MESSAGE_SINK_RETRY, &bills, "%s is full", "/srv");
  expect(&said, "tidemark: warning: billing: sink bills: /srv is full [sink-retry]\n");
  struct diag_where log = {"billing", "log", NULL}, none = {0};
  diag_say(&said.diag, MESSAGE_LOG_GOES_ON, &log, "writing goes on");
  expect(&said, "tidemark: info: billing: log: writing goes on [log-goes-on]\n");
  diag_say(&said.diag, MESSAGE_FAILED_IO, &none, "a");
  diag_say(&said.diag, MESSAGE_FAILED_IO, NULL, "b");
  expect(&said, "tidemark: error: a [failed-io]\ntidemark: error: b [failed-io]\n");
  said.diag.priorities = true;
  diag_say(&said.diag, MESSAGE_FAILED_IO, NULL, "a");
  diag_say(&said.diag, MESSAGE_SINK_RETRY, NULL, "b");
  expect(&said, "<3>tidemark: error: a [failed-io]\n<4>tidemark: warning: b [sink-retry]\n");
  said.diag.level = DIAG_WARNING;
  diag_say(&said.diag, MESSAGE_LOG_GOES_ON, NULL, "not wanted");
  end(&said);
}

/* Bytes from outside stay in their line and their string. */
static void test_clean(void **state) {
  (void)state;
  struct said said;
  begin(&said);
  const char *text = "a\n<0>b\x1b[2J \xff \xc2\x9b é \"\\";
  diag_say(&said.diag, MESSAGE_FAILED_IO, NULL, "%s", text);
  expect(&said, "tidemark: error: a <0>b?[2J ? ? é \"\\ [failed-io]\n");
  said.diag.json = true;
  said.now_us = 1769903999000123;
  diag_say(&said.diag, MESSAGE_FAILED_IO, NULL, "%s", text);
  expect(&said,
         "{\"time\":\"2026-01-31T23:59:59.000123Z\",\"level\":\"error\",\"id\":\"failed-io\","
         "\"text\":\"a <0>b?[2J ? ? é \\\"\\\\\"}\n");
  said.now_us = -1;
  diag_say(&said.diag, MESSAGE_SINK_RETRY, &bills, "x");
  expect(&said,
         "{\"time\":\"1969-12-31T23:59:59.999999Z\",\"level\":\"warning\",\"id\":\"sink-retry\","
         "\"pipeline\":\"billing\",\"kind\":\"sink\",\"component\":\"bills\",\"text\":\"x\"}\n");
  end(&said);
}

static void test_repeats(void **state) {
  (void)state;
  struct said said;
  begin(&said);
  diag_limit(&said.diag, 2, 10000000);
  assert_int_equal(diag_tick(&said.diag), -1);
  for (int i = 1; i <= 5; i++) diag_say(&said.diag, MESSAGE_SINK_RETRY, &bills, "try %d", i);
  expect(&said, "tidemark: warning: billing: sink bills: try 1 [sink-retry]\n"
                "tidemark: warning: billing: sink bills: try 2 [sink-retry]\n");
  /* Another place, another message: their own windows. What ends something is never held back. */
  struct diag_where other = {"billing", "sink", "others"};
  diag_say(&said.diag, MESSAGE_SINK_RETRY, &other, "one");
  diag_say(&said.diag, MESSAGE_LOG_GOES_ON, &bills, "two");
  for (int i = 0; i < 3; i++) diag_say(&said.diag, MESSAGE_FAILED_IO, &bills, "end");
  expect(&said, "tidemark: warning: billing: sink others: one [sink-retry]\n"
                "tidemark: info: billing: sink bills: two [log-goes-on]\n"
                "tidemark: error: billing: sink bills: end [failed-io]\n"
                "tidemark: error: billing: sink bills: end [failed-io]\n"
                "tidemark: error: billing: sink bills: end [failed-io]\n");
  said.now_us += 4000000;
  assert_int_equal(diag_tick(&said.diag), 6000000);
  said.now_us += 6000000;
  assert_int_equal(diag_tick(&said.diag), -1);
  expect(&said, "tidemark: warning: billing: sink bills: try 5 (repeated 3 times in 10 s) "
                "[sink-retry]\n");
  /* A new window; nobody ticks, and the next message finds it over. */
  for (int i = 6; i <= 8; i++) diag_say(&said.diag, MESSAGE_SINK_RETRY, &bills, "try %d", i);
  said.now_us += 12000000;
  said.diag.json = true;
  diag_say(&said.diag, MESSAGE_SINK_RETRY, &bills, "try 9");
  fflush(said.diag.stream);
  assert_non_null(strstr(said.text + said.seen, "\"text\":\"try 8\",\"repeated\":1}\n"));
  assert_non_null(strstr(said.text + said.seen, "\"text\":\"try 9\"}\n"));
  said.seen = said.len;
  /* The end says what was held. */
  for (int i = 10; i <= 14; i++) diag_say(&said.diag, MESSAGE_SINK_RETRY, &bills, "try %d", i);
  said.diag.json = false;
  fflush(said.diag.stream);
  said.seen = said.len;
  said.now_us += 1000000;
  diag_limit_end(&said.diag);
  expect(&said, "tidemark: warning: billing: sink bills: try 14 (repeated 4 times in 1 s) "
                "[sink-retry]\n");
  end(&said);
}

enum { THREADS = 4, EACH = 2000 };

static void *speak(void *arg) {
  for (int i = 0; i < EACH; i++) {
    diag_say(arg, MESSAGE_SINK_RETRY, &bills, "again");
    diag_say(arg, MESSAGE_LOG_GOES_ON, NULL, "on");
  }
  return NULL;
}

/* Each message is printed or counted. */
static void test_threads(void **state) {
  (void)state;
  struct said said;
  begin(&said);
  diag_limit(&said.diag, 5, 10000000);
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, speak, &said.diag);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  diag_limit_end(&said.diag);
  fflush(said.diag.stream);
  uint64_t n = 0, n_lines = 0;
  for (char *save = NULL, *line = strtok_r(said.text, "\n", &save); line != NULL;
       line = strtok_r(NULL, "\n", &save), n_lines++) {
    const char *repeated = strstr(line, "(repeated ");
    n += repeated != NULL ? strtoull(repeated + strlen("(repeated "), NULL, 10) : 1;
  }
  assert_int_equal(n, 2 * THREADS * EACH);
  assert_int_equal(n_lines, 2 * (5 + 1));
  end(&said);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_text),
      cmocka_unit_test(test_clean),
      cmocka_unit_test(test_repeats),
      cmocka_unit_test(test_threads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
