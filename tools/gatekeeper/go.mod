module github.com/m1k1o/neko/trust/tools/gatekeeper

go 1.26.0

// Only files are taken out of it: the chart and its custom resource definitions. Nothing of it is built.
require github.com/open-policy-agent/gatekeeper/v3 v3.23.1
