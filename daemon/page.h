/* page: documentation that is written once and put out as Markdown or as a man page (man(7)).
 *
 * Texts are sentences in which `backticks` mark what is typed; everything else in them is shown as
 * it stands. */
#ifndef TIDEMARK_PAGE_H
#define TIDEMARK_PAGE_H

#include "config/pipeline.h"
#include "daemon/base/buf.h"

struct page {
  struct buf out; /* buf_fini() */
  bool man;
  bool headed; /* nothing has been put since a heading */
};

/* title: of the Markdown page; man: "TIDEMARK 1". text: what follows the name, without a full stop.
 */
void page_begin(struct page *page, bool man, const char *title, const char *name,
                const char *section, const char *text);
void page_heading(struct page *page, int level, const char *text); /* level 2 or 3 */
void page_text(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
void page_code(struct page *page, const char *language, const char *text); /* whole lines */
/* A list of terms, each with its text; head: what the terms are. Ends with whatever follows. */
void page_rows(struct page *page, const char *head);
void page_row(struct page *page, const char *term, const char *text);
/* Options: those of a pipeline, of the program, or of a type of component. */
void page_pipeline(struct page *page);
void page_daemon(struct page *page);
void page_component(struct page *page, enum component_kind kind, const struct component_type *type,
                    const struct option *common);
void page_end(struct page *page);

#endif
