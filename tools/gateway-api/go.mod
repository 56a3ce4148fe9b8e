module github.com/m1k1o/neko/trust/tools/gateway-api

go 1.26.0

// Only its custom resource definitions are taken. Newer ones ask for a newer Go than the tools are built with.
require sigs.k8s.io/gateway-api v1.6.3
