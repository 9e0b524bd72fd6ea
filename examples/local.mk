exampledir = $(docdir)/examples
dist_example_DATA = examples/billing.yaml
EXTRA_DIST += examples/quickstart.sh
