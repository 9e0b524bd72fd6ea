# daemon/record: sources are added to libtidemark_a_SOURCES here.
