/* admin_port: the admin port as the configuration and the command line want it, over reloads: bound
 * at the start, and moved by a reload that names another address, which is bound before anything is
 * given up. */
#ifndef TIDEMARK_ADMIN_PORT_H
#define TIDEMARK_ADMIN_PORT_H

#include "config/pipeline.h"
#include "daemon/admin/admin.h"

struct admin_port {
  struct io *io;
  const struct diag *diag;
  const char *address; /* of the command line, which counts before the configuration's; or NULL */
  const struct admin_view *view; /* NULL until admin_port_show() */
  struct admin *admin;           /* NULL: none is wanted */
  char *bound;                   /* the address as it was written */
  struct admin *next;            /* claimed by a reload that is going on */
  char *next_bound;
};

int admin_port_open(struct admin_port *port, const struct daemon_settings *settings,
                    struct err *err);
void admin_port_show(struct admin_port *port, const struct admin_view *view);
/* A reload: binds what it wants and is not bound yet; then it takes place, or not. */
int admin_port_claim(struct admin_port *port, const struct daemon_settings *settings,
                     struct err *err);
void admin_port_change(struct admin_port *port, const struct daemon_settings *settings);
void admin_port_keep(struct admin_port *port);
void admin_port_close(struct admin_port *port);

#endif
