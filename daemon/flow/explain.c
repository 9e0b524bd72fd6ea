/* explain: the compiled plan as text: stages in the order they run, what each reads, the fields
 * that sources decode, and the expressions as compiled. */
#include "daemon/flow/graph.h"

static const char *const kind_names[] = {"source", "transform", "keyed transform",
                                         "merge",  "errors",    "sink"};

static void slots_put(const struct rowset *rowset, struct buf *out) {
  buf_put_text(out, "    decodes:");
  bool any = false;
  for (size_t i = 0; i < rowset->n_slots; i++) {
    if (rowset->slots[i].kind != SLOT_DECODED) continue;
    buf_put_text(out, any ? ", " : " ");
    path_put(out, &rowset->slots[i].path);
    any = true;
  }
  buf_put_text(out, any ? "" : " nothing");
  buf_put_text(out, rowset->whole ? "; the whole record is checked, as it is rewritten\n" : "\n");
}

static void inputs_put(const struct stage *stage, struct buf *out) {
  for (size_t i = 0; i < stage->n_inputs; i++) {
    const struct stage_input *input = &stage->inputs[i];
    const char *port = input->stage->n_ports > 0 ? input->stage->ports[input->port].name : "";
    buf_printf(out, "%s%s%s%s", i == 0 ? " <- " : ", ", input->stage->name,
               port[0] != '\0' ? "." : "", port);
  }
}

static void schema_put(const struct schema *schema, struct buf *out) {
  if (schema_untouched(schema)) {
    buf_put_text(out, "the record as it came");
    return;
  }
  buf_put_text(out, schema->open ? "the record with" : "");
  for (size_t i = 0; i < schema->n_fields; i++) {
    buf_printf(out, "%s%.*s",
               i > 0          ? ", "
               : schema->open ? " "
                              : "",
               SLICE_ARG(schema->fields[i].name));
  }
  for (size_t i = 0; i < schema->n_dropped; i++) {
    buf_printf(out, "%s%.*s", i > 0 ? ", " : " without ", SLICE_ARG(schema->dropped[i]));
  }
}

void graph_explain(const struct graph *graph, struct buf *out) {
  buf_printf(out, "pipeline %s\n", graph->pipeline->settings.name);
  for (size_t i = 0; i < graph->n_stages; i++) {
    const struct stage *stage = graph->stages[i];
    buf_printf(out, "  %s %s", kind_names[stage->kind], stage->name);
    if (stage->kind != STAGE_MERGE && stage->kind != STAGE_ERRORS) {
      buf_printf(out, " (%s)", stage->component->type->name);
    }
    inputs_put(stage, out);
    buf_put_char(out, '\n');
    if (stage->kind == STAGE_SOURCE) slots_put(stage->ports[0].schema->rowset, out);
    for (size_t k = 0; k < stage->n_exprs; k++) {
      const struct compiled_expr *compiled = &stage->exprs[k];
      buf_put_text(out, "    ");
      if (compiled->text.name.len > 0) buf_printf(out, "%.*s: ", SLICE_ARG(compiled->text.name));
      if (compiled->expr != NULL) {
        expr_explain(compiled->expr, out);
        buf_printf(out, " -> %s", value_type_name(expr_type(compiled->expr)));
      }
      buf_put_char(out, '\n');
    }
    for (size_t p = 0; p < stage->n_ports && stage->kind != STAGE_MERGE; p++) {
      const struct port *port = &stage->ports[p];
      buf_printf(out, "    gives%s%s: ", port->name[0] != '\0' ? " ." : "", port->name);
      schema_put(port->schema, out);
      buf_put_char(out, '\n');
    }
  }
}
