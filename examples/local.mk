EXTRA_DIST += examples/quickstart.sh examples/billing.yaml
