/* daemon: what a configuration says of the program as a whole: `admin`. In a folder it stands in
 * one file, beside a pipeline or alone. */
#include "config/build.h"
#include "daemon/io/address.h"

#include <stdlib.h>

static const struct option admin_options[] = {
    {.name = "listen",
     .type = OPTION_TEXT,
     .offset = offsetof(struct daemon_settings, admin_listen),
     .fallback = "127.0.0.1:8365",
     .text = "address and port, `[::1]:8365`, or `unix:/path`"},
    {.name = "token",
     .type = OPTION_TEXT,
     .offset = offsetof(struct daemon_settings, admin_token),
     .secret = true,
     .text = "what callers must show as `Authorization: Bearer TOKEN`, but for `/healthz` and "
             "`/readyz`"},
    {0}};

static const struct option options[] = {
    {.name = "admin",
     .type = OPTION_GROUP,
     .group = admin_options,
     .text =
         "the port for metrics, probes and commands; there is one when this is there (`admin: {}` "
         "for the defaults) or `tidemark run --admin` is given"},
    {0}};

const struct option *daemon_options(void) {
  return options;
}

bool daemon_option_is(struct slice key) {
  for (const struct option *option = options; option->name != NULL; option++) {
    if (slice_is(key, option->name)) return true;
  }
  return false;
}

/* Whoever is not on this machine should have to show something. */
static bool is_local(const struct address *address) {
  return address->path[0] != '\0' || strcmp(address->host, "localhost") == 0 ||
         strcmp(address->host, "::1") == 0 || strncmp(address->host, "127.", 4) == 0;
}

static void check_admin(const struct build *build, const struct node *admin,
                        const struct daemon_settings *settings) {
  const struct node *listen = node_get(admin, "listen"), *token = node_get(admin, "token");
  struct place place = listen != NULL ? listen->place : admin->place;
  struct address address;
  struct err err;
  if (listen != NULL && listen->refused) return;
  if (token != NULL && !token->refused && settings->admin_token != NULL &&
      settings->admin_token[0] == '\0') {
    config_error_add(build->errors, token->place, "\"admin.token\" is empty");
  }
  if (address_parse(settings->admin_listen, &address, &err) != 0) {
    config_error_add(build->errors, place, "\"admin.listen\": %s", err.text);
  } else if (!is_local(&address) && settings->admin_token == NULL && token == NULL) {
    config_warning_add(build->errors, place,
                       "other machines can reach the admin port, and there is no \"admin.token\": "
                       "whoever can connect may read it");
  }
}

void daemon_read(const struct build *build, const struct node *map,
                 struct daemon_settings *settings) {
  options_read(options, map, settings, build->arena, build->errors);
  const struct node *admin = node_get(map, "admin");
  settings->admin = admin != NULL;
  if (admin != NULL && !admin->refused) check_admin(build, admin, settings);
}
