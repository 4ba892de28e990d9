"""The restricted Pod Security Standard of Kubernetes 1.35, control by control.

From "Pod Security Standards" (kubernetes.io/docs/concepts/security/pod-security-standards) and the admission
plugin that enforces it (k8s.io/pod-security-admission 0.35, `policy`). Exemptions that the standard makes for
Windows pods and for user namespaces are not made here: none of our pods needs one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Body = Mapping[str, Any]

VOLUME_TYPES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
SELINUX_TYPES = {None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
SAFE_SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
}
APPARMOR_ANNOTATION = "container.apparmor.security.beta.kubernetes.io/"
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
HOOKS = ("postStart", "preStop")


def violations(metadata: Body, pod: Body) -> list[str]:
    """What of the pod the restricted standard does not admit, as `field: value`. Empty: it is admitted."""
    return [*_pod(metadata, pod), *(found for path, one in _containers(pod) for found in _container(path, one, pod))]


def _containers(pod: Body) -> Iterator[tuple[str, Body]]:
    for kind in ("containers", "initContainers", "ephemeralContainers"):
        for index, container in enumerate(pod.get(kind) or []):
            yield f"{kind}[{index}]", container


def _pod(metadata: Body, pod: Body) -> Iterator[str]:
    context = pod.get("securityContext") or {}
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(field):
            yield f"{field}: {pod[field]}"
    for volume in pod.get("volumes") or []:
        types = set(volume) - {"name"} or {"emptyDir"}
        yield from (f"volumes[{volume['name']}]: {kind}" for kind in sorted(types - VOLUME_TYPES))
    for sysctl in context.get("sysctls") or []:
        if sysctl["name"] not in SAFE_SYSCTLS:
            yield f"securityContext.sysctls: {sysctl['name']}"
    for key, value in (metadata.get("annotations") or {}).items():
        if key.startswith(APPARMOR_ANNOTATION) and not (
            value in ("", "runtime/default") or value.startswith("localhost/")
        ):
            yield f"annotations[{key}]: {value}"
    yield from _contexts("securityContext", context)
    if context.get("runAsUser") == 0:
        yield "securityContext.runAsUser: 0"


def _contexts(path: str, context: Body) -> Iterator[str]:
    """What is asked alike of a pod's and of a container's security context."""
    if (context.get("windowsOptions") or {}).get("hostProcess"):
        yield f"{path}.windowsOptions.hostProcess: True"
    selinux = context.get("seLinuxOptions") or {}
    if selinux.get("type") not in SELINUX_TYPES:
        yield f"{path}.seLinuxOptions.type: {selinux['type']}"
    yield from (f"{path}.seLinuxOptions.{field}: {selinux[field]}" for field in ("user", "role") if selinux.get(field))
    apparmor = (context.get("appArmorProfile") or {}).get("type")
    if apparmor not in (None, "RuntimeDefault", "Localhost"):
        yield f"{path}.appArmorProfile.type: {apparmor}"
    seccomp = (context.get("seccompProfile") or {}).get("type")
    if seccomp not in (None, "RuntimeDefault", "Localhost"):
        yield f"{path}.seccompProfile.type: {seccomp}"


def _container(path: str, container: Body, pod: Body) -> Iterator[str]:
    context = container.get("securityContext") or {}
    of_pod = pod.get("securityContext") or {}
    own = f"{path}.securityContext"
    yield from _contexts(own, context)
    if context.get("privileged"):
        yield f"{own}.privileged: True"
    if context.get("allowPrivilegeEscalation") is not False:
        yield f"{own}.allowPrivilegeEscalation: {context.get('allowPrivilegeEscalation')}"
    if context.get("runAsNonRoot", of_pod.get("runAsNonRoot")) is not True:
        yield f"{own}.runAsNonRoot: {context.get('runAsNonRoot', of_pod.get('runAsNonRoot'))}"
    if context.get("runAsUser") == 0:
        yield f"{own}.runAsUser: 0"
    if (context.get("seccompProfile") or of_pod.get("seccompProfile")) is None:
        yield f"{own}.seccompProfile: None"
    if context.get("procMount") not in (None, "Default"):
        yield f"{own}.procMount: {context['procMount']}"
    capabilities = context.get("capabilities") or {}
    if "ALL" not in (capabilities.get("drop") or []):
        yield f"{own}.capabilities.drop: {capabilities.get('drop')}"
    if added := set(capabilities.get("add") or []) - {"NET_BIND_SERVICE"}:
        yield f"{own}.capabilities.add: {sorted(added)}"
    for port in container.get("ports") or []:
        if port.get("hostPort"):
            yield f"{path}.ports.hostPort: {port['hostPort']}"
    yield from _hosts(path, container)


def _hosts(path: str, container: Body) -> Iterator[str]:
    """Since 1.34 a probe or a hook talks to its own pod alone."""
    handlers = {probe: container.get(probe) or {} for probe in PROBES}
    handlers |= {f"lifecycle.{hook}": (container.get("lifecycle") or {}).get(hook) or {} for hook in HOOKS}
    for name, handler in handlers.items():
        for action in ("httpGet", "tcpSocket"):
            if host := (handler.get(action) or {}).get("host"):
                yield f"{path}.{name}.{action}.host: {host}"
