"""The settings that peers ship, read in their repositories. Facts, with the file and the commit of each.

"Not stated" was established by reading the files named and by a search of the whole repository for
terminationGracePeriodSeconds, preStop, exit-timeout, minReadySeconds and PodDisruptionBudget.
"""

from __future__ import annotations

from benchmarks.drain.facts import By, Fact, PodSettings, Ports, Probe, Source, stated

READ = "2026-11-27"

LIVE = "/v2/health/live"
READY = "/v2/health/ready"

GRACE_S = Fact(30, By.KUBERNETES)
"""core/v1, PodSpec.terminationGracePeriodSeconds."""

NO_PRE_STOP = Fact(0, By.KUBERNETES)

EXIT_TIMEOUT_S = Fact(30, By.TRITON)
"""Server, src/command_line_parser.h, `exit_timeout_secs_`; the same in 24.10 and 26.07."""

NO_GRPC_AGE: Fact[int | None] = Fact(None, By.TRITON)
"""--grpc-max-connection-age is off unless it is given."""

QUARTER = Fact("25%", By.KUBERNETES)
"""apps/v1, RollingUpdateDeployment: maxSurge rounds up, maxUnavailable down."""

AT_ONCE = Fact(0, By.KUBERNETES)
"""apps/v1, DeploymentSpec.minReadySeconds."""

NO_PROBE: Fact[Probe | None] = Fact(None, By.KUBERNETES)
NO_BUDGET: Fact[str | None] = Fact(None, By.KUBERNETES)

SERVER = "triton-inference-server/server"

ON_PREMISE = PodSettings(
    key="triton-onprem",
    title="Triton, deploy/k8s-onprem",
    sources=(
        Source(
            repository=SERVER,
            path="deploy/k8s-onprem/templates/deployment.yaml",
            commit="0ab04d6a37f002f39beac0344d645979cafd20d4",
            date="2025-02-25",
        ),
        Source(
            repository=SERVER,
            path="deploy/k8s-onprem/values.yaml",
            commit="4b54459107911180d3c3b24cea1c5bc832563c0a",
            date="2026-07-29",
        ),
    ),
    replicas=stated(1),
    grace_s=GRACE_S,
    pre_stop_s=NO_PRE_STOP,
    exit_timeout_s=EXIT_TIMEOUT_S,
    grpc_age_ms=NO_GRPC_AGE,
    readiness=stated(Probe(path=READY, initial_delay_s=5, period_s=5, failures=3)),
    liveness=stated(Probe(path=LIVE, initial_delay_s=15, period_s=10, failures=3)),
    startup=stated(Probe(path=READY, period_s=10, failures=30)),
    max_surge=QUARTER,
    max_unavailable=QUARTER,
    min_ready_s=AT_ONCE,
    budget=NO_BUDGET,
)

CLOUD = PodSettings(
    key="triton-cloud",
    title="Triton, deploy/gcp and deploy/aws",
    sources=(
        Source(
            repository=SERVER,
            path="deploy/gcp/templates/deployment.yaml",
            commit="68d614bf28469daebfca83b81213cbb0511c96e9",
            date="2021-06-28",
        ),
        Source(
            repository=SERVER,
            path="deploy/aws/templates/deployment.yaml",
            commit="2847211c99b7ee4bfb8a51d9de420a49f62eede9",
            date="2023-07-20",
        ),
        Source(
            repository=SERVER,
            path="deploy/gcp/values.yaml",
            commit="4b54459107911180d3c3b24cea1c5bc832563c0a",
            date="2026-07-29",
        ),
    ),
    replicas=stated(1),
    grace_s=GRACE_S,
    pre_stop_s=NO_PRE_STOP,
    exit_timeout_s=EXIT_TIMEOUT_S,
    grpc_age_ms=NO_GRPC_AGE,
    readiness=stated(Probe(path=READY, initial_delay_s=5, period_s=5)),
    liveness=stated(Probe(path=LIVE)),
    startup=NO_PROBE,
    max_surge=QUARTER,
    max_unavailable=QUARTER,
    min_ready_s=AT_ONCE,
    budget=NO_BUDGET,
    remarks=("The AWS chart also polls its model repository every 5 s, which is left out here.",),
)

KSERVE = PodSettings(
    key="kserve",
    title="KServe, kserve-tritonserver as a Deployment",
    sources=(
        Source(
            repository="kserve/kserve",
            path="config/runtimes/kserve-tritonserver.yaml",
            commit="a28ece43ea89e8ae280933cdda2098e25d29e78b",
            date="2026-02-26",
        ),
        Source(
            repository="kserve/kserve",
            path="pkg/controller/v1beta1/inferenceservice/reconcilers/deployment/deployment_reconciler.go",
            commit="f650e311daac32b4d5de195650b5524279e6e5d4",
            date="2026-02-24",
        ),
    ),
    replicas=Fact(1, By.KUBERNETES),
    grace_s=stated(30),
    pre_stop_s=NO_PRE_STOP,
    exit_timeout_s=EXIT_TIMEOUT_S,
    grpc_age_ms=NO_GRPC_AGE,
    readiness=stated(Probe(path=None, period_s=10, timeout_s=1, failures=3)),
    liveness=NO_PROBE,
    startup=NO_PROBE,
    max_surge=stated("25%"),
    max_unavailable=stated("25%"),
    min_ready_s=AT_ONCE,
    budget=NO_BUDGET,
    ports=Ports(http=8080, grpc=9000),
    remarks=(
        "The controller's Standard mode. Its Knative mode puts a queue-proxy before the server, which drains by"
        " itself and was not measured.",
        "The runtime names no port, so its Service carries one protocol; here it carries HTTP and gRPC.",
    ),
)

AI_ON_EKS = PodSettings(
    key="ai-on-eks",
    title="AWS, ai-on-eks-charts",
    sources=(
        Source(
            repository="awslabs/ai-on-eks-charts",
            path="charts/inference-charts/templates/triton-vllm-deployment.yaml",
            commit="12babb56939553910989eb95546995bc1fc74226",
            date="2026-01-30",
        ),
        Source(
            repository="awslabs/ai-on-eks-charts",
            path="charts/inference-charts/values.yaml",
            commit="12babb56939553910989eb95546995bc1fc74226",
            date="2026-01-30",
        ),
    ),
    replicas=stated(1),
    grace_s=GRACE_S,
    pre_stop_s=NO_PRE_STOP,
    exit_timeout_s=EXIT_TIMEOUT_S,
    grpc_age_ms=NO_GRPC_AGE,
    readiness=stated(Probe(path=READY, initial_delay_s=55, period_s=5)),
    liveness=stated(Probe(path=LIVE, initial_delay_s=60, period_s=10)),
    startup=NO_PROBE,
    max_surge=QUARTER,
    max_unavailable=QUARTER,
    min_ready_s=AT_ONCE,
    budget=NO_BUDGET,
    remarks=(
        "The older chart that ai-on-eks's own infrastructure installs (aws-ia/terraform-aws-eks-data-addons,"
        " helm-charts/nvidia-triton-server, 1191e033, 2024-07-13) differs only in probes that begin after 180 s.",
    ),
)

PEERS = (ON_PREMISE, CLOUD, KSERVE, AI_ON_EKS)
