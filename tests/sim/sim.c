/* sim FOLDER: runs the script of a folder, and writes there what came out:
 *
 *     out/          the simulated folder /out, what the receivers of sinks `http` took (the last
 *                   part of their url as the name), and stdout
 *     log           the epochs, a line each (kept_log.h)
 *     pushed        a line for each request: taken, refused or unknown
 *     said          the diagnostics of all lives
 *     figures       "lives crashes failures reloads refused damaged", and their numbers
 *
 * The status is 0 when the last life came to its end, whatever came out; model.py judges that. */
#include "tests/sim/run.h"

#include <stdio.h>
#include <sys/stat.h>

static const char *folder;

static void file_write(const char *name, struct slice text) {
  char *path = mem_printf("%s/%s", folder, name);
  FILE *file = fopen(path, "wb");
  if (file == NULL) fail_msg("cannot write %s", path);
  if (text.len > 0) fwrite(text.data, 1, text.len, file);
  fclose(file);
  free(path);
}

static void outputs_write(struct run *run) {
  char **names, *dir = mem_printf("%s/out", folder);
  size_t n;
  struct err err;
  mkdir(dir, 0755);
  free(dir);
  if (disk_list(run->world.disk, "/out", &names, &n, &err) != 0) fail_msg("%s", err.text);
  for (size_t i = 0; i < n; i++) {
    struct buf text;
    char *path = mem_printf("/out/%s", names[i]);
    world_get(run->world.disk, path, &text);
    if (names[i][0] != '.') file_write(path + 1, buf_slice(&text));
    buf_fini(&text);
    free(path);
  }
  free(names);
  for (size_t i = 0; i < run->server.n_urls; i++) {
    char *name = mem_printf("out/%s", strrchr(run->server.urls[i], '/') + 1);
    file_write(name, buf_slice(&run->server.taken[i]));
    free(name);
  }
  file_write("out/stdout", buf_slice(&run->printed));
}

static void results_write(struct run *run) {
  struct buf text;
  outputs_write(run);
  buf_init(&text);
  kept_log_put(&run->log, &text);
  file_write("log", buf_slice(&text));
  buf_clear(&text);
  feed_put(run, &text);
  file_write("pushed", buf_slice(&text));
  buf_clear(&text);
  buf_printf(&text,
             "lives %llu\ncrashes %llu\nfailures %llu\nreloads %llu\nrefused %llu\n"
             "damaged %d\n",
             (unsigned long long)run->lives, (unsigned long long)run->crashes,
             (unsigned long long)run->failures, (unsigned long long)run->reloads,
             (unsigned long long)run->refused, run->damaged);
  file_write("figures", buf_slice(&text));
  buf_fini(&text);
}

/* What may end a life that was not cut short: a call that failed, a disk that was full. */
static void life_failed(struct run *run, const struct script_life *life, const struct err *err) {
  run->failures++;
  if (life->fail > 0 && run_calls(run) >= life->fail) return;
  if (life->full_to > 0 && strstr(err->text, "No space") != NULL) return;
  if (life->rot && strstr(err->text, KEPT_LOG_STATE "/") != NULL) {
    run->damaged = true;
    return;
  }
  file_write("said", buf_slice(&run->said));
  fail_msg("life %llu ended: %s", (unsigned long long)run->lives - 1, err->text);
}

static void lives(struct run *run) {
  static const struct script_life calm;
  struct err err;
  for (size_t i = 0; i < run->script.n_lives; i++) {
    const struct script_life *life = &run->script.lives[i];
    if (life_run(run, life, &err) == 0) continue;
    if (!life_down(run)) {
      life_failed(run, life, &err);
      if (run->damaged) return;
    } else {
      run->crashes++;
      world_crash(&run->world, life->unsynced, random_u64(&run->random));
    }
  }
  run->pusher.settled = true;
  if (life_run(run, &calm, &err) != 0) {
    file_write("said", buf_slice(&run->said));
    fail_msg("the last life ended: %s", err.text);
  }
}

static void simulated(void **state) {
  (void)state;
  struct run run = {0};
  struct buf text;
  struct err err = {0};
  script_read(&run.script, folder);
  script_file_read(&run.script, "p.yaml", &text);
  world_init(&run.world, buf_cstr(&text));
  buf_fini(&text);
  run.world.seed = run.script.seed;
  random_seed(&run.random, run.script.seed);
  random_seed(&run.server.random, run.script.seed + 1);
  run.server.trouble = run.script.trouble;
  run.server.refuse = run.script.refuse;
  run.world.input_ends = true;
  buf_put_slice(&run.world.input, buf_slice(&run.script.standard_input));
  run.world.scripted = true;
  feed_init(&run);
  lives(&run);
  /* What the last life wrote to the log. */
  assert_int_equal(io_sim_open(&run.world.io, 1, run.world.wall_us, run.world.disk, &err), 0);
  kept_log_read(&run.log, &run.world.io);
  io_sim_close(&run.world.io);
  file_write("said", buf_slice(&run.said));
  results_write(&run);
  kept_log_fini(&run.log);
  server_fini(&run.server);
  feed_fini(&run);
  buf_fini(&run.printed);
  buf_fini(&run.said);
  world_fini(&run.world);
  script_fini(&run.script);
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: sim FOLDER\n");
    return 64;
  }
  folder = argv[1];
  const struct CMUnitTest tests[] = {cmocka_unit_test(simulated)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
