# The service of systemd and its user.
nodist_systemdsystemunit_DATA =
dist_sysusers_DATA =
if WITH_SYSTEMD
nodist_systemdsystemunit_DATA += daemon/systemd/tidemark.service
dist_sysusers_DATA += daemon/systemd/tidemark.conf
endif
EXTRA_DIST += daemon/systemd/tidemark.service.in daemon/systemd/tidemark.conf daemon/systemd/README.md
CLEANFILES += daemon/systemd/tidemark.service

daemon/systemd/tidemark.service: daemon/systemd/tidemark.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) daemon/systemd && \
	sed 's|@bindir[@]|$(bindir)|g' $(srcdir)/daemon/systemd/tidemark.service.in >$@.new && mv $@.new $@
all-local: daemon/systemd/tidemark.service
