# tests/bench: what this folder adds to the build.
