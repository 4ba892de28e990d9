"""CustomResourceDefinitions as their controllers publish them, word for word, one a file.

They are other projects' interfaces and under their licence (Apache-2.0): Karpenter's from github.com/aws/
karpenter-provider-aws v1.14.1, pkg/apis/crds; the Prometheus operator's from github.com/prometheus-operator/
prometheus-operator v0.93.0, example/prometheus-operator-crd, without the texts that describe fields. `make crds` writes
them from the modules that tools/crds/go.mod pins, and a test holds them to these.
"""
