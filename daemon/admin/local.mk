# daemon/admin: what this folder adds to the build.
libtidemark_a_SOURCES += \
	daemon/admin/admin.c daemon/admin/admin.h \
	daemon/admin/admin_internal.h \
	daemon/admin/admin_json.c \
	daemon/admin/admin_pipeline_json.c \
	daemon/admin/admin_scrape.c \
	daemon/admin/admin_tap.c \
	daemon/admin/member.c \
	daemon/admin/rates.c daemon/admin/rates.h
EXTRA_DIST += daemon/admin/README.md
