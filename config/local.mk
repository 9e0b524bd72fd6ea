# config: what this folder adds to the build.
