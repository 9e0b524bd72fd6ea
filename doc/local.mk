# doc: what the program says of itself, from its own tables: man pages, the reference, the schema.
# They are built and not distributed, so the program and its documentation are always of one version.
nodist_man_MANS = doc/tidemark.1 doc/tidemark.yaml.5
nodist_doc_DATA = doc/reference.md
dist_doc_DATA = README.md CHANGELOG.md
nodist_pkgdata_DATA = doc/tidemark.schema.json
CLEANFILES += $(nodist_man_MANS) $(nodist_doc_DATA) $(nodist_pkgdata_DATA)

DOC_MAKE = $(AM_V_GEN)$(MKDIR_P) doc && ./tidemark$(EXEEXT) list
doc/tidemark.1: tidemark$(EXEEXT)
	$(DOC_MAKE) --man1 >$@.new && mv $@.new $@
doc/tidemark.yaml.5: tidemark$(EXEEXT)
	$(DOC_MAKE) --man5 >$@.new && mv $@.new $@
doc/reference.md: tidemark$(EXEEXT)
	$(DOC_MAKE) --reference >$@.new && mv $@.new $@
doc/tidemark.schema.json: tidemark$(EXEEXT)
	$(DOC_MAKE) --schema >$@.new && mv $@.new $@
