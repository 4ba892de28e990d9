module tritonup/tools/crds

go 1.26.5

require (
	github.com/aws/karpenter-provider-aws v1.14.0
	github.com/prometheus-operator/prometheus-operator v0.93.0
	sigs.k8s.io/karpenter v1.14.0
)
