/* admin_port: see admin_port.h. */
#include "daemon/admin_port.h"

#include "daemon/base/mem.h"

#include <stdlib.h>

static const char *wanted(const struct admin_port *port, const struct daemon_settings *settings) {
  if (port->address != NULL) return port->address;
  return settings->admin ? settings->admin_listen : NULL;
}

static int bind_to(const struct admin_port *port, const char *address,
                   const struct daemon_settings *settings, struct admin **admin, char **bound,
                   struct err *err) {
  struct admin_options options = {.listen = address, .token = settings->admin_token};
  if (admin_open(admin, port->io, &options, err) != 0) return -1;
  *bound = mem_strdup(address);
  return 0;
}

static void say(const struct admin_port *port) {
  diag_say(port->diag, MESSAGE_ADMIN_LISTENS, NULL, "the admin port is %s",
           admin_address(port->admin));
}

int admin_port_open(struct admin_port *port, const struct daemon_settings *settings,
                    struct err *err) {
  const char *address = wanted(port, settings);
  if (address == NULL) return 0;
  if (bind_to(port, address, settings, &port->admin, &port->bound, err) != 0) return -1;
  say(port);
  return 0;
}

void admin_port_show(struct admin_port *port, const struct admin_view *view) {
  port->view = view;
  if (port->admin != NULL) admin_show(port->admin, view);
}

int admin_port_claim(struct admin_port *port, const struct daemon_settings *settings,
                     struct err *err) {
  const char *address = wanted(port, settings);
  if (address == NULL || (port->bound != NULL && strcmp(address, port->bound) == 0)) return 0;
  return bind_to(port, address, settings, &port->next, &port->next_bound, err);
}

static void close_one(struct admin **admin, char **bound) {
  admin_close(*admin);
  free(*bound);
  *admin = NULL;
  *bound = NULL;
}

void admin_port_change(struct admin_port *port, const struct daemon_settings *settings) {
  if (wanted(port, settings) == NULL) {
    close_one(&port->admin, &port->bound);
  } else if (port->next != NULL) {
    close_one(&port->admin, &port->bound);
    port->admin = port->next;
    port->bound = port->next_bound;
    port->next = NULL;
    port->next_bound = NULL;
    if (port->view != NULL) admin_show(port->admin, port->view);
    say(port);
  } else {
    admin_change_token(port->admin, settings->admin_token);
  }
}

void admin_port_keep(struct admin_port *port) {
  close_one(&port->next, &port->next_bound);
}

void admin_port_close(struct admin_port *port) {
  close_one(&port->next, &port->next_bound);
  close_one(&port->admin, &port->bound);
}
