/* generate_records: what makes one record after the other, see generate.h. */
#include "daemon/base/mem.h"
#include "daemon/record/time.h"
#include "sources/generate_kinds.h"

#include <stdlib.h>

enum { PIECE_BYTES = 64 * 1024 };

/* 9999-01-01, so that what is added to it stays in range. */
static const int64_t last_time_us = INT64_C(253370764800) * TIME_SECOND_US;

struct generator {
  struct generate_options options;
  struct generate_template *template; /* GENERATE_TEMPLATE */
};

struct generator *generator_new(const struct generate_options *options, struct err *err) {
  struct generate_template *template = NULL;
  if (options->preset == GENERATE_TEMPLATE) {
    template = generate_template_new(options->template, err);
    if (template == NULL) return NULL;
  }
  struct generator *generator = mem_zalloc(sizeof *generator);
  generator->options = *options;
  generator->options.template = NULL;
  generator->template = template;
  return generator;
}

void generator_free(struct generator *generator) {
  if (generator == NULL) return;
  generate_template_free(generator->template);
  free(generator);
}

void generator_put(const struct generator *generator, uint64_t index, struct buf *out) {
  if (generator->template != NULL)
    generate_template_put(generator->template, &generator->options, index, out);
  else
    generate_billing_put(&generator->options, index, out);
}

int generate_write(const struct generate_options *options, uint64_t from, uint64_t to,
                   int (*put)(void *arg, struct slice lines, struct err *err), void *arg,
                   struct err *err) {
  struct generator *generator = generator_new(options, err);
  if (generator == NULL) return -1;
  struct buf lines;
  buf_init(&lines);
  int result = 0;
  for (uint64_t i = from; i < to && result == 0; i++) {
    generator_put(generator, i, &lines);
    if (lines.len < PIECE_BYTES && i + 1 < to) continue;
    result = put(arg, buf_slice(&lines), err);
    buf_clear(&lines);
  }
  buf_fini(&lines);
  generator_free(generator);
  return result;
}

void generate_random(struct random *random, uint64_t seed, uint64_t index) {
  /* Seeds that differ in one bit give streams that have nothing in common (splitmix64). */
  random_seed(random, seed * UINT64_C(0x9e3779b97f4a7c15) + index * UINT64_C(0xd1342543de82ef95));
}

uint64_t generate_skewed(struct random *random, uint64_t n) {
  uint64_t a = random_below(random, n), b = random_below(random, n);
  return a < b ? a : b;
}

int64_t generate_time(const struct generate_options *options, uint64_t index) {
  int64_t passed_us, time_us;
  if (index > INT64_MAX ||
      __builtin_mul_overflow((int64_t)index, options->interval_us, &passed_us) ||
      __builtin_add_overflow(options->start_us, passed_us, &time_us) || time_us > last_time_us)
    return last_time_us;
  return time_us;
}

void generate_uuid(struct random *random, struct buf *out) {
  uint64_t high = random_u64(random), low = random_u64(random);
  buf_printf(out, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(high >> 32),
             (unsigned)(high >> 16) & 0xffff, (unsigned)high & 0xfff,
             0x8000u | ((unsigned)(low >> 48) & 0x3fff),
             (unsigned long long)(low & UINT64_C(0xffffffffffff)));
}
