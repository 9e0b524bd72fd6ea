/* page: see page.h.
 *
 * What must stay true of man pages: no line of text begins with a control character of troff, and
 * characters that troff would turn into typographic ones are escaped, so that what is typed can be
 * copied. */
#include "daemon/page.h"

#include "config/build.h"
#include "config/reference.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ inline text */

static void put_troff_char(struct buf *out, char c) {
  switch (c) {
  case '\\': buf_put_text(out, "\\e"); break;
  case '-': buf_put_text(out, "\\-"); break;
  case '^': buf_put_text(out, "\\(ha"); break;
  case '~': buf_put_text(out, "\\(ti"); break;
  case '\'': buf_put_text(out, "\\(aq"); break;
  case '`': buf_put_text(out, "\\(ga"); break;
  case '"': buf_put_text(out, "\\(dq"); break;
  default: buf_put_char(out, c);
  }
}

/* code: all of it is typed, and backticks are themselves. */
static void put_troff(struct buf *out, const char *text, bool code) {
  bool bold = false;
  if (text[0] == '.') buf_put_text(out, "\\&");
  for (; *text != '\0'; text++) {
    if (*text == '`' && !code) {
      bold = !bold;
      buf_put_text(out, bold ? "\\fB" : "\\fR");
    } else if (*text == '-' && !code && !bold) {
      buf_put_char(out, '-');
    } else {
      put_troff_char(out, *text);
    }
  }
}

/* A cell of a table ends at a bar. */
static void put_cell(struct buf *out, const char *text) {
  for (; *text != '\0'; text++) {
    if (*text == '|') buf_put_char(out, '\\');
    buf_put_char(out, *text);
  }
}

/* ------------------------------------------------------------------ blocks */

/* Before a paragraph, a block or a table; troff wants no paragraph straight behind a heading. */
static void block(struct page *page, bool paragraph) {
  if (page->man && paragraph && !page->headed) buf_put_text(&page->out, ".PP\n");
  page->headed = false;
  if (page->man) return;
  size_t len = page->out.len;
  bool blank = len > 1 && memcmp(page->out.data + len - 2, "\n\n", 2) == 0;
  if (len > 0 && !blank) buf_put_char(&page->out, '\n');
}

void page_begin(struct page *page, bool man, const char *title, const char *name,
                const char *section, const char *text) {
  *page = (struct page){.man = man};
  buf_init(&page->out);
  if (!man) {
    buf_printf(&page->out, "# %s\n", title);
    return;
  }
  buf_put_text(&page->out, ".TH \"");
  for (const char *c = name; *c != '\0'; c++) buf_put_char(&page->out, (char)toupper(*c));
  buf_printf(&page->out, "\" %s %s \"Tidemark %s\" \"%s\"\n.SH NAME\n%s \\- ", section,
             TIDEMARK_RELEASED, TIDEMARK_VERSION, title, name);
  put_troff(&page->out, text, false);
  buf_put_char(&page->out, '\n');
}

void page_heading(struct page *page, int level, const char *text) {
  block(page, false);
  page->headed = true;
  if (!page->man) {
    buf_printf(&page->out, "%s %s\n", level == 2 ? "##" : "###", text);
    return;
  }
  buf_put_text(&page->out, level == 2 ? ".SH \"" : ".SS \"");
  for (const char *c = text; *c != '\0'; c++)
    put_troff_char(&page->out, level == 2 ? (char)toupper(*c) : *c);
  buf_put_text(&page->out, "\"\n");
}

void page_text(struct page *page, const char *format, ...) {
  char text[4096];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  block(page, true);
  if (page->man) {
    put_troff(&page->out, text, false);
  } else {
    buf_put_text(&page->out, text);
  }
  buf_put_char(&page->out, '\n');
}

void page_code(struct page *page, const char *language, const char *text) {
  block(page, true);
  if (!page->man) {
    buf_printf(&page->out, "```%s\n%s```\n", language, text);
    return;
  }
  buf_put_text(&page->out, ".nf\n");
  for (const char *end; *text != '\0'; text = end + 1) {
    end = strchr(text, '\n');
    struct buf line;
    buf_init(&line);
    buf_put(&line, text, (size_t)(end - text));
    put_troff(&page->out, buf_cstr(&line), true);
    buf_put_char(&page->out, '\n');
    buf_fini(&line);
  }
  buf_put_text(&page->out, ".fi\n");
}

void page_rows(struct page *page, const char *head) {
  block(page, false);
  if (!page->man) buf_printf(&page->out, "| %s | |\n|---|---|\n", head);
}

void page_row(struct page *page, const char *term, const char *text) {
  if (!page->man) {
    buf_put_text(&page->out, "| `");
    put_cell(&page->out, term);
    buf_put_text(&page->out, "` | ");
    put_cell(&page->out, text);
    buf_put_text(&page->out, " |\n");
    return;
  }
  buf_put_text(&page->out, ".TP\n\\fB");
  put_troff(&page->out, term, true);
  buf_put_text(&page->out, "\\fR\n");
  put_troff(&page->out, text, false);
  buf_put_char(&page->out, '\n');
}

/* ------------------------------------------------------------------ options */

static void option_put(void *arg, const char *name, const struct option *option) {
  struct page *page = arg;
  struct buf facts;
  buf_init(&facts);
  reference_put_facts(&facts, option);
  buf_put_text(&page->out, ".TP\n\\fB");
  put_troff(&page->out, name, true);
  buf_put_text(&page->out, "\\fR: ");
  put_troff(&page->out, buf_cstr(&facts), true);
  buf_put_char(&page->out, '\n');
  put_troff(&page->out, option->text, false);
  buf_put_char(&page->out, '\n');
  buf_fini(&facts);
}

void page_pipeline(struct page *page) {
  block(page, false);
  if (page->man)
    reference_each(pipeline_options(), option_put, page);
  else
    reference_put_pipeline(&page->out);
}

void page_daemon(struct page *page) {
  block(page, false);
  if (page->man)
    reference_each(daemon_options(), option_put, page);
  else
    reference_put_daemon(&page->out);
}

void page_component(struct page *page, enum component_kind kind, const struct component_type *type,
                    const struct option *common) {
  block(page, false);
  if (!page->man) {
    reference_put_component(&page->out, kind, type, common);
    return;
  }
  char title[128];
  snprintf(title, sizeof title, "%s (%s)", type->name, component_kind_name(kind));
  page_heading(page, 3, title);
  page_text(page, "%s.", type->text);
  reference_each(component_head_options(kind), option_put, page);
  reference_each(type->options, option_put, page);
  reference_each(common, option_put, page);
}

void page_end(struct page *page) {
  buf_fini(&page->out);
}
