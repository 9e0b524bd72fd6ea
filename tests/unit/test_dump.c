/* A dump reads back as the same pipeline, and holds no secret. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/dump.h"
#include "tests/unit/config_support.h"

static const char odd[] =
    "# everything that YAML writes in more than one way\n"
    "delivery: \"at_least_once\"\n"
    "sources:\n"
    "  in:\n"
    "    type: file\n"
    "    path: '~'\n"
    "    password: ${file:/run/secrets/password}\n"
    "    tags: [yes, \"007\", 'it''s', \"tab\\there\", \"$${V}\", \"${V}\", \"\"]\n"
    "    headers: &h {a: \"x: y # z\", \"b c\": \"\\u00e4\\n\\\\\"}\n"
    "  b:\n"
    "    type: file\n"
    "    path: >\n"
    "      folded\n"
    "      text\n"
    "\n"
    "      and more\n"
    "    headers: *h\n"
    "    tags: [\"a ${file:/run/secrets/password} b\"]\n"
    "transforms:\n"
    "  a: {type: filter, input: b, where: \"x = 'q' and y > 1\"}\n"
    "sinks:\n"
    "  out: {type: file, input: [a, in], path: p, level: -1, share: 0.5, password: hunter2}\n"
    "tests: [{name: none}]\n";

static struct world *world;
static const struct pipeline *secrets_of;

static const char *env(void *arg, const char *name) {
  (void)arg;
  const char *secret = config_dump_secret(secrets_of, name);
  return secret != NULL ? secret : strcmp(name, "V") == 0 ? "a value, with: everything" : NULL;
}

static struct config *load(const char *path, const char *text, size_t len) {
  world_put(world, path, text, len);
  struct config *config = config_load(path, &fake_catalog, &world->source);
  struct buf errors = {0};
  config_errors_put(&config->errors, &errors);
  if (config_errors_any(&config->errors)) fail_msg("%s\n%.*s", buf_cstr(&errors), (int)len, text);
  buf_fini(&errors);
  return config;
}

static void reads_back_the_same(void **state) {
  (void)state;
  struct world made;
  world = &made;
  world_init(world);
  world_put(world, "/run/secrets/password", "s3cret: yes", 11);
  world_set(world, "V", "a value, with: everything");
  struct config *config = load("/etc/p.yaml", odd, sizeof odd - 1);
  const struct pipeline *pipeline = config->pipelines[0];
  struct buf dump = {0}, again = {0};
  config_dump(pipeline, &dump);
  assert_null(strstr(buf_cstr(&dump), "s3cret"));
  assert_null(strstr(buf_cstr(&dump), "hunter2"));
  assert_null(strstr(buf_cstr(&dump), "another one"));
  assert_non_null(strstr(buf_cstr(&dump), "${TIDEMARK_SECRET_sources_in_password}"));

  secrets_of = pipeline;
  world->source.env = env;
  world_put(world, "/run/secrets/password", "another one", 11); /* the dump does not read it */
  struct config *read = load("/etc/dump.yaml", dump.data, dump.len);
  config_dump(read->pipelines[0], &again);
  assert_string_equal(buf_cstr(&again), buf_cstr(&dump));
  assert_true(read->pipelines[0]->id == pipeline->id);
  assert_int_equal(read->pipelines[0]->n_components, pipeline->n_components);
  for (size_t i = 0; i < pipeline->n_components; i++) {
    const struct component *a = &pipeline->components[i], *b = &read->pipelines[0]->components[i];
    assert_string_equal(a->name, b->name);
    if (a->kind == COMPONENT_TRANSFORM) continue;
    const struct fake_file *fa = a->instance, *fb = b->instance;
    assert_string_equal(fa->path, fb->path);
    assert_int_equal(fa->level, fb->level);
    assert_true(fa->share == fb->share);
    assert_int_equal(fa->password != NULL, fb->password != NULL);
    if (fa->password != NULL) assert_string_equal(fa->password, fb->password);
    assert_int_equal(fa->tags.n, fb->tags.n);
    for (size_t k = 0; k < fa->tags.n; k++)
      assert_string_equal(fa->tags.items[k], fb->tags.items[k]);
    assert_int_equal(fa->headers.n, fb->headers.n);
    for (size_t k = 0; k < fa->headers.n; k++) {
      assert_string_equal(fa->headers.names[k], fb->headers.names[k]);
      assert_string_equal(fa->headers.items[k], fb->headers.items[k]);
    }
  }
  config_free(read);
  config_free(config);
  buf_fini(&dump);
  buf_fini(&again);
  world_fini(world);
}

static void a_secret_makes_a_difference_to_a_reload_only(void **state) {
  (void)state;
  struct world made;
  world = &made;
  world_init(world);
  static const char yaml[] = "sources: {in: {type: file, path: p, password: %s}}\n"
                             "sinks: {out: {type: file, input: in, path: p}}\n";
  char text[2][200];
  struct config *config[2];
  for (int i = 0; i < 2; i++) {
    snprintf(text[i], sizeof text[i], yaml, i == 0 ? "one" : "two");
    config[i] = load(i == 0 ? "/a/p.yaml" : "/b/p.yaml", text[i], strlen(text[i]));
  }
  const struct pipeline *a = config[0]->pipelines[0], *b = config[1]->pipelines[0];
  assert_true(a->id == b->id);
  assert_false(config_node_equal(a->node, b->node));
  assert_true(config_node_equal(a->node, a->node));
  config_free(config[0]);
  config_free(config[1]);
  world_fini(world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_back_the_same),
      cmocka_unit_test(a_secret_makes_a_difference_to_a_reload_only),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
